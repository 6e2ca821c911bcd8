//! The supervisor: one server process, and what is known of it.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use justmanage_model::Timestamp;
use justmanage_model::node::ProcessIdentity;
use rustix::process::Signal;
use tokio::sync::watch;
use tracing::{info, warn};

use super::note::{Intent, Note};
use super::{after_end, rotate, running, tail};
use crate::directory::Directory;
use crate::process::{Ending, Launch, Launcher, Watched, find_by_cwd, leftovers};

/// How long a process may take to vanish after SIGKILL: the kernel frees gigabytes at some GiB/s. One that stays longer
/// hangs in the kernel, on a disk that does not answer.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// How often the server's log is looked at for its size.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

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

struct Inner {
    directory: Directory,
    launcher: Launcher,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    process: watch::Sender<Process>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    intent: Intent,
    held: Option<Arc<Watched>>,
    failures: u32,
    stopping: bool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("directory", &self.directory).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// The supervisor of a node, with the server that runs already, if one does: it is watched from now on, and not disturbed.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn adopt(
        directory: Directory,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, SupervisorError> {
        Self::adopt_with(directory, clock, Launcher::own())
    }

    /// As [`Supervisor::adopt`], in a program that is not the agent's own.
    ///
    /// # Errors
    /// As there.
    pub fn adopt_with(
        directory: Directory,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        launcher: Launcher,
    ) -> Result<Self, SupervisorError> {
        let note = Note::read(&directory).unwrap_or_else(|error| {
            warn!(error = error.to_string(), "the note about the server cannot be read; its process is looked for");
            None
        });
        let intent = note.as_ref().map_or(Intent::Stop, |note| note.intent);
        let process = watch::Sender::new(Process::Stopped);
        let state = Mutex::new(State { intent, held: None, failures: 0, stopping: false });
        let inner = Arc::new(Inner { directory, launcher, clock: Box::new(clock), process, state });
        inner.adopt(note)?;
        Ok(Self { inner })
    }

    /// How it is now.
    pub fn state(&self) -> Process {
        self.inner.process.borrow().clone()
    }

    /// How it is, now and from now on. The end of the process is seen at once.
    pub fn watch(&self) -> watch::Receiver<Process> {
        self.inner.process.subscribe()
    }

    /// Starts the server, unless it runs. Both of its outputs are appended to `server.log`, and it works in `data`.
    ///
    /// # Errors
    /// Nothing runs then, and [`Supervisor::state`] says why, too.
    pub fn start(&self, program: &Path, arguments: &[&OsStr]) -> Result<(), SupervisorError> {
        let mut state = self.inner.lock();
        if state.stopping {
            return Err(SupervisorError::Stopping);
        }
        if let Some(held) = &state.held {
            let process = Some(held.identity().clone());
            // Wanted again before it ended: from now on an end is a crash.
            return match std::mem::replace(&mut state.intent, Intent::Run) {
                Intent::Run => Ok(()),
                Intent::Stop => Ok(self.inner.note(Intent::Run, process, self.inner.started())?),
            };
        }
        let started = self.inner.start(&mut state, program, arguments);
        if let Err(error) = &started {
            self.inner.down(&mut state, Duration::ZERO, error.to_string());
        }
        started
    }

    /// Stops the server and waits for its end: SIGTERM, on which it saves its data and ends; after the limit SIGKILL. One
    /// that has ended already is a success.
    ///
    /// # Errors
    /// [`SupervisorError::Undying`]; it may still end later.
    pub async fn stop(&self, limit: Duration) -> Result<(), SupervisorError> {
        let (held, _stopping) = self.inner.begin_stop();
        let Some(held) = held else { return Ok(()) };
        held.signal(Signal::TERM)?;
        let ending = match tokio::time::timeout(limit, held.exited()).await {
            Ok(ending) => ending?,
            Err(_) => {
                warn!(pid = held.identity().pid, "the server did not end in time and is killed");
                held.signal(Signal::KILL)?;
                let undying = || SupervisorError::Undying(held.identity().pid);
                tokio::time::timeout(KILL_LIMIT, held.exited()).await.map_err(|_| undying())??
            }
        };
        self.inner.ended(&held, ending);
        Ok(())
    }
}

/// While it lives, a server is being stopped.
struct Stopping<'a>(&'a Inner);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.lock().stopping = false;
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half-changed by a panic that is worse than a dead agent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// When the running server was started.
    fn started(&self) -> Timestamp {
        match &*self.process.borrow() {
            Process::Running { since, .. } => *since,
            _ => self.now(),
        }
    }

    fn note(&self, intent: Intent, process: Option<ProcessIdentity>, since: Timestamp) -> io::Result<()> {
        Note { intent, process, since }.write(&self.directory)
    }

    /// Notes a server that runs. Without the note, on a full disk say, it runs as well and can be found.
    fn note_process(&self, process: &ProcessIdentity, since: Timestamp) {
        if let Err(error) = self.note(Intent::Run, Some(process.clone()), since) {
            warn!(error = error.to_string(), "the server's process could not be noted");
        }
    }

    fn adopt(self: &Arc<Self>, note: Option<Note>) -> Result<(), SupervisorError> {
        let mut state = self.lock();
        let Some(server) = running(&self.directory)? else {
            if let Some(Note { intent: Intent::Run, process, .. }) = note {
                self.process.send_replace(self.ended_unseen(process.as_ref()));
            }
            return Ok(());
        };
        let noted = note.filter(|note| note.process.as_ref() == Some(server.identity()));
        let since = noted.as_ref().map_or_else(|| self.now(), |note| note.since);
        if noted.is_none() {
            // It was started, and nobody asked it to end, or that would have been noted with its identity.
            state.intent = Intent::Run;
            self.note_process(server.identity(), since);
        }
        info!(pid = server.identity().pid, noted = noted.is_some(), "the server runs and is adopted");
        self.hold(&mut state, server, since);
        Ok(())
    }

    /// The server ended while no agent was there to see it.
    fn ended_unseen(&self, process: Option<&ProcessIdentity>) -> Process {
        let now = self.now();
        let boot = crate::process::boot_id().unwrap_or_default();
        let why = match process {
            Some(process) if process.boot_id != boot => "the machine was started anew".to_owned(),
            Some(_) => with_log("the server ended while no agent ran", &self.directory),
            None => with_log("the server was about to be started when the agent ended", &self.directory),
        };
        // Nothing is known about how often: the first try is free.
        Process::Down { since: now, failures: 0, retry_at: now, why }
    }

    fn start(self: &Arc<Self>, state: &mut State, program: &Path, arguments: &[&OsStr]) -> Result<(), SupervisorError> {
        let data = self.directory.data();
        self.directory.make(&data)?;
        let now = self.now();
        if let Some(server) = find_by_cwd(&data)?.as_ref().and_then(Watched::open) {
            warn!(pid = server.identity().pid, "a server works in the data directory already and is adopted");
            self.note_process(server.identity(), now);
            state.intent = Intent::Run;
            self.hold(state, server, now);
            return Ok(());
        }
        end_leftovers(&data)?;
        self.note(Intent::Run, None, now)?;
        state.intent = Intent::Run;
        let server = self.launch(program, arguments)?;
        info!(pid = server.identity().pid, program = %program.display(), "the server is started");
        self.note_process(server.identity(), now);
        self.hold(state, server, now);
        Ok(())
    }

    fn launch(&self, program: &Path, arguments: &[&OsStr]) -> Result<Watched, SupervisorError> {
        let failed = |source| SupervisorError::Launch { program: program.to_owned(), source };
        // Said here and now, rather than by a launcher to the log.
        std::fs::metadata(program).map_err(failed)?;
        let log = self.directory.server_log();
        if let Err(error) = rotate(&log) {
            warn!(error = error.to_string(), "the server's log cannot be put aside");
        }
        let output = File::options().append(true).create(true).mode(0o600).open(&log).map_err(failed)?;
        let launch = Launch { alone: true, ..Launch::new(&self.directory.data(), program, arguments) };
        let mut command = self.launcher.command(&launch);
        let child = command.stdout(output.try_clone().map_err(failed)?).stderr(output).spawn().map_err(failed)?;
        // Dropped without waiting: its status is taken through the pidfd.
        Watched::child(&child).map_err(failed)
    }

    fn hold(self: &Arc<Self>, state: &mut State, server: Watched, since: Timestamp) {
        let server = Arc::new(server);
        state.held = Some(server.clone());
        self.process.send_replace(Process::Running { identity: server.identity().clone(), since });
        tokio::spawn(watch_over(Arc::downgrade(self), server));
    }

    /// Notes that the end of the server is wanted, and says which process that is.
    fn begin_stop(&self) -> (Option<Arc<Watched>>, Stopping<'_>) {
        let mut state = self.lock();
        state.intent = Intent::Stop;
        state.stopping = true;
        let process = state.held.as_ref().map(|held| held.identity().clone());
        if let Err(error) = self.note(Intent::Stop, process, self.started()) {
            // A full disk must not keep a server from being stopped. What is lost is only what the next agent would say.
            warn!(error = error.to_string(), "that the server is to end could not be noted");
        }
        if state.held.is_none() {
            state.failures = 0;
            self.process.send_replace(Process::Stopped);
        }
        (state.held.clone(), Stopping(self))
    }

    /// The server ended. Whoever sees it first says so.
    fn ended(&self, server: &Watched, ending: Ending) {
        let mut state = self.lock();
        if state.held.as_ref().is_none_or(|held| held.identity() != server.identity()) {
            return;
        }
        let lived = Duration::try_from(self.now().duration_since(self.started())).unwrap_or_default();
        state.held = None;
        if state.intent == Intent::Stop {
            info!(pid = server.identity().pid, "the server is stopped");
            state.failures = 0;
            self.process.send_replace(Process::Stopped);
            if let Err(error) = end_leftovers(&self.directory.data()) {
                warn!(error = error.to_string(), "forks of the server may still run");
            }
        } else {
            self.down(&mut state, lived, with_log(&format!("the server {ending}"), &self.directory));
        }
    }

    fn down(&self, state: &mut State, lived: Duration, why: String) {
        let since = self.now();
        let (failures, rest) = after_end(state.failures, lived);
        state.failures = failures;
        warn!(failures, rest_ms = rest.as_millis(), why, "the server is down");
        let retry_at = since.checked_add(rest).unwrap_or(since);
        self.process.send_replace(Process::Down { since, failures, retry_at, why });
    }
}

/// Waits for the end of a server, and keeps its log short meanwhile.
async fn watch_over(supervisor: Weak<Inner>, server: Arc<Watched>) {
    let Some(log) = supervisor.upgrade().map(|inner| inner.directory.server_log()) else { return };
    let ending = loop {
        tokio::select! {
            ending = server.exited() => match ending {
                Ok(ending) => break ending,
                // No descriptor left, perhaps. That is no reason to call a server dead that lives: it is asked now and then.
                Err(error) => {
                    warn!(error = error.to_string(), "the server's end cannot be waited for");
                    tokio::time::sleep(LOG_INTERVAL).await;
                    if let Some(ending) = server.wait(Duration::ZERO) {
                        break ending;
                    }
                }
            },
            () = tokio::time::sleep(LOG_INTERVAL) => if let Err(error) = rotate(&log) {
                warn!(error = error.to_string(), "the server's log cannot be put aside");
            },
        }
    };
    if let Some(inner) = supervisor.upgrade() {
        inner.ended(&server, ending);
    }
}

/// Ends forks of a server that is gone, before another may write the same files.
pub(crate) fn end_leftovers(data: &Path) -> io::Result<()> {
    for fork in leftovers(data)?.iter().filter_map(Watched::open) {
        info!(pid = fork.identity().pid, "a fork of a server that is gone is ended");
        fork.signal(Signal::KILL)?;
        fork.wait(KILL_LIMIT);
    }
    Ok(())
}

fn with_log(what: &str, directory: &Directory) -> String {
    let log = tail(&directory.server_log());
    if log.is_empty() { what.to_owned() } else { format!("{what}; its log ends:\n{log}") }
}
