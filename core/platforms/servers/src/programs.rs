//! The agent's programs that come with this build: one for each kind of processor.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use justmanage_model::Version;
use justmanage_platforms::PlatformError;
use ring::digest;

/// Agents for servers.
#[derive(Debug)]
pub struct Programs {
    version: Version,
    /// By what `uname -m` says.
    files: BTreeMap<String, PathBuf>,
    /// As they were when they were read last: one server after the other asks, within milliseconds.
    read: Mutex<HashMap<PathBuf, (Look, Arc<Program>)>>,
}

/// What tells one build of a file from the next without reading it.
type Look = (u64, Option<SystemTime>);

/// A program of an agent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// What it is called on servers: one name for each build.
    pub(crate) name: String,
    /// Of its content: 64 hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) content: Vec<u8>,
}

impl Programs {
    /// Agents of this version: a file for each processor, by what `uname -m` calls it (`x86_64`, `aarch64`).
    pub fn new(version: Version, files: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        Self { version, files: files.into_iter().collect(), read: Mutex::default() }
    }

    /// Their version.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether there is one for a processor.
    pub(crate) fn run_on(&self, machine: &str) -> bool {
        self.files.contains_key(machine)
    }

    /// That there is any, and that it can be read.
    pub(crate) fn check(&self) -> Result<(), PlatformError> {
        match self.files.values().next() {
            Some(file) => self.read(file).map(drop),
            None => Err(missing("this provider has no agent at all".to_owned())),
        }
    }

    /// The one for a processor.
    pub(crate) fn of(&self, machine: &str) -> Result<Arc<Program>, PlatformError> {
        match self.files.get(machine) {
            Some(file) => self.read(file),
            None => Err(missing(format!("there is no agent for the processor {machine}"))),
        }
    }

    fn read(&self, file: &Path) -> Result<Arc<Program>, PlatformError> {
        let unreadable =
            |error: io::Error| missing(format!("the agent's program cannot be read at {}: {error}", file.display()));
        let found = fs::metadata(file).map_err(unreadable)?;
        let look = (found.len(), found.modified().ok());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, program)) = read.get(file).filter(|(before, _)| *before == look) {
            return Ok(program.clone());
        }
        let content = fs::read(file).map_err(unreadable)?;
        let sha256 = sha256(&content);
        let name = format!("justmanage-agent-{}", &sha256[..16]);
        let program = Arc::new(Program { name, sha256, content });
        read.insert(file.to_owned(), (look, program.clone()));
        Ok(program)
    }
}

/// The digest of a content: 64 hexadecimal digits.
pub(crate) fn sha256(content: &[u8]) -> String {
    digest::digest(&digest::SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn missing(what: String) -> PlatformError {
    PlatformError::Invalid {
        field: "agent".into(),
        what,
        hint: "The provider comes with the program `justmanage-agent` beside it, for each processor that servers may have. Install \
               the whole archive, or name the program with JUSTMANAGE_AGENT."
            .into(),
    }
}

/// Without the content.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.name).finish()
    }
}
