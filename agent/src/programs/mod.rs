//! Programs that operators have this machine keep: fetched from a mirror of theirs, or sent by the core, and verified either way.
//!
//! The one invariant: **what has a name is whole and has the digest that it is called by.** It arrives under a name that says that it
//! is unfinished, and what an agent leaves that is killed meanwhile is removed at the next start.

mod arrival;
mod error;
mod source;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use justmanage_model::Engine;
use justmanage_model::node::ServerProgram;
use tokio::fs::File;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::info;

use crate::content::sha256 as digest_of;
use crate::directory::Directory;

pub use arrival::{Arrived, Progress};
pub use error::ArrivalError;
pub(crate) use source::fetched;
pub use source::{Content, SourceUrl};

/// Names, in the environment of an agent, the directory in which it keeps server programs. Without it they are in the node's own,
/// `artifacts`, and go with the node.
pub const KEPT: &str = "JUSTMANAGE_ARTIFACTS";

/// Largest program: Redis' has 15 MB, with everything that can be linked into it 100. The bound keeps a wrong URL from filling the disk.
const LARGEST: u64 = 512 << 20;
/// How long a source may give nothing at all. A mirror that fetches the file itself first takes some seconds for its head.
const STALL: Duration = Duration::from_secs(30);

/// The programs of one machine. Clones are the same.
#[derive(Clone, Debug)]
pub struct Programs {
    place: PathBuf,
    /// Most bytes of one.
    largest: u64,
    /// How long nothing may come.
    stall: Duration,
    /// Held while one is on its way.
    arriving: Arc<Mutex<()>>,
}

/// Nobody else's program arrives as long as this is held.
#[derive(Debug)]
pub struct Reserved(#[allow(dead_code, reason = "held")] OwnedMutexGuard<()>);

impl Programs {
    /// Those that the agent of a node keeps. Removes what was left unfinished.
    pub fn open(directory: &Directory) -> Self {
        let named = std::env::var_os(KEPT).filter(|place| !place.is_empty()).map(PathBuf::from);
        Self::at(named.unwrap_or_else(|| directory.artefacts()), LARGEST, STALL)
    }

    /// At a place, with other bounds.
    pub fn at(place: PathBuf, largest: u64, stall: Duration) -> Self {
        arrival::sweep(&place);
        Self { place, largest, stall, arriving: Arc::default() }
    }

    /// How long a source may give nothing.
    pub const fn stall(&self) -> Duration {
        self.stall
    }

    /// The right to have a program arrive: one at a time.
    ///
    /// # Errors
    /// [`ArrivalError::Busy`].
    pub fn reserve(&self) -> Result<Reserved, ArrivalError> {
        self.arriving.clone().try_lock_owned().map(Reserved).map_err(|_| ArrivalError::Busy)
    }

    /// The content at a URL. Blocks.
    ///
    /// # Errors
    /// [`ArrivalError::Source`].
    pub fn fetch(&self, url: &SourceUrl) -> Result<Box<dyn Content>, ArrivalError> {
        info!(from = %url, "fetching a program");
        fetched(url, self.stall)
    }

    /// A server program that is kept, if it is whole.
    pub async fn kept(&self, file_name: &str, sha256: &str) -> Option<ServerProgram> {
        let path = self.path(file_name, sha256);
        (digest_of(&path).await.ok()? == sha256).then_some(())?;
        look(&path, sha256).await.ok()
    }

    /// The file of a server program that is kept; `None`: it is not.
    ///
    /// # Errors
    /// [`ArrivalError::Disk`].
    pub async fn file(&self, (file_name, sha256): (&str, &str)) -> Result<Option<File>, ArrivalError> {
        match File::open(self.path(file_name, sha256)).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArrivalError::Disk(format!("{file_name} of SHA-256 {sha256} cannot be read: {error}"))),
        }
    }

    /// All server programs that are kept and run here.
    pub async fn all(&self) -> Vec<ServerProgram> {
        let mut found = Vec::new();
        let entries = std::fs::read_dir(&self.place).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        for sha256 in names.iter().filter(|name| is_digest(name)) {
            for engine in [Engine::Redis, Engine::Valkey] {
                found.extend(self.kept(engine.server_binary(), sha256).await);
            }
        }
        found
    }

    /// Keeps a server program under its digest. Blocks; within a runtime's thread that may.
    ///
    /// # Errors
    /// [`ArrivalError`]: nothing was kept.
    pub fn keep(
        &self,
        (file_name, sha256): (&str, &str),
        content: &mut dyn Content,
        progress: &Progress,
    ) -> Result<ServerProgram, ArrivalError> {
        let arrived = Arrived::take(&self.place, (file_name, sha256), self.largest, content, progress)?;
        // Before it has a name, but called by the name that it will have: some programs are what they are called.
        let seen = Handle::current().block_on(look(arrived.path(), sha256))?;
        let path = self.path(file_name, sha256);
        arrived.settle(&path)?;
        info!(program = %path.display(), release = %seen.release, "keeps a server program");
        Ok(ServerProgram { path, ..seen })
    }

    /// Has any program arrive, and gives it no name. Blocks.
    ///
    /// # Errors
    /// [`ArrivalError`].
    pub fn receive(
        &self,
        named: (&str, &str),
        content: &mut dyn Content,
        progress: &Progress,
    ) -> Result<Arrived, ArrivalError> {
        Arrived::take(&self.place, named, self.largest, content, progress)
    }

    /// Where a server program is, once it is kept.
    pub fn path(&self, file_name: &str, sha256: &str) -> PathBuf {
        self.place.join(sha256).join(file_name)
    }
}

/// What a server program is called, and by which digest: nothing else becomes a part of a path.
///
/// # Errors
/// [`ArrivalError::Invalid`].
pub fn named<'a>(file_name: &'a str, sha256: &'a str) -> Result<(&'a str, &'a str), ArrivalError> {
    let engines = [Engine::Redis, Engine::Valkey];
    if !engines.iter().any(|engine| engine.server_binary() == file_name) {
        return Err(ArrivalError::Invalid("only redis-server and valkey-server are kept".to_owned()));
    }
    match is_digest(sha256) {
        true => Ok((file_name, sha256)),
        false => Err(ArrivalError::Invalid("a SHA-256 is 64 lowercase hexadecimal digits".to_owned())),
    }
}

/// Whether this is the SHA-256 of something.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

async fn look(path: &Path, sha256: &str) -> Result<ServerProgram, ArrivalError> {
    let server = justmanage_engine::inspect(path).await;
    let server = server.map_err(|error| ArrivalError::NotAProgram(error.to_string()))?;
    Ok(ServerProgram { path: path.to_owned(), release: server.release, tls: server.tls, sha256: sha256.to_owned() })
}
