//! What a supervisor knows of its process, and what becomes of that when the process begins or ends.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use justmanage_model::Timestamp;
use justmanage_model::node::ProcessIdentity;
use justmanage_steps::step;
use rustix::process::Signal;
use tokio::sync::watch;
use tracing::{info, warn};

use super::backoff::HEALTHY;
use super::note::{Intent, Note};
use super::supervisor::{KILL_LIMIT, Process, SupervisorError};
use super::{after_end, rotate, running, tail, unnoted};
use crate::directory::Directory;
use crate::process::{Confinement, Ending, Launch, Launcher, Watched, Workplaces, leftovers};

/// How often the server's log is looked at for its size.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Where the time comes from.
type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// What is shared by the supervisor and the task that watches its process.
pub(super) struct Inner {
    directory: Directory,
    launcher: Launcher,
    clock: Clock,
    process: watch::Sender<Process>,
    state: Mutex<State>,
    confinement: Mutex<Confinement>,
}

#[derive(Debug)]
struct State {
    intent: Intent,
    held: Option<Arc<Watched>>,
    failures: u32,
    /// The last server that ended on its own was to blame for that: its program is not fit, perhaps.
    to_blame: bool,
    /// What was started last.
    program: Option<PathBuf>,
    stopping: bool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("directory", &self.directory).field("state", &self.state).finish_non_exhaustive()
    }
}

/// While it lives, a server is being stopped.
pub(super) struct Stopping<'a>(&'a Inner);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.lock().stopping = false;
    }
}

impl Inner {
    /// Nothing held yet.
    pub(super) fn new(directory: Directory, launcher: Launcher, clock: Clock, intent: Intent) -> Arc<Self> {
        let state =
            Mutex::new(State { intent, held: None, failures: 0, to_blame: false, program: None, stopping: false });
        let (process, confinement) = (watch::Sender::new(Process::Stopped), Mutex::default());
        Arc::new(Self { directory, launcher, clock, process, state, confinement })
    }

    /// In what servers begin from now on.
    pub(super) fn confine(&self, confinement: Confinement) {
        *self.confinement.lock().unwrap_or_else(PoisonError::into_inner) = confinement;
    }

    /// How it is now.
    pub(super) fn state(&self) -> Process {
        self.process.borrow().clone()
    }

    /// Whether the program is to blame for the last end, and has not shown since that it is fit.
    pub(super) fn is_unfit(&self) -> bool {
        let to_blame = self.lock().to_blame;
        let process = self.process.borrow();
        to_blame
            && match &*process {
                Process::Down { .. } => true,
                Process::Running { since, .. } => {
                    Duration::try_from(self.now().duration_since(*since)).is_ok_and(|lived| lived < HEALTHY)
                }
                Process::Stopped => false,
            }
    }

    /// How it is, now and from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Process> {
        self.process.subscribe()
    }

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

    /// Takes over what runs, as the note says or `/proc` tells.
    pub(super) fn adopt(self: &Arc<Self>, note: Option<Note>) -> Result<(), SupervisorError> {
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

    /// Starts the server, unless it runs.
    pub(super) fn start(self: &Arc<Self>, program: &Path, arguments: &[&OsStr]) -> Result<(), SupervisorError> {
        let mut state = self.lock();
        if state.stopping {
            return Err(SupervisorError::Stopping);
        }
        if let Some(held) = &state.held {
            let process = Some(held.identity().clone());
            // Wanted again before it ended: from now on an end is a crash.
            return match std::mem::replace(&mut state.intent, Intent::Run) {
                Intent::Run => Ok(()),
                Intent::Stop => Ok(self.note(Intent::Run, process, self.started())?),
            };
        }
        if state.program.as_deref() != Some(program) {
            // Another one is not to blame for that.
            (state.program, state.to_blame) = (Some(program.to_owned()), false);
        }
        let started = self.start_new(&mut state, program, arguments);
        if let Err(error) = &started {
            self.down(&mut state, Duration::ZERO, error.to_string(), true);
        }
        started
    }

    fn start_new(
        self: &Arc<Self>,
        state: &mut State,
        program: &Path,
        arguments: &[&OsStr],
    ) -> Result<(), SupervisorError> {
        let data = self.directory.data();
        self.directory.make(&data)?;
        let now = self.now();
        if let Some(server) = unnoted(&self.directory, &Workplaces::look()?) {
            warn!(pid = server.identity().pid, "a server works in the data directory already and is adopted");
            self.note_process(server.identity(), now);
            state.intent = Intent::Run;
            self.hold(state, server, now);
            return Ok(());
        }
        end_leftovers(&data)?;
        self.note(Intent::Run, None, now)?;
        state.intent = Intent::Run;
        step!("server: about to be launched");
        let server = self.launch(program, arguments)?;
        step!("server: launched");
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
        let confinement = self.confinement.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let launch = Launch { alone: true, confinement, ..Launch::new(&self.directory.data(), program, arguments) };
        self.launcher.launch(&launch, &log).map_err(failed)
    }

    fn hold(self: &Arc<Self>, state: &mut State, server: Watched, since: Timestamp) {
        let server = Arc::new(self.launcher.recognise(server));
        state.held = Some(server.clone());
        self.process.send_replace(Process::Running { identity: server.identity().clone(), since });
        tokio::spawn(watch_over(Arc::downgrade(self), server));
    }

    /// Notes that the end of the server is wanted, and says which process that is.
    pub(super) fn begin_stop(&self) -> (Option<Arc<Watched>>, Stopping<'_>) {
        let mut state = self.lock();
        state.intent = Intent::Stop;
        (state.stopping, state.to_blame) = (true, false);
        let process = state.held.as_ref().map(|held| held.identity().clone());
        if let Err(error) = self.note(Intent::Stop, process, self.started()) {
            // A full disk must not keep a server from being stopped. What is lost is only what the next agent would say.
            warn!(error = error.to_string(), "that the server is to end could not be noted");
        }
        step!("server: noted that it is to end");
        if state.held.is_none() {
            state.failures = 0;
            self.process.send_replace(Process::Stopped);
        }
        (state.held.clone(), Stopping(self))
    }

    /// A server that was to end, and refused, is wanted again.
    pub(super) fn keep(&self, server: &Watched) {
        let mut state = self.lock();
        if state.held.as_ref().is_none_or(|held| held.identity() != server.identity()) {
            // It ended all the same, as it was wanted to.
            return;
        }
        state.intent = Intent::Run;
        if let Err(error) = self.note(Intent::Run, Some(server.identity().clone()), self.started()) {
            warn!(error = error.to_string(), "that the server is to run on could not be noted");
        }
    }

    /// The server ended. Whoever sees it first says so.
    pub(super) fn ended(&self, server: &Watched, ending: Ending) {
        let mut state = self.lock();
        if state.held.as_ref().is_none_or(|held| held.identity() != server.identity()) {
            return;
        }
        let lived = Duration::try_from(self.now().duration_since(self.started())).unwrap_or_default();
        state.held = None;
        if state.intent == Intent::Stop {
            info!(pid = server.identity().pid, "the server is stopped");
            step!("server: ended as it was to");
            state.failures = 0;
            self.process.send_replace(Process::Stopped);
            if let Err(error) = end_leftovers(&self.directory.data()) {
                warn!(error = error.to_string(), "forks of the server may still run");
            }
        } else {
            let why = with_log(&format!("the server {ending}"), &self.directory);
            self.down(&mut state, lived, why, ending.is_own_doing() && lived < HEALTHY);
        }
    }

    fn down(&self, state: &mut State, lived: Duration, why: String, to_blame: bool) {
        state.to_blame = to_blame;
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
    // Of a server that systemd started only systemd was told how it ended, and it is asked before anybody hears of the end.
    let ending = if ending == Ending::Unknown { server.ask_ending().await } else { ending };
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
