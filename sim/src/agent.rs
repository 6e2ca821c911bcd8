//! An agent: looks, plans with the real planner, does what is for its hands, dies at any point and goes on.

use std::collections::{BTreeMap, VecDeque};

use justmanage_model::backup::BackupTally;
use justmanage_model::{
    AskedFailover, Generation, MoveTally, NodeId, NodeObservation, Observation, Phase, Plan, Program, Record,
    RecordChange, Seen, ServerState, SlotWeights, Step, Timestamp, Waiting,
};
use justmanage_planner::plan;

use crate::gather::Heard;
use crate::marks::Marks;
use crate::memory::Memory;
use crate::server::Process;
use crate::shape::{addresses, node_id};
use crate::world::World;
use crate::{Ms, TICK, timestamp};

/// An agent.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its process runs.
    pub alive: bool,
    /// Its copy of the Record; on disk.
    pub copy: Record,
    /// When news of the Record reach it.
    pub copy_due: Ms,
    /// What it watches over.
    pub supervised: Supervised,
    /// Its server is meant to run; on disk.
    pub wanted: bool,
    /// It was seen to end as it was meant to; on disk.
    pub ended: bool,
    /// It was told to end since the node has moved; on disk.
    pub brought_home: bool,
    /// Its program was to blame for the server's last end, and it has run no other since.
    pub blamed: bool,
    /// What its server was started with last; on disk.
    pub program: Option<Program>,
    /// What it remembers.
    pub memory: Memory,
    /// By which generation it found nothing to do at its own node.
    pub settled: Option<Generation>,
    /// What it says of its node to whoever asks.
    pub said: Option<NodeObservation>,
    /// How many times that changed.
    pub version: u64,
    /// What it knows of the others, if it leads.
    pub gathered: BTreeMap<usize, Heard>,
    /// Until when it believes that it leads.
    pub leads_until: Ms,
    /// When it looks again.
    pub wake_at: Ms,
    /// Which slots it has seen marked.
    pub marks: Marks,
    /// How far it is with giving slots away.
    pub moving: Option<MoveTally>,
    /// What its server's slots weighed.
    pub weights: Option<SlotWeights>,
    /// How far it is with its part of a backup.
    pub backup: Option<BackupTally>,
    /// What its last look came to.
    pub last_plan: Option<(Generation, Plan)>,
    doing: VecDeque<Step>,
    planned_from: Option<Record>,
    busy: Busy,
    failures: u32,
}

/// A server's process as its agent knows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Supervised {
    /// It was stopped, or never ran.
    Stopped,
    /// It runs since then.
    Running(Timestamp),
    /// It ended.
    Down {
        /// When.
        since: Timestamp,
        /// How many times in a row.
        failures: u32,
        /// When it may be started again.
        retry_at: Timestamp,
        /// Its program is to blame.
        unfit: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Busy {
    No,
    Until(Ms),
    Stopping,
    Asking { replica: NodeId, at: Timestamp, sent: bool, since: Ms, epoch: u64 },
}

impl Agent {
    /// One that was just made, with an operator's Record.
    #[must_use]
    pub fn new(copy: Record) -> Self {
        Self {
            alive: true,
            copy,
            copy_due: 0,
            supervised: Supervised::Stopped,
            wanted: false,
            ended: true,
            blamed: false,
            brought_home: false,
            program: None,
            memory: Memory::default(),
            settled: None,
            said: None,
            version: 0,
            gathered: BTreeMap::new(),
            leads_until: 0,
            wake_at: 0,
            marks: Marks::default(),
            moving: None,
            weights: None,
            backup: None,
            last_plan: None,
            doing: VecDeque::new(),
            planned_from: None,
            busy: Busy::No,
            failures: 0,
        }
    }

    fn say(&mut self, node: &NodeObservation) {
        if self.said.as_ref() != Some(node) {
            self.said = Some(node.clone());
            self.version += 1;
        }
    }
}

impl World {
    /// What time an agent thinks it is.
    #[must_use]
    pub fn clock(&self, node: usize) -> Timestamp {
        timestamp(self.field.now, self.field.nodes[node].ahead)
    }

    /// A round of an agent.
    pub(crate) fn agent(&mut self, node: usize) {
        if !self.agent_runs(node) {
            return;
        }
        self.bring_home(node);
        self.supervise(node);
        self.mover(node);
        self.back_up(node);
        if self.gathers(node) {
            self.gather(node);
        } else {
            self.agents[node].gathered.clear();
        }
        let now = self.field.now;
        match self.agents[node].busy.clone() {
            Busy::Until(until) if now < until => return,
            Busy::Stopping if self.field.nodes[node].server.process != Process::Off => return,
            Busy::Asking { .. } => return self.ask(node),
            _ => self.agents[node].busy = Busy::No,
        }
        while self.agents[node].busy == Busy::No {
            let Some(step) = self.agents[node].doing.pop_front() else { break };
            self.step(node, &step);
            if !self.agents[node].alive {
                return;
            }
        }
        if self.agents[node].busy == Busy::No && self.agents[node].wake_at <= now {
            self.turn(node);
        }
    }

    /// Whether an agent believes that it leads.
    #[must_use]
    pub fn leads(&self, node: usize) -> bool {
        self.field.now < self.agents[node].leads_until
    }

    /// Whether an agent looks at the others, too: whoever leads; and whoever's server does not run, for whether it may be
    /// started again depends on what has become of its shard.
    fn gathers(&self, node: usize) -> bool {
        self.leads(node) || self.field.nodes[node].server.process == Process::Off
    }

    /// The agent dies; its server runs on.
    pub fn agent_dies(&mut self, node: usize) {
        let now = self.field.now;
        self.field.note(|| format!("node {node}'s agent dies"));
        let agent = &mut self.agents[node];
        agent.alive = false;
        agent.memory.forget();
        agent.settled = None;
        agent.failures = 0;
        agent.said = None;
        agent.gathered.clear();
        agent.marks = Marks::default();
        agent.moving = None;
        agent.weights = None;
        agent.backup = None;
        agent.doing.clear();
        agent.busy = Busy::No;
        if agent.leads_until > now {
            agent.leads_until = 0;
        }
    }

    /// Another agent begins, and finds what is there.
    pub fn agent_begins(&mut self, node: usize) {
        let clock = self.clock(node);
        self.field.note(|| format!("node {node}'s agent begins"));
        let runs = self.field.nodes[node].server.process != Process::Off;
        let agent = &mut self.agents[node];
        agent.alive = true;
        agent.blamed = false;
        agent.wake_at = 0;
        agent.supervised = match (runs, agent.wanted || !agent.ended) {
            (true, _) => Supervised::Running(clock),
            // It was told to end where the node was, and is as it is meant to be.
            (false, true) if agent.brought_home => Supervised::Stopped,
            // Nobody saw it save its data and end.
            (false, true) => Supervised::Down { since: clock, failures: 0, retry_at: clock, unfit: false },
            (false, false) => Supervised::Stopped,
        };
        agent.wanted |= runs;
        match (&agent.supervised, agent.wanted) {
            (Supervised::Running(_), _) => agent.memory.found_running(),
            (Supervised::Down { .. }, false) => agent.memory.perhaps_saved(),
            (supervised, _) => {
                let stopped = *supervised == Supervised::Stopped;
                let seen = agent.ended || !agent.brought_home;
                // What it had saved is there until it was seen to serve again.
                let saved = agent.memory.has_saved();
                agent.memory.gone(stopped && seen || saved);
                if stopped && !seen && !self.field.nodes[node].server.persistent() {
                    self.field.saved_unseen(node);
                }
            }
        }
    }

    /// A server that listens where its node was is ended, to be started where that is. Nobody reaches it, so no grant is needed.
    fn bring_home(&mut self, node: usize) {
        let ends = matches!(self.field.nodes[node].server.process, Process::Off | Process::Ending(_));
        if ends || self.field.at_home(node) {
            return;
        }
        let full = self.field.nodes[node].full;
        let agent = &mut self.agents[node];
        (agent.wanted, agent.ended, agent.blamed, agent.brought_home) = (false, false, false, true);
        agent.memory.full = full;
        self.field.bring_home(node);
        if full {
            // It could not save what it had.
            self.agents[node].memory.gone(false);
            self.agents[node].supervised = Supervised::Stopped;
            self.agents[node].ended = true;
        }
    }

    /// Sees at once that the server's process ended.
    pub fn supervise(&mut self, node: usize) {
        let clock = self.clock(node);
        let now = self.field.now;
        let saved = self.field.nodes[node].server.saved;
        let agent = &mut self.agents[node];
        let Supervised::Running(began) = agent.supervised else { return };
        if self.field.nodes[node].server.process != Process::Off {
            return;
        }
        agent.memory.gone(!agent.wanted && (saved || !agent.brought_home));
        agent.wake_at = now;
        let lived = clock.duration_since(began).as_secs();
        agent.supervised = if agent.wanted {
            let failures = if lived >= 60 { 1 } else { agent.failures + 1 };
            agent.failures = failures;
            let rest = (200i64 << failures.saturating_sub(1).min(8)).min(30_000);
            let retry_at = clock + jiff::SignedDuration::from_millis(rest);
            agent.blamed = self.field.nodes[node].server.own_doing && lived < 60;
            Supervised::Down { since: clock, failures, retry_at, unfit: agent.blamed }
        } else {
            agent.failures = 0;
            agent.ended = true;
            Supervised::Stopped
        };
    }

    /// Looks at the own node.
    pub fn look(&mut self, node: usize) -> NodeObservation {
        let clock = self.clock(node);
        let seen = self.field.see(node, &self.agents[node].copy);
        let (full, home) = (self.field.nodes[node].full, self.field.nodes[node].home);
        let agent = &mut self.agents[node];
        agent.memory.full = full;
        let moves = agent.copy.reshard_of(node_id(node)).is_some();
        let young = |since: Timestamp| clock.duration_since(since).as_secs() < 60;
        let unfit = match agent.supervised {
            Supervised::Down { unfit, .. } => unfit,
            Supervised::Running(since) => agent.blamed && young(since),
            Supervised::Stopped => false,
        };
        let server = match (seen, &agent.supervised) {
            (Some(ServerState::Running(mut server)), _) => {
                agent.memory.saw(&mut server, clock);
                if let Some(bus) = &mut server.bus {
                    bus.astray = agent.marks.astray(&bus.astray, moves, clock);
                }
                ServerState::Running(server)
            }
            (Some(ServerState::Hung { .. }), _) => {
                ServerState::Hung { since: *agent.memory.silent.get_or_insert(clock) }
            }
            (Some(_), Supervised::Running(since)) => ServerState::Starting { since: *since },
            (_, Supervised::Down { since, failures, retry_at, .. }) => {
                let why = "it was killed".to_owned();
                ServerState::Down { since: *since, failures: *failures, retry_at: *retry_at, why }
            }
            _ => ServerState::Stopped,
        };
        NodeObservation {
            agent_version: "0.1.0".to_owned(),
            settled: agent.settled,
            server,
            last: agent.memory.last(),
            promoted: agent.memory.kept.promoted,
            asked: agent.memory.asked.clone(),
            handover: agent.memory.handover.clone(),
            severed: agent.memory.severed,
            at: Some(addresses(node, home)),
            program: agent.program.clone(),
            unfit,
            trouble: None,
            limits: Vec::new(),
            probe: None,
            moving: agent.moving.clone(),
            weights: agent.weights.clone(),
            backup: agent.backup.clone(),
            offer: None,
            fetched: None,
            ahead_s: 0,
        }
    }

    fn turn(&mut self, node: usize) {
        let own = node_id(node);
        let (leads, clock) = (self.leads(node), self.clock(node));
        let mut seen = self.look(node);
        let record = self.agents[node].copy.clone();
        let mut nodes = if self.gathers(node) { self.gathered(node) } else { BTreeMap::new() };
        nodes.insert(own, Seen::Known(seen.clone()));
        let plan = self.removed(node).unwrap_or_else(|| plan(&record, &Observation { nodes }, clock));
        self.counts.plans += 1;
        self.scrutinise(node, &record, &plan);
        let (steps, waiting) = match &plan {
            Plan::Converged => (Vec::new(), Vec::new()),
            Plan::Wait(waiting) => (Vec::new(), waiting.clone()),
            Plan::Act(steps, waiting) => (steps.clone(), waiting.clone()),
        };
        if !steps.iter().any(|step| matches!(step, Step::Node(node, _) if *node == own)) {
            self.agents[node].settled = Some(record.generation);
        }
        seen.settled = self.agents[node].settled;
        let ours: VecDeque<Step> = steps.into_iter().filter(|step| is_ours(step, own, leads)).collect();
        let rest = if ours.is_empty() { self.rest(&record, &waiting, leads) } else { TICK };
        let now = self.field.now;
        let agent = &mut self.agents[node];
        agent.say(&seen);
        agent.last_plan = Some((record.generation, plan));
        agent.wake_at = now + rest;
        agent.doing = ours;
        agent.planned_from = Some(record);
        if !self.agents[node].doing.is_empty() && self.field.chance.once_in(4) {
            self.agents[node].busy = Busy::Until(now + self.field.chance.below(4) * TICK);
        }
    }

    fn rest(&mut self, record: &Record, waiting: &[Waiting], leads: bool) -> Ms {
        let counts = |reason: &&Waiting| leads || !matches!(reason, Waiting::NodeUnknown { .. });
        match () {
            // What one node does under a grant shows at others, too.
            () if record.phase == Phase::Forming || record.grant.is_some() => TICK,
            () if waiting.iter().filter(counts).count() > 0 => self.field.chance.between(1, 5) * TICK,
            () => 2000,
        }
    }

    /// One step, and perhaps the agent's death around it.
    fn step(&mut self, node: usize, step: &Step) {
        let Some(record) = self.agents[node].planned_from.clone() else { return };
        self.counts.steps += 1;
        let deadly = self.deadly;
        if self.field.chance.per_mille(deadly) {
            self.counts.faults += 1;
            return self.agent_dies(node);
        }
        let now = self.field.now;
        let by = node_id(node);
        self.field.note(|| format!("node {node}'s agent: {step:?}"));
        self.agents[node].busy = match step {
            Step::Node(_, justmanage_model::NodeStep::AskFailover(replica)) => {
                let at = self.clock(node);
                Busy::Asking { replica: *replica, at, sent: false, since: now, epoch: 0 }
            }
            Step::Node(_, step) => match self.act(node, step, &record) {
                Ok(()) if *step == justmanage_model::NodeStep::StopServer => Busy::Stopping,
                Ok(()) => Busy::No,
                Err(why) => {
                    self.field.note(|| format!("    failed: {why}"));
                    self.agents[node].doing.clear();
                    Busy::Until(now + 500)
                }
            },
            Step::Record(change) => match self.changed(&record, change, by) {
                Some(next) => Busy::Until(self.propose(node, record.generation, next)),
                None => Busy::No,
            },
        };
        if self.field.chance.per_mille(deadly) {
            self.counts.faults += 1;
            self.agent_dies(node);
        }
    }

    /// Asks a replica's agent to take over, and waits for the answer.
    fn ask(&mut self, node: usize) {
        let now = self.field.now;
        let Busy::Asking { replica, at, sent, since, epoch } = self.agents[node].busy.clone() else { return };
        let Some(other) = self.field.number(replica) else { return };
        let reached = self.agent_runs(other) && self.field.network.both(node, other);
        let answer = if !sent {
            if !reached || now < since + self.field.network.delay {
                (now > since + 3500).then(|| Err("its agent could not be asked".to_owned()))
            } else {
                let epoch = self.field.nodes[other].server.bus.epoch;
                match self.why_not_fail_over(other, node).map_or_else(|| self.field.fail_over(other), Err) {
                    Ok(()) => {
                        self.agents[node].busy = Busy::Asking { replica, at, sent: true, since, epoch };
                        None
                    }
                    Err(why) => Some(Err(why)),
                }
            }
        } else {
            let bus = &self.field.nodes[other].server.bus;
            let won = bus.owns() && bus.epoch > epoch && self.field.listens(other);
            match (won && reached, now > since + 3500) {
                (true, _) => Some(Ok(())),
                (false, true) => Some(Err("it did not take over in time".to_owned())),
                (false, false) => None,
            }
        };
        if let Some(answer) = answer {
            self.field.note(|| format!("node {node} asked node {other} to take over: {answer:?}"));
            self.agents[node].memory.asked = Some(AskedFailover { of: replica, at, answer });
            self.agents[node].busy = Busy::No;
            self.agents[node].wake_at = now;
        }
    }

    /// What must hold of every plan.
    fn scrutinise(&mut self, node: usize, record: &Record, plan: &Plan) {
        let Plan::Act(steps, _) = plan else { return };
        let mut changes = 0;
        for step in steps {
            match step {
                Step::Node(other, _) if !record.members.contains_key(other) && *other != node_id(node) => {
                    self.field.violation(format!("node {node} plans a step for {other}, who is no member"));
                }
                Step::Node(..) => {}
                Step::Record(_) => changes += 1,
            }
        }
        if changes > 1 {
            self.field.violation(format!("node {node} plans {changes} changes of the Record at once"));
        }
    }
}

/// Whether a step is for the hands of this agent.
fn is_ours(step: &Step, own: NodeId, leads: bool) -> bool {
    match step {
        Step::Node(node, _) => *node == own,
        Step::Record(RecordChange::TakeOver(_, takeover)) if takeover.from == own && takeover.cleared => true,
        Step::Record(_) => leads,
    }
}
