//! The agent's turn: look, plan, do, and say how it is; then wait until there is a reason to look again.
//!
//! What is decided is decided by `justmanage_planner::plan` alone. Here are the eyes ([`look`]) and the hands ([`act`]).

mod act;
mod look;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use justmanage_engine::{AppliedUsers, Connection, Login};
use justmanage_model::node::AgentInfo;
use justmanage_model::{
    Generation, NodeObservation, Observation, Plan, Record, Seen, ServerState, Step, Timestamp, Waiting,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::directory::Directory;
use crate::server::Supervisor;
use crate::status::{Publisher, Status};
use crate::store::RecordStore;
use trouble::Trouble;

/// How often a node that is as it is wanted is looked at. A server's death, a change of the Record and an operator's call
/// are noticed at once; this finds what nobody announces, such as a configuration changed by hand.
const CALM: Duration = Duration::from_secs(5);
/// How often a node that waits for something is looked at.
const WAITING: Duration = Duration::from_millis(500);
/// How often a server that is starting is looked at: it answers after some 30 ms, and somebody waits for it.
const STARTING: Duration = Duration::from_millis(10);

/// The agent's mind: everything that it knows besides what is on disk.
pub struct Turn {
    info: AgentInfo,
    directory: Directory,
    store: Arc<dyn RecordStore>,
    supervisor: Supervisor,
    login: Login,
    publisher: Publisher,
    clock: fn() -> Timestamp,
    /// The connection to the server, kept from turn to turn.
    connection: Option<Connection>,
    /// What the server said of its users after they were applied by this process.
    applied: Option<AppliedUsers>,
    /// Since when the server has not answered.
    silent: Option<Timestamp>,
    trouble: Trouble,
    settled: Option<Generation>,
    last_said: String,
}

/// `started.json`: by what the server was started.
#[derive(Debug, Deserialize, Serialize)]
struct Started {
    /// The Record's generation.
    generation: Generation,
    /// The configuration keys that it set.
    keys: Vec<String>,
}

/// What a turn came to.
enum Outcome {
    /// Something was done: look again at once.
    Acted,
    /// Nothing is to be done before something changes, or before this much time is over.
    Rest(Duration),
}

impl Turn {
    /// The mind of a node's agent.
    pub fn new(
        info: AgentInfo,
        directory: Directory,
        store: Arc<dyn RecordStore>,
        supervisor: Supervisor,
        login: Login,
        publisher: Publisher,
        clock: fn() -> Timestamp,
    ) -> Self {
        Self {
            info,
            directory,
            store,
            supervisor,
            login,
            publisher,
            clock,
            connection: None,
            applied: None,
            silent: None,
            trouble: Trouble::default(),
            settled: None,
            last_said: String::new(),
        }
    }

    /// Turn after turn, until the receiver says that it is enough.
    pub async fn run(mut self, mut end: watch::Receiver<bool>) {
        let mut records = self.store.watch();
        let mut processes = self.supervisor.watch();
        loop {
            // Seen before the turn looks: what changes during the turn wakes the next one.
            records.mark_unchanged();
            processes.mark_unchanged();
            let rest = tokio::select! {
                outcome = self.once() => match outcome {
                    Outcome::Acted => continue,
                    Outcome::Rest(rest) => rest,
                },
                _ = end.wait_for(|end| *end) => return,
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = records.changed() => {}
                _ = processes.changed() => {}
                _ = end.wait_for(|end| *end) => return,
            }
        }
    }

    async fn once(&mut self) -> Outcome {
        let record = self.store.get();
        let server = self.look(record.as_ref()).await;
        let now = (self.clock)();
        let node = NodeObservation { agent_version: self.info.version.clone(), settled: self.settled, server };
        let Some(record) = record else {
            self.say(None, node, false, Vec::new());
            return Outcome::Rest(CALM);
        };
        let nodes = BTreeMap::from([(self.info.claim.node, Seen::Known(node.clone()))]);
        match justmanage_planner::plan(&record, &Observation { nodes }, now) {
            Plan::Converged => {
                self.settled = Some(record.generation);
                self.trouble.forget();
                self.say(Some(record), NodeObservation { settled: self.settled, ..node }, true, Vec::new());
                Outcome::Rest(CALM)
            }
            Plan::Wait(reasons) => {
                let rest = rest_of(&node.server, &reasons, now);
                self.say(Some(record), node, false, reasons);
                Outcome::Rest(rest)
            }
            Plan::Act(steps) => self.act_on(record, node, &steps, now).await,
        }
    }

    /// Does what the plan says, one step after the other; the first that fails ends the turn.
    async fn act_on(&mut self, record: Record, node: NodeObservation, steps: &[Step], now: Timestamp) -> Outcome {
        self.say(Some(record.clone()), node, false, self.trouble.reasons());
        if let Some(rest) = self.trouble.must_rest(steps, now) {
            return Outcome::Rest(rest);
        }
        for step in steps {
            let done = self.act(&record, step).await;
            match done {
                Ok(()) => info!(generation = %record.generation, ?step, "done"),
                Err(error) => {
                    warn!(generation = %record.generation, ?step, error = error.to_string(), "step failed");
                    self.trouble.failed(step, &error.to_string(), now);
                    return Outcome::Acted;
                }
            }
        }
        Outcome::Acted
    }

    /// Publishes the status; one sentence in the log when it changed.
    fn say(&mut self, record: Option<Record>, node: NodeObservation, converged: bool, waiting: Vec<Waiting>) {
        let generation = record.as_ref().map_or_else(|| "none".to_owned(), |record| record.generation.to_string());
        let sentence = match (converged, waiting.is_empty()) {
            (true, _) => format!("generation {generation}: converged"),
            (false, true) if record.is_none() => "waiting for an operator to found the cluster".to_owned(),
            (false, true) => format!("generation {generation}: at work"),
            (false, false) => format!("generation {generation}: waiting: {}", reasons(&waiting)),
        };
        if sentence != self.last_said {
            info!("{sentence}");
            self.last_said = sentence;
        }
        self.publisher.publish(Status { record, node, converged, waiting });
    }
}

/// How long to rest while waiting: until the moment that is waited for, but never long.
fn rest_of(server: &ServerState, waiting: &[Waiting], now: Timestamp) -> Duration {
    if matches!(server, ServerState::Starting { .. }) {
        return STARTING;
    }
    let until = waiting.iter().filter_map(|reason| match reason {
        Waiting::RestartBackoff { retry_at, .. } => Duration::try_from(retry_at.duration_since(now)).ok(),
        _ => None,
    });
    until.min().unwrap_or(WAITING).clamp(STARTING, WAITING)
}

/// The kinds of reasons, for the log; their details are in the status.
fn reasons(waiting: &[Waiting]) -> String {
    waiting.iter().map(|reason| format!("{reason:?}")).collect::<Vec<_>>().join("; ")
}
