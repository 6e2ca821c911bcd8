//! The agent's turn: look, plan, do, and say how it is; then wait until there is a reason to look again.
//!
//! What is decided is decided by `justmanage_planner::plan` alone. Here are the eyes ([`look`]), the memory ([`memory`]) and
//! the hands ([`act`], [`change`]). Every agent sees to its own node; the one that leads the group also looks at the others
//! ([`crate::peers`]), and it alone changes the Record, except for what only the agent of a dead server can know.

mod act;
mod announce;
mod certificates;
mod change;
mod chronicle;
mod home;
mod look;
mod memory;
mod program;
mod proof;
mod removed;
mod rest;
mod slots;
mod trouble;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use justmanage_engine::{AppliedUsers, BUS_FILE, Connection};
use justmanage_model::node::AgentInfo;
use justmanage_model::{
    BusView, Generation, LastRole, NodeId, NodeObservation, NodeStep, Observation, Phase, Plan, Program, Record,
    RecordChange, Seen, ServerState, SlotWeights, Step, Timestamp, Waiting,
};
use justmanage_record::{RecordStore, Standing};
use justmanage_steps::step;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::backing_up::{self, BackingUp};
use crate::directory::Directory;
use crate::journal::Journal;
use crate::limits::{Limits, Wanted};
use crate::metrics::Counts;
use crate::moving::{self, Moving, Reception};
use crate::peers::{Gathered, Gatherer, Peers};
use crate::programs::Programs;
use crate::proof::Proving;
use crate::secrets::Secrets;
use crate::server::{ServerAccess, Supervisor};
use crate::status::{ClusterStatus, NodeStatus, Publisher};
use crate::upcoming::Forthcoming;
use chronicle::Chronicle;
use memory::Memory;
use trouble::Trouble;

/// What a turn works with.
pub struct Tools {
    /// Who we are.
    pub info: AgentInfo,
    /// The node's address may change.
    pub moves: bool,
    /// The node's files.
    pub directory: Directory,
    /// The Record.
    pub store: Arc<dyn RecordStore>,
    /// The server's process.
    pub supervisor: Supervisor,
    /// How to call the server.
    pub access: ServerAccess,
    /// What other agents ask of it while slots move.
    pub reception: Arc<Reception>,
    /// The cluster's secrets.
    pub secrets: Secrets,
    /// The other agents.
    pub peers: Peers,
    /// What happened here.
    pub journal: Arc<Journal>,
    /// What is counted for monitoring.
    pub counts: Arc<Counts>,
    /// Limits of the server's process.
    pub limits: Limits,
    /// Server programs of this machine.
    pub programs: Programs,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// The agent's mind: everything that it knows besides what is on disk.
pub struct Turn {
    tools: Tools,
    node: Publisher<NodeStatus>,
    cluster: Publisher<ClusterStatus>,
    gatherer: Gatherer,
    gathered: watch::Receiver<Gathered>,
    /// The connection to the server, kept from turn to turn.
    connection: Option<Connection>,
    /// What the server said of its users after they were applied by this process.
    applied: Option<AppliedUsers>,
    /// By which Record it was told its passwords by this process.
    passwords: Option<Generation>,
    /// Since when the server has not answered.
    silent: Option<Timestamp>,
    /// The server is where the node is, or stopped.
    at_home: bool,
    /// Stops it where the node was.
    on_its_way: Option<JoinHandle<bool>>,
    memory: Memory,
    chronicle: Chronicle,
    proof: Proving,
    moving: Moving,
    backing_up: BackingUp,
    forthcoming: Forthcoming,
    /// What the server's slots weighed when they were last looked at.
    weights: Option<SlotWeights>,
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
    /// The program; `None` in files of older agents, until the server was seen to run.
    #[serde(default)]
    program: Option<Program>,
    /// The address that it listens on; `None` in files of older agents, whose nodes never move.
    #[serde(default)]
    address: Option<IpAddr>,
}

/// What a turn came to.
enum Outcome {
    /// Something was done: look again at once.
    Acted,
    /// Nothing is to be done before something changes, or before this much time is over.
    Rest(Duration),
}

impl Tools {
    fn moving(&self) -> moving::Tools {
        moving::Tools {
            own: self.info.claim.node,
            access: self.access.clone(),
            peers: self.peers.clone(),
            secrets: self.secrets.clone(),
            store: self.store.clone(),
            clock: self.clock,
        }
    }

    fn backing_up(&self) -> backing_up::Tools {
        backing_up::Tools {
            own: self.info.claim.node,
            access: self.access.clone(),
            secrets: self.secrets.clone(),
            scratch: self.directory.scratch(),
            journal: self.journal.clone(),
            clock: self.clock,
        }
    }
}

impl Turn {
    /// The mind of a node's agent.
    pub fn new(tools: Tools, node: Publisher<NodeStatus>, cluster: Publisher<ClusterStatus>) -> Self {
        let gatherer = Gatherer::new(tools.peers.clone(), tools.info.claim.node, tools.clock);
        Self {
            gathered: gatherer.watch(),
            gatherer,
            memory: Memory::load(&tools.directory),
            proof: Proving::open(&tools.directory, tools.clock),
            moving: Moving::new(tools.moving()),
            backing_up: BackingUp::new(tools.backing_up()),
            forthcoming: Forthcoming::new(tools.programs.clone(), tools.clock),
            weights: None,
            tools,
            node,
            cluster,
            connection: None,
            applied: None,
            passwords: None,
            silent: None,
            at_home: false,
            on_its_way: None,
            chronicle: Chronicle::default(),
            trouble: Trouble::default(),
            settled: None,
            last_said: String::new(),
        }
    }

    /// Turn after turn, until the receiver says that it is enough.
    pub async fn run(mut self, mut end: watch::Receiver<bool>) {
        let mut records = self.tools.store.watch();
        let mut standings = self.tools.store.standing();
        let mut processes = self.tools.supervisor.watch();
        let mut gathered = self.gathered.clone();
        let mut tallies = self.proof.tallies();
        let mut moves = self.moving.tallies();
        let mut backups = self.backing_up.tallies();
        let mut news = self.forthcoming.news();
        loop {
            // Seen before the turn looks: what changes during the turn wakes the next one.
            records.mark_unchanged();
            standings.mark_unchanged();
            processes.mark_unchanged();
            gathered.mark_unchanged();
            tallies.mark_unchanged();
            moves.mark_unchanged();
            backups.mark_unchanged();
            news.mark_unchanged();
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
                _ = standings.changed() => {}
                _ = processes.changed() => {}
                _ = gathered.changed() => {}
                _ = tallies.changed() => {}
                _ = moves.changed() => {}
                _ = backups.changed() => {}
                _ = news.changed() => {}
                _ = end.wait_for(|end| *end) => return,
            }
        }
    }

    async fn once(&mut self) -> Outcome {
        self.tools.counts.turn();
        self.bring_home().await;
        let record = self.tools.store.get();
        let leads = matches!(&*self.tools.store.standing().borrow(), Standing::Leader { .. });
        let server = self.look(record.as_ref()).await;
        self.follow_moves(record.as_ref(), &server).await;
        self.backing_up.follow(record.as_ref(), self.ran().as_ref());
        self.forthcoming.follow(record.as_ref(), leads);
        if let Some(record) = &record {
            self.announce(record).await;
        }
        self.ask_others(record.as_ref(), leads, &server);
        let limits = match (&record, &server) {
            (Some(record), ServerState::Running(server)) => {
                self.tools.limits.enforce(server.pid, Wanted::from(&record.spec)).await
            }
            _ => Vec::new(),
        };
        let now = (self.tools.clock)();
        let node = NodeObservation {
            agent_version: self.tools.info.version.clone(),
            settled: self.settled,
            server,
            last: self.last(),
            promoted: self.memory.promoted(),
            asked: self.memory.asked.clone(),
            handover: self.memory.handover.clone(),
            severed: self.memory.severed,
            at: self.at(),
            program: self.ran(),
            unfit: self.tools.supervisor.is_unfit(),
            trouble: self.trouble.said(),
            limits,
            probe: self.proof.tally(),
            moving: self.moving.tally(),
            weights: self.weights.clone(),
            backup: self.backing_up.tally(),
            offer: self.forthcoming.offer(record.as_ref()).filter(|_| leads),
            fetched: self.forthcoming.fetched(),
            ahead_s: 0,
        };
        let Some(record) = record else {
            self.node.publish(NodeStatus { record: None, node });
            let why = self.no_majority().into_iter().collect();
            self.say(None, Observation::default(), false, why, leads);
            return Outcome::Rest(rest::CALM);
        };
        self.chronicle(&record, &node, self.leader(leads));
        let mut nodes = self.gathered.borrow().clone();
        let own = self.tools.info.claim.node;
        nodes.insert(own, Seen::Known(node.clone()));
        let observation = Observation { nodes };
        let removed = matches!(&*self.tools.store.standing().borrow(), Standing::Removed);
        let plan = match removed {
            true => removed::plan(own, &node.server),
            false => justmanage_planner::plan(&record, &observation, now),
        };
        let (steps, waiting) = match plan {
            Plan::Converged => (Vec::new(), Vec::new()),
            Plan::Wait(waiting) => (Vec::new(), waiting),
            Plan::Act(steps, waiting) => (steps, waiting),
        };
        if !steps.iter().any(|step| matches!(step, Step::Node(node, _) if *node == own)) {
            self.settled = Some(record.generation);
        }
        // What waits for its time is nothing that is missing now.
        let converged = leads && steps.is_empty() && waiting.iter().all(Waiting::is_pending);
        self.prove(&record, &observation, (converged, leads), now);
        // Who waits for the end waits for the report, too.
        let converged = converged && !self.proof.is_pending();
        self.node.publish(NodeStatus {
            record: Some(record.clone()),
            node: NodeObservation { settled: self.settled, ..node.clone() },
        });
        let ours: Vec<Step> = steps.into_iter().filter(|step| self.is_ours(step, leads)).collect();
        let rest = rest::after(&record, &node.server, &waiting, now, leads);
        let mut said = waiting;
        said.extend(trouble::reasons(&observation));
        said.extend(self.no_majority());
        self.say(Some(record.clone()), observation, converged, said, leads);
        if ours.is_empty() {
            self.trouble.forget();
            return Outcome::Rest(rest);
        }
        self.act_on(record, &ours, now).await
    }

    /// Moves what is granted, and nothing else.
    async fn follow_moves(&mut self, record: Option<&Record>, server: &ServerState) {
        let bus = if let ServerState::Running(server) = server { server.bus.as_ref() } else { None };
        self.moving.follow(record, bus.is_some_and(BusView::is_primary)).await;
        if record.is_none_or(|record| record.reshard_of(self.tools.info.claim.node).is_none()) {
            self.tools.reception.close();
        }
    }

    /// Who leads looks at everybody. Whose own server does not run looks at all members: whether another one is its shard's primary
    /// decides what becomes of it, and, of a shard that has no slots yet, whether others serve all.
    fn ask_others(&mut self, record: Option<&Record>, leads: bool, server: &ServerState) {
        let dead = matches!(server, ServerState::Down { .. } | ServerState::Stopped);
        let record = record.filter(|record| leads || dead && record.phase == Phase::Formed);
        self.gatherer.ask(record, |agent| leads || agent.seat.is_some());
    }

    /// What the server was when it was last seen. A data directory that is gone keeps nothing, whatever was seen of it.
    fn last(&self) -> Option<LastRole> {
        let there = self.tools.directory.data().join(BUS_FILE).exists();
        self.memory.last().map(|last| LastRole { persistent: last.persistent && there, ..last })
    }

    /// Whether a step is for these hands: our own node's, and, if we lead, the Record. That our own server is dead, and held
    /// back for whoever takes over, nobody else can say.
    fn is_ours(&self, step: &Step, leads: bool) -> bool {
        let own = self.tools.info.claim.node;
        match step {
            Step::Node(node, _) => *node == own,
            Step::Record(RecordChange::TakeOver(_, takeover)) if takeover.from == own && takeover.cleared => true,
            Step::Record(_) => leads,
        }
    }

    /// Does what the plan says, one step after the other; the first that fails ends the turn.
    async fn act_on(&mut self, record: Record, steps: &[Step], now: Timestamp) -> Outcome {
        if let Some(rest) = self.trouble.must_rest(steps, now) {
            return Outcome::Rest(rest);
        }
        for step in steps {
            if matches!(step, Step::Node(_, NodeStep::StartServer | NodeStep::StartEmpty))
                && self.last().is_some_and(|last| last.primary && !last.persistent)
            {
                self.chronicle_empty(&record);
            }
            step!("step {}: about to be done", name(step));
            let done = self.act(&record, step).await;
            step!("step {}: done", name(step));
            self.chronicle_step(&record, step, done.as_ref().copied().map_err(ToString::to_string));
            step!("step {}: written down", name(step));
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

    /// Who leads the group, as far as is known here.
    fn leader(&self, leads: bool) -> Option<NodeId> {
        match &*self.tools.store.standing().borrow() {
            Standing::Follower { leader } => *leader,
            // It hears of the Record from somebody, and that is enough to know that there is a leader.
            Standing::Observer { from } => *from,
            _ => leads.then_some(self.tools.info.claim.node),
        }
    }

    fn no_majority(&self) -> Option<Waiting> {
        match &*self.tools.store.standing().borrow() {
            Standing::NoMajority { .. } => {
                Some(Waiting::NoMajority { why: "this agent reaches no majority of those that vote".to_owned() })
            }
            Standing::Broken { why } => Some(Waiting::NoMajority { why: why.clone() }),
            _ => None,
        }
    }

    /// Publishes how the cluster is; one sentence in the log when it changed.
    fn say(
        &mut self,
        record: Option<Record>,
        observation: Observation,
        converged: bool,
        waiting: Vec<Waiting>,
        leads: bool,
    ) {
        let generation = record.as_ref().map_or_else(|| "none".to_owned(), |record| record.generation.to_string());
        let removed = matches!(&*self.tools.store.standing().borrow(), Standing::Removed);
        let sentence = match (converged, waiting.is_empty()) {
            _ if removed => "this node is not the cluster's any more".to_owned(),
            (true, _) => format!("generation {generation}: converged"),
            (false, true) if record.is_none() => "waiting for an operator to found the cluster".to_owned(),
            _ if !leads => format!("generation {generation}: another agent leads"),
            (false, true) => format!("generation {generation}: at work"),
            (false, false) => format!("generation {generation}: waiting: {}", kinds(&waiting)),
        };
        if sentence != self.last_said {
            info!("{sentence}");
            self.last_said = sentence;
        }
        let leader = leads.then_some(self.tools.info.claim.node);
        let last_operation = self.proof.last();
        self.cluster.publish(ClusterStatus { record, observation, converged, waiting, leader, last_operation });
    }
}

/// A step in short, without whom it is about.
#[cfg(debug_assertions)]
fn name(step: &Step) -> String {
    let text = match step {
        Step::Node(_, step) => format!("{step:?}"),
        Step::Record(change) => format!("{change:?}"),
    };
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

/// The reasons in short, for the log; their details are in the status.
fn kinds(waiting: &[Waiting]) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for reason in waiting {
        let text = format!("{reason:?}");
        let kind = text.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
        *kinds.entry(kind).or_default() += 1;
    }
    kinds.into_iter().map(|(kind, count)| format!("{kind} ({count})")).collect::<Vec<_>>().join(", ")
}
