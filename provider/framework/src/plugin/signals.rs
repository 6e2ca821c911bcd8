//! What ends the process from outside: SIGTERM, and the death of the host; and SIGINT, which does not.

use std::{io, os::fd::OwnedFd};

use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
};

/// The process that started us, if it can be watched: on Linux.
///
/// Terraform may be killed without a chance to shut its providers down. Nobody would store what an orphan does, and
/// nobody would end it, so it ends with its host.
pub(super) struct Parent(Option<OwnedFd>);

impl Parent {
    /// Looks it up. Done at the start: after the death of the parent, another process takes its place.
    pub(super) fn find() -> Self {
        #[cfg(target_os = "linux")]
        let fd = {
            use rustix::process::{PidfdFlags, getppid, pidfd_open};
            getppid().and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok())
        };
        #[cfg(not(target_os = "linux"))]
        let fd = None;
        Self(fd)
    }

    async fn exited(self) {
        // Deprecated because a type could give its descriptor away while it is watched; OwnedFd does not. The successor
        // is an unsafe function.
        #[allow(deprecated)]
        let watch = self.0.and_then(|fd| AsyncFd::with_interest(fd, Interest::READABLE).ok());
        match watch {
            Some(fd) if fd.readable().await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }
}

/// Signal handlers, installed.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Installs them. From now on SIGINT does nothing by itself: Ctrl-C reaches the whole process group, and Terraform,
    /// which gets it too, calls StopProvider and waits for our answers.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when the process has to end, with the reason. `host`: none in debug mode, where SIGINT ends it.
    pub(super) async fn end(mut self, host: Option<Parent>) -> &'static str {
        let debug = host.is_none();
        let host = async {
            match host {
                Some(parent) => parent.exited().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(host);
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {
                    if debug {
                        return "SIGINT";
                    }
                    tracing::debug!("SIGINT is left to the host");
                }
                _ = self.terminate.recv() => return "SIGTERM",
                () = &mut host => return "the process that started this provider is gone",
            }
        }
    }
}
