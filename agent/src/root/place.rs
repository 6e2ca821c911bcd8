//! Where on a machine is what, and as whom programs of the node are run there.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use justmanage_model::{Replacement, Version};
use rustix::fs::{FlockOperation, flock};

use crate::process::said;

/// Longest time for a program to say its version, or what runs.
const SAID_LIMIT: Duration = Duration::from_secs(10);
/// How often a lock that another has is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// The directory of everything of ours on a machine, and that of systemd's units.
///
/// | path | what | whose |
/// |---|---|---|
/// | `node/` | the node; its `order.json` is root's | the agent's user |
/// | `bin/justmanage-agent-DIGEST` | builds of the agent | root |
/// | `bin/agent` | link to the one that runs | root |
/// | `bin/before` | link to the one before, while nobody knows yet whether the new one comes up | root |
/// | `bin/root` | link to the last one that came up: what the root helper is | root |
/// | `bin/replaced.json` | what became of the last replacement | root, for all to read |
/// | `bin/warrants.json` | when the last warrant for each purpose was signed | root |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    path: PathBuf,
    system: PathBuf,
}

/// Nobody else changes this machine as long as this is held.
#[derive(Debug)]
pub(super) struct Alone(#[allow(dead_code, reason = "held")] File);

impl Base {
    /// At a directory, with units in another.
    pub fn new(path: impl Into<PathBuf>, system: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), system: system.into() }
    }

    pub(super) fn node(&self) -> PathBuf {
        self.path.join("node")
    }

    pub(super) fn bin(&self, name: &str) -> PathBuf {
        self.path.join("bin").join(name)
    }

    /// The part of a unit that limits it.
    pub(super) fn limits(&self, unit: &str) -> PathBuf {
        self.system.join(format!("{unit}.d")).join("limits.conf")
    }

    /// The lock of those who change this machine. `None`: another has it for longer than this.
    ///
    /// # Errors
    /// The disk.
    pub(super) fn alone(&self, patience: Duration) -> io::Result<Option<Alone>> {
        let directory = File::open(self.path.join("bin"))?;
        let deadline = Instant::now() + patience;
        loop {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                taken => return taken.map(|()| Some(Alone(directory))).map_err(io::Error::from),
            }
        }
    }

    /// Where a link leads, by name.
    pub(super) fn link(&self, name: &str) -> Option<String> {
        fs::read_link(self.bin(name)).ok()?.file_name().and_then(OsStr::to_str).map(str::to_owned)
    }

    /// Makes a link lead to a program.
    ///
    /// # Errors
    /// The disk; then it leads where it led.
    pub(super) fn point(&self, name: &str, program: &str) -> io::Result<()> {
        let new = self.bin(&format!(".new-{name}"));
        remove(&new)?;
        symlink(program, &new)?;
        fs::rename(&new, self.bin(name))?;
        self.settle()
    }

    /// Removes a link.
    ///
    /// # Errors
    /// The disk.
    pub(super) fn drop_link(&self, name: &str) -> io::Result<()> {
        remove(&self.bin(name))?;
        self.settle()
    }

    /// What the names in `bin` mean now is on disk.
    pub(super) fn settle(&self) -> io::Result<()> {
        File::open(self.path.join("bin"))?.sync_all()
    }

    /// What a program of the node prints, run as its user, who may do nothing to us: a build that was never tried is not run as root.
    /// `None`: it fails, or takes too long.
    pub(super) fn ask(&self, program: &Path, arguments: &[&OsStr]) -> Option<String> {
        let user = fs::symlink_metadata(self.node()).ok().filter(fs::Metadata::is_dir)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir("/").envs(justmanage_steps::inherited());
        if rustix::process::geteuid().is_root() {
            command.uid(user.uid()).gid(user.gid());
        }
        said(command, SAID_LIMIT)
    }

    /// The version that a program says.
    pub(super) fn version(&self, program: &Path) -> Option<String> {
        let said = self.ask(program, &[OsStr::new("--version")])?;
        said.trim().strip_prefix("justmanage-agent ").map(str::to_owned)
    }

    /// Writes down what became of a replacement.
    ///
    /// # Errors
    /// The disk.
    pub(super) fn note(&self, replacement: &Replacement) -> io::Result<()> {
        write(&self.bin("replaced.json"), &serde_json::to_vec(replacement)?, 0o644)
    }
}

/// Whether a version is older than another. One that cannot be read was written by somebody's own build.
pub(super) fn is_older(said: &str, than: Version) -> bool {
    said.parse::<Version>().map_or(true, |version| version < than)
}

/// A file that has this content when it returns, whole or not at all.
pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    remove(&new)?;
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// A file of root's own, which nobody else can have written or put here; `None`: there is none.
pub(super) fn own_file(path: &Path, longest: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
        let what = format!("{} is not root's alone to write", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    let mut content = Vec::new();
    file.take(longest).read_to_end(&mut content)?;
    Ok(Some(content))
}

/// Removes a file; one that is not there is none.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
