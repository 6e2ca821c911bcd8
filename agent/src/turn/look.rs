//! The agent's eyes: the state of its server, as the process and the server itself tell it.

use std::collections::BTreeSet;
use std::time::Duration;

use justmanage_engine::{CallError, observe};
use justmanage_model::{Record, ServerState, Timestamp};
use tracing::{debug, warn};

use super::Turn;
use super::program::reach;
use crate::server::Process;

/// How long a server may take until it accepts connections: it binds its ports before it reads its data. A minute covers a
/// machine that is busy with starting everything else after a reboot.
const START_LIMIT: Duration = Duration::from_secs(60);

impl Turn {
    /// How the server is.
    pub(super) async fn look(&mut self, record: Option<&Record>) -> ServerState {
        let process = self.tools.supervisor.state();
        let since = match process {
            Process::Running { since, .. } => since,
            // Whether it has saved what it had is known in a moment, and what becomes of it depends on that.
            Process::Stopped if self.on_its_way.is_some() => {
                return self.gone(ServerState::Starting { since: (self.tools.clock)() });
            }
            Process::Stopped => return self.gone(ServerState::Stopped),
            Process::Down { since, failures, retry_at, why, .. } => {
                return self.gone(ServerState::Down { since, failures, retry_at, why });
            }
        };
        // One that is still where the node was is about to be started where it is.
        let Some(record) = record.filter(|_| self.at_home) else { return ServerState::Starting { since } };
        match self.ask(record).await {
            Ok(state) => {
                self.silent = None;
                state
            }
            Err(error) => self.silence(error, since),
        }
    }

    /// No process: no connection, and nothing remembered of it.
    fn gone(&mut self, state: ServerState) -> ServerState {
        self.connection = None;
        self.applied = None;
        self.passwords = None;
        self.silent = None;
        self.memory.gone();
        state
    }

    async fn ask(&mut self, record: &Record) -> Result<ServerState, CallError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.tools.access.connect(record).await?,
        };
        // Also what the server was started with and nobody wants any more: the planner has to know that it is still in force.
        let directory = &self.tools.directory;
        let started = self.started();
        let before = started.iter().flat_map(|started| &started.keys);
        let wanted = record.wanted_config(self.tools.info.claim.node);
        let keys: BTreeSet<&str> = wanted.keys().chain(before).map(String::as_str).collect();
        // Those who reach further than they should, or not as far, are not as wanted.
        let reach = reach(record, self.tools.info.claim.node);
        let applied = self.applied.as_ref().filter(|applied| applied.reach() == reach);
        let mut seen = observe(&mut connection, keys, applied).await?;
        seen.started = started.as_ref().map(|started| started.generation);
        seen.passwords = self.passwords;
        let moves = record.reshard_of(self.tools.info.claim.node).is_some();
        self.memory.saw(&mut seen, moves, directory, (self.tools.clock)());
        self.learn_program(record, started, &seen.release);
        self.connection = Some(connection);
        Ok(ServerState::Running(Box::new(seen)))
    }

    /// A process that does not answer: it is starting, or it hangs.
    fn silence(&mut self, error: CallError, started: Timestamp) -> ServerState {
        let now = (self.tools.clock)();
        let answered_before = self.connection.is_some() || self.applied.is_some();
        self.connection = None;
        let age = now.duration_since(started);
        if matches!(error, CallError::Unreachable { .. } | CallError::Loading)
            && !answered_before
            && age.as_secs() < START_LIMIT.as_secs().cast_signed()
        {
            debug!(error = error.to_string(), "the server does not answer yet");
            return ServerState::Starting { since: started };
        }
        if self.silent.is_none() {
            warn!(error = error.to_string(), "the server does not answer");
        }
        ServerState::Hung { since: *self.silent.get_or_insert(now) }
    }
}
