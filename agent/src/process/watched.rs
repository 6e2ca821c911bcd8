//! A process that is held by a pidfd: watched, signalled, and never mistaken for another.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use justmanage_model::node::ProcessIdentity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::identity;
use super::unit::Unit;

/// A process that was alive when it was opened.
///
/// The pidfd keeps meaning this one process after it ended and its pid was given to another.
#[derive(Debug)]
pub struct Watched {
    identity: ProcessIdentity,
    pidfd: OwnedFd,
    /// A child's status can be taken once; whoever comes later reads it here.
    ending: Mutex<Option<Ending>>,
    /// Who knows how it ended, where it is systemd that is told.
    unit: Option<Unit>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// Only its parent was told, and that is not us.
    Unknown,
}

impl Ending {
    /// Whether it ended so by what it is, and not because somebody, or the kernel for want of memory, ended it.
    pub const fn is_own_doing(self) -> bool {
        match self {
            Self::Exited(_) => true,
            // SIGHUP, SIGINT, SIGKILL, SIGTERM; whatever else ends a server (SIGSEGV, SIGABRT, SIGILL) comes of its own code.
            Self::Killed(signal) => !matches!(signal, 1 | 2 | 9 | 15),
            Self::Unknown => false,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "ended with status {status}"),
            Self::Killed(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "was ended by {name}"),
                None => write!(f, "was ended by signal {signal}"),
            },
            Self::Unknown => f.write_str("ended"),
        }
    }
}

/// The signals that end servers, by the names that people search for.
const fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL (by somebody, or because memory ran out)",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => return None,
    })
}

impl Watched {
    /// Holds a process if it is the one that is meant and still lives.
    ///
    /// The order matters: whatever the pidfd means is fixed first, and then proven to be the right process. The other way
    /// round a pid could change hands between proof and pidfd.
    pub fn open(identity: &ProcessIdentity) -> Option<Self> {
        let watched = Self::hold(identity.pid).ok()?;
        (watched.identity == *identity && !watched.is_over()).then_some(watched)
    }

    /// Holds a child of ours, even one that has ended already: until we take its status, its pid is nobody else's.
    ///
    /// # Errors
    /// There is no such process.
    pub fn child(child: &std::process::Child) -> io::Result<Self> {
        Self::hold(child.id())
    }

    fn hold(pid: u32) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{pid} is no process id"));
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(invalid)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty())?;
        Ok(Self { identity: identity(pid)?, pidfd, ending: Mutex::new(None), unit: None })
    }

    /// The same, and which unit of systemd it is in is remembered: after its end nobody can tell any more.
    pub(super) fn in_unit(mut self) -> Self {
        if self.unit.is_none() {
            let unit = Unit::of(self.identity.pid);
            // What was read while it still lived is its own, and not that of one with its pid.
            self.unit = unit.filter(|_| !self.is_over());
        }
        self
    }

    /// Which process it is.
    pub const fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ready_within(Duration::ZERO)
    }

    /// Waits for its end. Of a child the status is taken, so that no zombie is left.
    ///
    /// # Errors
    /// There is no tokio runtime here, or it has no room for another descriptor.
    pub async fn exited(&self) -> io::Result<Ending> {
        // A descriptor of its own for each call: one descriptor can be registered only once.
        // Deprecated because a type may lie about its descriptor; `OwnedFd` cannot, and the successor is unsafe code.
        #[allow(deprecated)]
        let pidfd = AsyncFd::with_interest(self.pidfd.try_clone()?, Interest::READABLE)?;
        pidfd.readable().await?.retain_ready();
        Ok(self.take_ending())
    }

    /// How it ended, if it was the main process of a unit, and systemd says so within a second. Nobody else was told of it.
    pub async fn ask_ending(&self) -> Ending {
        match &self.unit {
            Some(unit) => unit.ending(self.identity.pid).await,
            None => Ending::Unknown,
        }
    }

    /// Waits for its end on this thread, so long at most; `None`: it still lives.
    pub fn wait(&self, limit: Duration) -> Option<Ending> {
        self.ready_within(limit).then(|| self.take_ending())
    }

    /// Sends a signal; one that has ended already is left in peace.
    ///
    /// # Errors
    /// We may not send signals to it.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A pidfd is readable once the process has ended, all of its threads.
    fn ready_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(left) = Timespec::try_from(left) else { return false };
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
            match poll(&mut fds, Some(&left)) {
                Err(Errno::INTR) => {}
                Ok(ready) => return ready > 0,
                // Nothing else can go wrong with one open descriptor but lack of memory: then it is not known to be over.
                Err(_) => return false,
            }
        }
    }

    fn take_ending(&self) -> Ending {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *ending {
            return known;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        // Not our child (ECHILD): its parent takes the status.
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok().flatten();
        let taken = status.map_or(Ending::Unknown, |status| {
            let exited = status.exit_status().map(Ending::Exited);
            exited.or_else(|| status.terminating_signal().map(Ending::Killed)).unwrap_or(Ending::Unknown)
        });
        *ending.insert(taken)
    }
}
