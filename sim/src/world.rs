//! All of it together: the physical world, the agents, and the Record between them.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::{
    Fetched, NodeObservation, NodeStep, Observation, Offer, Phase, Plan, Record, RecordChange, Seat, Seen, Step,
};
use justmanage_planner::plan;

use crate::agent::{Agent, Supervised};
use crate::chance::Chance;
use crate::disk::Disks;
use crate::field::Field;
use crate::server::Process;
use crate::service::Service;
use crate::shape::{Shape, member, node_id};
use crate::store::Store;
use crate::{Ms, TICK};

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    /// Machines, servers, network, data.
    pub field: Field,
    /// The Record.
    pub store: Store,
    /// The agent of each node.
    pub agents: Vec<Agent>,
    /// What was done.
    pub counts: Counts,
    /// So many times in a thousand an agent dies before a step, and so many after it.
    pub deadly: u64,
    /// Nodes whose server was stopped by an agent, and is not back yet.
    stopped: BTreeSet<usize>,
    /// Nodes that a script hides from the planner, since when.
    pub hidden: BTreeMap<usize, Ms>,
    /// Nodes whose agents a script keeps from news of the Record.
    pub behind: BTreeSet<usize>,
    /// What a script says of releases to come, and of clocks.
    pub told: Told,
    /// Whoever wants another release wants temporary replicas for it.
    pub surges: bool,
    /// Which slots nobody serves, while nothing is broken.
    pub(crate) service: Service,
}

/// What a script says of things that the simulation has not: a catalog, programs that arrive, and clocks that an observer compares.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What the catalog has, by the word of whoever leads.
    pub offer: Option<Result<Offer, String>>,
    /// Nodes that have the program of the upcoming release, or why not.
    pub fetched: BTreeMap<usize, Option<String>>,
    /// By how many seconds a node's clock is ahead of the leader's.
    pub ahead: BTreeMap<usize, i64>,
}

/// What was done in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ticks.
    pub ticks: u64,
    /// Times that the planner was asked.
    pub plans: u64,
    /// Steps that were carried out.
    pub steps: u64,
    /// Changes of the Record.
    pub changes: u64,
    /// Servers that were stopped by an agent.
    pub stops: u64,
    /// Takeovers that were carried out at the word of the majority of agents.
    pub takeovers: u64,
    /// Backups of which the manifest was written.
    pub backups: u64,
    /// Planned failovers that were begun.
    pub handovers: u64,
    /// Those of them from a primary that was frozen (`SIGSTOP`) and may wake at any moment.
    pub frozen: u64,
    /// Those of them from a primary that was alive and cut off.
    pub cut_off: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Clusters of which nobody had any data any more: every copy of a shard had died, and nothing is kept on disk there.
    pub hopeless: u64,
    /// Pieces of slots that went from one server to another.
    pub moves: u64,
    /// Nodes that were entered in the Record at another address.
    pub relocated: u64,
    /// Slots whose marks, left by others, were taken away.
    pub closed: u64,
    /// Servers that crashed later than at their start, of a release that does so.
    pub crashes: u64,
    /// Nodes that were put back to the release that they came from.
    pub put_back: u64,
    /// What full disks did.
    pub disks: Disks,
    /// The longest time that it took to be well again.
    pub slowest: Ms,
}

impl Counts {
    /// Adds what was done elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.ticks += other.ticks;
        self.plans += other.plans;
        self.steps += other.steps;
        self.changes += other.changes;
        self.stops += other.stops;
        self.takeovers += other.takeovers;
        self.backups += other.backups;
        self.frozen += other.frozen;
        self.cut_off += other.cut_off;
        self.faults += other.faults;
        self.hopeless += other.hopeless;
        self.moves += other.moves;
        self.relocated += other.relocated;
        self.closed += other.closed;
        self.crashes += other.crashes;
        self.put_back += other.put_back;
        self.disks.add(&other.disks);
        self.slowest = self.slowest.max(other.slowest);
    }
}

impl World {
    /// A cluster whose machines are there, and nothing else.
    #[must_use]
    pub fn new(shape: Shape, seed: u64) -> Self {
        let record = shape.record();
        let field = Field::new(shape, Chance::new(seed));
        let agents = (0..field.nodes.len()).map(|_| Agent::new(record.clone())).collect();
        Self {
            field,
            store: Store::new(record),
            agents,
            counts: Counts::default(),
            deadly: 0,
            stopped: BTreeSet::new(),
            hidden: BTreeMap::new(),
            behind: BTreeSet::new(),
            told: Told::default(),
            surges: false,
            service: Service::default(),
        }
    }

    /// A tick with agents that do what they do by themselves.
    pub fn tick(&mut self) {
        self.counts.ticks += 1;
        self.field.clients = self.store.record.phase != Phase::Forming;
        self.field.tick();
        self.agree();
        let mut order: Vec<usize> = (0..self.agents.len()).collect();
        self.field.chance.shuffle(&mut order);
        order.into_iter().for_each(|node| self.agent(node));
        self.watch();
    }

    /// What must hold at every moment.
    fn watch(&mut self) {
        let nodes = &self.field.nodes;
        let record = &self.store.record;
        self.stopped
            .retain(|node| nodes[*node].server.process != Process::Up && record.members.contains_key(&node_id(*node)));
        for (node, agent) in self.agents.iter().enumerate() {
            // Whoever has no place any more was nobody's to reckon with.
            let member = record.members.contains_key(&node_id(node));
            // Nor was whoever listens where nobody comes any more.
            let reached = self.field.at_home(node) && !self.field.calls_in_vain(node);
            let ending = matches!(nodes[node].server.process, Process::Ending(_)) && !agent.wanted;
            if member && ending && reached {
                self.stopped.insert(node);
            }
        }
        if self.stopped.len() > 1 && record.phase != Phase::Leaving {
            let stopped = self.stopped.clone();
            self.field.violation(format!("nodes {stopped:?} are down at once by our own hand"));
            self.stopped.clear();
        }
        self.watch_service();
    }

    /// Whether the agent that leads says that all is as it is wanted, of the Record as it is now.
    #[must_use]
    pub fn converged(&self) -> bool {
        let said = self.store.leader.and_then(|leader| self.agents[leader].last_plan.as_ref());
        said.is_some_and(|(at, plan)| *at == self.store.record.generation && *plan == Plan::Converged)
    }

    /// Another machine with its agent, which has been told the Record.
    pub fn add(&mut self, seat: Seat) -> usize {
        let node = self.field.add(seat);
        self.agents.push(Agent::new(self.store.record.clone()));
        node
    }

    /// A new member takes a seat whose machine is gone for good.
    pub fn replace(&mut self, old: usize) -> usize {
        let seat = self.field.nodes[old].seat;
        let new = self.add(seat);
        self.operate(|record| {
            record.members.remove(&node_id(old));
            record.members.insert(node_id(new), member(new, seat));
            if record.grant.as_ref().is_some_and(|grant| grant.nodes.contains(&node_id(old))) {
                record.grant = None;
            }
        });
        self.agents[new].copy = self.store.record.clone();
        new
    }

    /// An operator changes the Record.
    pub fn operate(&mut self, change: impl FnOnce(&mut Record)) {
        let mut next = self.store.record.clone();
        next.halt = None;
        change(&mut next);
        next.raise_layout();
        if next != self.store.record {
            next.generation = self.store.record.generation.next();
            self.commit(next);
        }
    }

    // What follows is for scripts: one mind that sees everything at once, and hands that do at once what it says.

    /// Time passes, and agents do nothing but watch.
    pub fn pass(&mut self, time: Ms) {
        self.field.clients = self.store.record.phase != Phase::Forming;
        for _ in 0..time / TICK {
            self.field.tick();
            for node in 0..self.agents.len() {
                if self.agent_runs(node) {
                    self.supervise(node);
                    self.mover(node);
                    self.look(node);
                }
            }
            self.watch();
        }
    }

    /// What is seen of all nodes.
    pub fn observation(&mut self) -> Observation {
        let members: Vec<usize> = self.store.record.agents().filter_map(|(node, _)| self.field.number(node)).collect();
        let mut nodes = BTreeMap::new();
        for node in members {
            let hidden = self.hidden.get(&node).copied().or((!self.agent_runs(node)).then_some(self.field.now));
            let seen = match hidden {
                Some(since) => {
                    Seen::Unknown { since: crate::timestamp(since, 0), why: "its agent does not answer".to_owned() }
                }
                None => Seen::Known(self.as_told(node)),
            };
            nodes.insert(node_id(node), seen);
        }
        Observation { nodes }
    }

    /// What is seen of a node, with what a script says of it.
    fn as_told(&mut self, node: usize) -> NodeObservation {
        let seen = self.look(node);
        let upcoming = self.store.record.upcoming.as_ref().map(|upcoming| &upcoming.program);
        let fetched = upcoming.zip(self.told.fetched.get(&node)).map(|(program, trouble)| Fetched {
            sha256: program.artefact.sha256().to_owned(),
            ready: trouble.is_none(),
            trouble: trouble.clone(),
        });
        let ahead_s = self.told.ahead.get(&node).copied().unwrap_or_default();
        NodeObservation { offer: self.told.offer.clone().filter(|_| node == 0), fetched, ahead_s, ..seen }
    }

    /// What the planner says to that. Agents find that they have nothing to do.
    pub fn plan(&mut self) -> Plan {
        let copy = self.store.record.clone();
        let hear = |(node, agent): (usize, &mut Agent)| {
            if !self.behind.contains(&node) {
                agent.copy = copy.clone();
            }
        };
        self.agents.iter_mut().enumerate().for_each(hear);
        let now = crate::timestamp(self.field.now, 0);
        let plan = |world: &mut Self| {
            let observation = world.observation();
            plan(&world.store.record, &observation, now)
        };
        let first = plan(self);
        for node in 0..self.agents.len() {
            let busy = |step: &Step| matches!(step, Step::Node(other, _) if *other == node_id(node));
            let idle = !matches!(&first, Plan::Act(steps, _) if steps.iter().any(busy));
            let hears = !self.hidden.contains_key(&node) && !self.behind.contains(&node);
            if idle && self.agent_runs(node) && hears {
                self.agents[node].settled = Some(self.store.record.generation);
            }
        }
        plan(self)
    }

    /// Does what the plan says, one after the other.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn carry_out(&mut self, steps: &[Step]) -> Result<(), String> {
        for step in steps {
            self.counts.steps += 1;
            match step {
                Step::Node(node, step) => {
                    let node = self.field.number(*node).ok_or("no such node")?;
                    self.act_at_once(node, step)?;
                }
                Step::Record(change) => self.change(change),
            }
        }
        Ok(())
    }

    fn act_at_once(&mut self, node: usize, step: &NodeStep) -> Result<(), String> {
        let record = self.store.record.clone();
        if let NodeStep::AskFailover(replica) = step {
            return self.ask_at_once(node, self.field.number(*replica).ok_or("no such node")?);
        }
        self.act(node, step, &record)?;
        while *step == NodeStep::StopServer && self.agents[node].supervised != Supervised::Stopped {
            self.pass(TICK);
        }
        Ok(())
    }

    fn ask_at_once(&mut self, node: usize, replica: usize) -> Result<(), String> {
        let at = self.clock(node);
        let mut answer = self.why_not_fail_over(replica, node).map_or_else(|| self.field.fail_over(replica), Err);
        for _ in 0..20 {
            if answer.is_ok() && !self.field.nodes[replica].server.bus.owns() {
                self.pass(TICK);
            }
        }
        if answer.is_ok() && !self.field.nodes[replica].server.bus.owns() {
            answer = Err("it did not take over in time".to_owned());
        }
        self.agents[node].memory.asked = Some(justmanage_model::AskedFailover { of: node_id(replica), at, answer });
        Ok(())
    }

    /// Changes the Record as the planner wants it.
    fn change(&mut self, change: &RecordChange) {
        let record = self.store.record.clone();
        if let Some(next) = self.changed(&record, change, node_id(0)) {
            self.commit(next);
        }
    }
}
