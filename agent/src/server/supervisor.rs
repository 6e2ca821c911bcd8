//! The supervisor: one server process, and what is known of it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use justmanage_model::Timestamp;
use justmanage_model::node::ProcessIdentity;
use rustix::process::Signal;
use tokio::sync::watch;
use tracing::warn;

use super::held::Inner;
use super::note::{Intent, Note};
use crate::directory::Directory;
use crate::process::{Confinement, Ending, Launcher, Watched};

/// How long a process may take to vanish after SIGKILL: the kernel frees gigabytes at some GiB/s. One that stays longer
/// hangs in the kernel, on a disk that does not answer.
pub(super) const KILL_LIMIT: Duration = Duration::from_secs(10);

/// The server's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// None, and none is meant to be.
    Stopped,
    /// It exists. Whether it answers is another question.
    Running {
        /// Which it is.
        identity: ProcessIdentity,
        /// When it was started.
        since: Timestamp,
    },
    /// It ended by itself, or could not be started.
    Down {
        /// Since when.
        since: Timestamp,
        /// How many times in a row it ended soon after its start.
        failures: u32,
        /// Not before this moment should it be started again.
        retry_at: Timestamp,
        /// How it ended, and the end of its log (at most 2 KiB).
        why: String,
    },
}

/// Why a server's process was not started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The program cannot be started.
    #[error("{program:?} cannot be started: {source}")]
    Launch {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is being stopped at this moment.
    #[error("the server is being stopped")]
    Stopping,
    /// Not even SIGKILL ended it.
    #[error("process {0} does not end: it hangs in the kernel")]
    Undying(u32),
    /// The node's directory or `/proc`.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// Holds the server of a node. Needs a tokio runtime around it. Dropping it leaves the server as it is.
#[derive(Clone, Debug)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

impl Supervisor {
    /// The supervisor of a node, with the server that runs already, if one does: it is watched from now on, and not disturbed.
    /// Servers that are started from now on are started by the launcher.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn adopt(
        directory: Directory,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        launcher: Launcher,
    ) -> Result<Self, SupervisorError> {
        let note = Note::read(&directory).unwrap_or_else(|error| {
            warn!(error = error.to_string(), "the note about the server cannot be read; its process is looked for");
            None
        });
        let intent = note.as_ref().map_or(Intent::Stop, |note| note.intent);
        let inner = Inner::new(directory, launcher, Box::new(clock), intent);
        inner.adopt(note)?;
        Ok(Self { inner })
    }

    /// In what servers begin that are started from now on.
    pub fn confine(&self, confinement: Confinement) {
        self.inner.confine(confinement);
    }

    /// How it is now.
    pub fn state(&self) -> Process {
        self.inner.state()
    }

    /// Whether its program is not fit, as far as that has shown: it could not be started, or ended within a minute by its own doing, not
    /// by a signal from outside, and what was started of it since has not lived so long either.
    pub fn is_unfit(&self) -> bool {
        self.inner.is_unfit()
    }

    /// How it is, now and from now on. The end of the process is seen at once.
    pub fn watch(&self) -> watch::Receiver<Process> {
        self.inner.watch()
    }

    /// Starts the server, unless it runs. Both of its outputs are appended to `server.log`, and it works in `data`.
    ///
    /// # Errors
    /// Nothing runs then, and [`Supervisor::state`] says why, too.
    pub fn start(&self, program: &Path, arguments: &[&OsStr]) -> Result<(), SupervisorError> {
        self.inner.start(program, arguments)
    }

    /// Stops the server and waits for its end: SIGTERM, on which it saves its data and ends; after the limit SIGKILL. One
    /// that has ended already is a success.
    ///
    /// # Errors
    /// [`SupervisorError::Undying`]; it may still end later.
    pub async fn stop(&self, limit: Duration) -> Result<(), SupervisorError> {
        self.stop_asking(async { Ok(()) }, limit).await
    }

    /// As [`Supervisor::stop`], and says whether the server was seen to end by itself, and so has saved what it had: one that cannot
    /// save does not end at SIGTERM.
    ///
    /// # Errors
    /// As of [`Supervisor::stop`].
    pub async fn stop_saving(&self, limit: Duration) -> Result<bool, SupervisorError> {
        let (held, _stopping) = self.inner.begin_stop();
        let Some(held) = held else { return Ok(false) };
        Ok(self.end(&held, limit).await? == Ending::Exited(0))
    }

    /// As [`Supervisor::stop`], after the server was asked to end in its own language: `asked` says whether it will. From
    /// before it is asked, its end is no crash. If it refuses, it runs on and is wanted as before.
    ///
    /// # Errors
    /// The server's refusal, or [`SupervisorError::Undying`].
    pub async fn stop_asking<E: From<SupervisorError>>(
        &self,
        asked: impl Future<Output = Result<(), E>>,
        limit: Duration,
    ) -> Result<(), E> {
        let (held, _stopping) = self.inner.begin_stop();
        let Some(held) = held else { return Ok(()) };
        if let Err(refusal) = asked.await {
            self.inner.keep(&held);
            return Err(refusal);
        }
        self.end(&held, limit).await?;
        Ok(())
    }

    /// Makes sure that a server ends that was told to.
    async fn end(&self, held: &Watched, limit: Duration) -> Result<Ending, SupervisorError> {
        held.signal(Signal::TERM)?;
        // A stopped process hears SIGTERM, and saves its data, only when it goes on.
        held.signal(Signal::CONT)?;
        let ending = match tokio::time::timeout(limit, held.exited()).await {
            Ok(ending) => ending?,
            Err(_) => {
                warn!(pid = held.identity().pid, "the server did not end in time and is killed");
                held.signal(Signal::KILL)?;
                let undying = || SupervisorError::Undying(held.identity().pid);
                tokio::time::timeout(KILL_LIMIT, held.exited()).await.map_err(|_| undying())??
            }
        };
        // Of a server that systemd started only systemd was told how it ended.
        let ending = if ending == Ending::Unknown { held.ask_ending().await } else { ending };
        self.inner.ended(held, ending);
        Ok(ending)
    }
}
