//! The directory of a node: which file is what.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use justmanage_steps::step;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A node's directory. Everything that a node is, is in here; nothing of it is elsewhere.
///
/// | path | what | written by |
/// |---|---|---|
/// | `order.json` | whose node it is, its first operators, and its one-time token | the platform, with the directory |
/// | `agent.key` | the agent's private key | the agent, once |
/// | `admitted.json` | operators whom the owner of the directory let in | `justmanage-agent admit` |
/// | `enrolled.json` | who has enrolled the agent, with its token | the agent, once |
/// | `agent.lock` | held by the agent that runs | the agent |
/// | `agent.json` | how to reach the agent that runs | the agent, when it listens |
/// | `program` | link to the program of the agent that ran last: what starts the node's agent again | the agent, when it listens |
/// | `agent.log`, `server.log` | logs | agent and server |
/// | `ports.json` | the node's ports | the agent, once |
/// | `record/` | the Record: the agent's copy, and what it keeps of the group that agrees on it | the agent |
/// | `secrets/` | private keys and passwords | the agent |
/// | `server.json` | which process is the server | the agent, before the server runs |
/// | `started.json` | the generation and the configuration keys that the server was started with | the agent |
/// | `agent.voted` | the agent has voted, so an empty `record/` is a loss | the agent, once |
/// | `last.json` | what the server was when it was last seen | the agent |
/// | `server.conf`, `users.acl`, `tls/` | the server's configuration, users, certificates | the agent |
/// | `operation.json` | the operation that goes on, and the report of the last one | the agent |
/// | `limits.json` | which control groups were made for the node | the agent, before it makes them |
/// | `scratch/` | a part of a backup that is being verified, and the server that loads it | the agent, while it does |
/// | `artifacts/` | server programs that operators have it keep, where its machine has no other place for them | the agent |
/// | `data/` | the server's data, and its working directory | the server |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    path: PathBuf,
}

macro_rules! files {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub fn $name(&self) -> PathBuf { self.path.join($file) })*
    };
}

impl Directory {
    /// The directory at a path, which must be absolute: the server runs elsewhere than the agent.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    files! {
        /// Whose node it is.
        order = "order.json";
        /// The agent's private key.
        agent_key = "agent.key";
        /// Operators whom the owner of the directory let in.
        admitted = "admitted.json";
        /// Who has enrolled the agent.
        enrolled = "enrolled.json";
        /// Held by the agent that runs.
        agent_lock = "agent.lock";
        /// How to reach the agent that runs.
        agent_info = "agent.json";
        /// Leads to the program of the agent that ran last.
        program = "program";
        /// The agent's log.
        agent_log = "agent.log";
        /// The node's ports.
        ports = "ports.json";
        /// The Record.
        record = "record";
        /// This agent has voted in the group that agrees on the Record.
        voted = "agent.voted";
        /// The operation that goes on, and the report of the last one.
        operation = "operation.json";
        /// What the server was when it was last seen.
        last_role = "last.json";
        /// Private keys and passwords.
        secrets = "secrets";
        /// Which process is the server.
        server_process = "server.json";
        /// The server's log: what it prints.
        server_log = "server.log";
        /// The server's configuration.
        server_config = "server.conf";
        /// The generation and the configuration keys that the server was started with.
        started = "started.json";
        /// The server's users.
        users = "users.acl";
        /// Certificates and the private key of the server.
        tls = "tls";
        /// Which control groups were made for the node.
        limits = "limits.json";
        /// A part of a backup that is being verified.
        scratch = "scratch";
        /// Server programs, where the machine has no other place for them.
        artefacts = "artifacts";
        /// The server's data, and its working directory.
        data = "data";
    }

    /// Reads a JSON file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or it is damaged.
    pub fn read<T: DeserializeOwned>(&self, path: &Path) -> io::Result<Option<T>> {
        match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))),
        }
    }

    /// Writes a JSON file: whole or not at all, on disk when this returns, for the owner alone.
    ///
    /// # Errors
    /// It cannot be written; then the old content is still there.
    pub fn write<T: Serialize>(&self, path: &Path, value: &T) -> io::Result<()> {
        self.write_bytes(path, &serde_json::to_vec_pretty(value)?)
    }

    /// As [`Directory::write`], for any content.
    ///
    /// # Errors
    /// It cannot be written; then the old content is still there.
    pub fn write_bytes(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.path);
        // The name is the file's own and the writer is one (`agent.lock`), so a leftover of a crash is overwritten.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let unfinished = directory.join(name);
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        step!("file {}: written", kind(path));
        fs::rename(&unfinished, path)?;
        File::open(directory)?.sync_all()?;
        step!("file {}: in place", kind(path));
        Ok(())
    }

    /// Makes a link, in place of the one that is there.
    ///
    /// # Errors
    /// It cannot be made; then the old one is still there.
    pub fn link(&self, path: &Path, to: &Path) -> io::Result<()> {
        if fs::read_link(path).is_ok_and(|there| there == to) {
            return Ok(());
        }
        let unfinished = path.with_extension("new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::os::unix::fs::symlink(to, &unfinished)?,
        }
        fs::rename(&unfinished, path)?;
        step!("link {}: in place", path.file_name().unwrap_or_default().display());
        Ok(())
    }

    /// Makes a directory inside, for the owner alone.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }
}

/// What a file is called in the name of a step: its name without the fingerprint that some have, since that differs from run to run.
#[cfg(debug_assertions)]
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (name.split_once('-'), path.extension()) {
        (Some((kind, _)), Some(extension)) => format!("{kind}.{}", extension.display()),
        _ => name,
    }
}
