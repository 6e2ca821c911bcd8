//! Starting a program that is to outlive us: our own program again, as a launcher that becomes the other program.
//!
//! What must happen between `fork` and `exec` cannot be done from Rust without unsafe code, and can be done by a program of
//! a few lines: `justmanage-agent launch [--alone] [--join FILE]... [--oom-score-adj N] DIRECTORY PROGRAM ARGUMENTS...` gives
//! itself a session, goes to the directory, joins control groups, lets go of inherited descriptors, and becomes PROGRAM. Pid
//! and start time stay the same all the while. With `launch --stdin` all that is told over a connection (`service`).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{setsid, umask};

use super::stat::Stat;

/// What a launcher is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Hold a lock on the directory for life, or do not start.
    pub alone: bool,
    /// In what it is to begin.
    pub confinement: Confinement,
    /// Where to work.
    pub directory: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// What confines a program from its beginning, so far as this user may do that: what cannot be done is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Files of control groups (`cgroup.procs`) that it is to be in.
    pub join: Vec<PathBuf>,
    /// How likely the kernel is to end it when there is no memory left, from -1000 (never) to 1000; `None`: as its parent.
    pub oom_score_adj: Option<i16>,
}

/// Why a launcher did not become the program.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another process holds the directory.
    #[error("another process works in {0:?}")]
    NotAlone(PathBuf),
    /// It cannot be done.
    #[error("{0}: {1}")]
    Failed(String, io::Error),
}

impl Launch {
    /// What to launch in a directory.
    pub fn new(directory: &Path, program: &Path, arguments: &[&OsStr]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        let confinement = Confinement::default();
        Self { alone: false, confinement, directory: directory.to_owned(), program: program.to_owned(), arguments }
    }

    /// The command with which an agent's program launches this; its output is the caller's to direct. Of the environment it has
    /// `PATH` and `TZ` only.
    pub fn command(&self, launcher: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(launcher);
        command.arg("launch").args(self.alone.then_some("--alone"));
        for file in &self.confinement.join {
            command.arg("--join").arg(file);
        }
        if let Some(score) = self.confinement.oom_score_adj {
            command.arg(format!("--oom-score-adj={score}"));
        }
        command.arg(&self.directory).arg(&self.program).args(&self.arguments);
        command.env_clear().stdin(Stdio::null()).envs(environment());
        command
    }

    /// Becomes the program. Returns only if that is not possible.
    pub fn become_it(&self) -> Refusal {
        match self.prepare() {
            // The lock's file is open until here, and its descriptor goes along.
            Ok(_lock) => self.run(Command::new(&self.program)),
            Err(refusal) => refusal,
        }
    }

    /// The last step of a process that is prepared. Returns only if the program cannot be run.
    pub(super) fn run(&self, mut program: Command) -> Refusal {
        let error = program.args(&self.arguments).exec();
        Refusal::Failed(format!("{:?} cannot be run", self.program), error)
    }

    /// Makes this process ready to become the program. What is returned is the directory's lock, to be held until it has.
    pub(super) fn prepare(&self) -> Result<Option<File>, Refusal> {
        let failed = |what: &str| {
            let what = format!("{what} {:?}", self.directory);
            move |error: io::Error| Refusal::Failed(what, error)
        };
        // No signal of a terminal, and none that is meant for the agent's group, reaches it. What systemd starts leads a session
        // already, and cannot get another.
        if !leads_session().map_err(failed("no session can be read for a process in"))? {
            setsid().map_err(|error| failed("no session of its own for a process in")(error.into()))?;
        }
        // What it writes is for its user alone.
        umask(Mode::RWXG | Mode::RWXO);
        std::env::set_current_dir(&self.directory).map_err(failed("cannot go to"))?;
        let lock = self.alone.then(|| self.lock()).transpose()?;
        self.confine();
        close_inherited(lock.as_ref().map(AsRawFd::as_raw_fd)).map_err(failed("cannot close descriptors in"))?;
        Ok(lock)
    }

    /// Joins its groups. A server without limits is better than none; the agent looks afterwards, and says what is missing.
    fn confine(&self) {
        for file in &self.confinement.join {
            // 0 is whoever writes.
            let _ = fs::write(file, "0");
        }
        if let Some(score) = self.confinement.oom_score_adj {
            let _ = fs::write("/proc/self/oom_score_adj", score.to_string());
        }
    }

    /// Locks the directory. The program inherits the lock and holds it until it, and every fork of it, has ended: so there
    /// are never two servers on one data directory, whatever agents believe.
    fn lock(&self) -> Result<File, Refusal> {
        let failed = |error: io::Error| Refusal::Failed(format!("cannot lock {:?}", self.directory), error);
        let directory = File::open(&self.directory).map_err(failed)?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Refusal::NotAlone(self.directory.clone())),
            taken => taken.map_err(|error| failed(error.into()))?,
        }
        fcntl_setfd(&directory, FdFlags::empty()).map_err(|error| failed(error.into()))?;
        Ok(directory)
    }
}

/// Whether this process leads its session. It is read where it may be 0, which rustix's `getsid` takes for impossible: so it is
/// in a container whose session began outside.
fn leads_session() -> io::Result<bool> {
    let pid = std::process::id();
    Ok(Stat::of(pid)?.session == pid)
}

/// What a launched program has of our environment: `PATH` and `TZ`. What else is there (credentials of a cloud, variables of
/// Terraform or of systemd) is none of its business.
pub(super) fn environment() -> impl Iterator<Item = (&'static str, OsString)> {
    let kept = ["PATH", "TZ"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    kept.chain(justmanage_steps::inherited())
}

/// Lets every descriptor but the three standard ones, and `keep`, be closed at the coming `exec`: a pipe of Terraform that a
/// server held open would let Terraform wait for the server's end.
fn close_inherited(keep: Option<RawFd>) -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let Some(raw) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        if raw <= 2 || keep == Some(raw) {
            continue;
        }
        // SAFETY: `raw` was listed as open just now by the kernel, this process has one thread, and nothing is closed before
        // the borrow ends: the listing's own descriptor, which is among them, is closed after the loop. rustix and std have
        // no safe way to name a descriptor that was inherited.
        #[allow(unsafe_code)]
        let fd = unsafe { BorrowedFd::borrow_raw(raw) };
        fcntl_setfd(fd.as_fd(), FdFlags::CLOEXEC)?;
    }
    Ok(())
}
