//! What breaks, and is mended again.

use justmanage_model::Phase;

use crate::Ms;
use crate::replication::Stream;
use crate::server::Process;
use crate::world::World;

/// What can happen, by name; a seed draws some of them, so that each gets its chance to be alone.
pub const KINDS: [Kind; 22] = [
    Kind::ServerDies,
    Kind::AgentDies,
    Kind::BothDie,
    Kind::PowerCut,
    Kind::MachineLost,
    Kind::Hang,
    Kind::Pair,
    Kind::OneWay,
    Kind::Island,
    Kind::Split,
    Kind::BadNetwork,
    Kind::SlowReplica,
    Kind::NoStart,
    Kind::Clock,
    Kind::Leader,
    Kind::Operator,
    Kind::ShardDies,
    Kind::DiskFull,
    Kind::Moves,
    Kind::AllMove,
    Kind::Marks,
    Kind::LateCrashes,
];

/// How many of them, from the first, were there when the seeds of `seeds/kept.txt` were kept: with more they tell other stories.
pub const FORMER: usize = 17;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server process is killed.
    ServerDies,
    /// An agent is killed, and comes back.
    AgentDies,
    /// Both at once.
    BothDie,
    /// A machine loses its power, and comes back.
    PowerCut,
    /// A machine is lost for good.
    MachineLost,
    /// A server stops working and goes on later.
    Hang,
    /// Two machines do not reach each other.
    Pair,
    /// One does not reach another, which reaches it.
    OneWay,
    /// A machine is cut off.
    Island,
    /// Some machines are cut off from the others.
    Split,
    /// Messages are lost, doubled and late.
    BadNetwork,
    /// A replica receives in jerks.
    SlowReplica,
    /// A server does not start.
    NoStart,
    /// A clock is set, by at most three seconds; seeds draw how far clocks are apart from the beginning.
    Clock,
    /// Another agent leads.
    Leader,
    /// An operator wants something.
    Operator,
    /// All servers of a shard are killed, one soon after the other.
    ShardDies,
    /// Nothing can be written to a machine's disk.
    DiskFull,
    /// A machine gets another address.
    Moves,
    /// All machines get other addresses.
    AllMove,
    /// Somebody begins to move slots by hand, and leaves it at that.
    Marks,
    /// A release is asked for that runs, and crashes at each node within its first minute.
    LateCrashes,
}

/// What is mended when.
#[derive(Clone, Debug, Default)]
pub struct Mending(Vec<(Ms, Cure)>);

#[derive(Clone, Debug)]
enum Cure {
    Agent(usize),
    Power(usize),
    Wake(usize),
    Network,
    Slow(usize),
    Start(usize),
    Kill(usize),
    Replace,
    Disk(usize),
}

impl World {
    /// One thing breaks.
    pub fn break_something(&mut self, kind: Kind, mending: &mut Mending) {
        let now = self.field.now;
        let members: Vec<usize> = self.store.record.agents().filter_map(|(node, _)| self.field.number(node)).collect();
        let node = self.field.chance.pick(&members);
        let other = self.field.chance.pick(&members);
        let long = self.field.chance.pick(&[300, 1000, 3000, 8000, 15_000, 30_000]);
        let until = now + self.field.chance.between(long / 3, long);
        let mut cure = |at: Ms, cure: Cure| mending.0.push((at, cure));
        self.counts.faults += 1;
        self.field.note(|| format!("FAULT {kind:?} at node {node} (and {other}) until {until}"));
        match kind {
            Kind::ServerDies => self.field.end(node, "is killed"),
            Kind::AgentDies | Kind::BothDie => {
                if self.agents[node].alive {
                    self.agent_dies(node);
                    cure(until, Cure::Agent(node));
                }
                if kind == Kind::BothDie {
                    self.field.end(node, "is killed");
                }
            }
            Kind::PowerCut => {
                self.field.power_cut(node);
                if self.agents[node].alive {
                    self.agent_dies(node);
                }
                cure(until, Cure::Power(node));
            }
            Kind::MachineLost if self.may_be_lost(node) => {
                self.agent_dies(node);
                self.field.lose(node);
                cure(until, Cure::Replace);
            }
            Kind::MachineLost => self.counts.faults -= 1,
            Kind::Hang => {
                if self.field.nodes[node].server.process == Process::Up {
                    self.field.nodes[node].server.hung = true;
                    cure(until, Cure::Wake(node));
                }
            }
            Kind::Pair => self.field.network.part(&[node], &[other], until),
            Kind::OneWay => self.field.network.cut(&[node], &[other], until),
            Kind::Island => {
                let others: Vec<usize> = members.into_iter().filter(|one| *one != node).collect();
                self.field.network.part(&[node], &others, until);
            }
            Kind::Split => {
                let (some, rest): (Vec<_>, Vec<_>) = members.into_iter().partition(|_| self.field.chance.once_in(2));
                self.field.network.part(&some, &rest, until);
            }
            Kind::BadNetwork => {
                let network = &mut self.field.network;
                (network.loss, network.doubled, network.delay) = (150, 100, 400);
                cure(until, Cure::Network);
            }
            Kind::SlowReplica => {
                self.field.nodes[node].slow = true;
                cure(until, Cure::Slow(node));
            }
            Kind::NoStart => {
                self.field.nodes[node].broken = true;
                cure(until, Cure::Start(node));
            }
            Kind::Clock => {
                let far: i64 = self.field.chance.pick(&[200, 1000, 3000]);
                let forward = self.field.chance.once_in(2);
                self.field.nodes[node].ahead += if forward { far } else { -far };
                self.field.promises.set_forward += if forward { far.unsigned_abs() } else { 0 };
            }
            Kind::Leader => self.change_leader(),
            Kind::Operator => self.somebody_wants_something(),
            Kind::DiskFull => {
                self.field.nodes[node].full = true;
                cure(until, Cure::Disk(node));
            }
            Kind::Moves => self.field.move_machine(node),
            Kind::AllMove => {
                for node in (0..self.field.nodes.len()).filter(|node| !self.field.nodes[*node].gone).collect::<Vec<_>>()
                {
                    self.field.move_machine(node);
                }
            }
            Kind::Marks => self.slots_are_marked(node, other),
            Kind::LateCrashes => self.somebody_wants_a_release_that_crashes(),
            Kind::ShardDies => {
                let shard = self.field.nodes[node].seat.shard;
                for node in members.into_iter().filter(|node| self.field.nodes[*node].seat.shard == shard) {
                    let at = now + self.field.chance.below(3) * 1000;
                    cure(at, Cure::Kill(node));
                }
            }
        }
    }

    /// A machine may be lost for good if its shard has another copy then, and the agents their majority.
    fn may_be_lost(&self, node: usize) -> bool {
        let shard = self.field.nodes[node].seat.shard;
        let works = |other: usize| self.field.nodes[other].server.process == Process::Up && self.field.at_home(other);
        let fine = |other: usize| self.agent_runs(other) && works(other) && !self.field.nodes[other].full;
        let primary = self.field.primary(shard);
        let copied = (0..self.field.nodes.len()).any(|other| {
            let place = &self.field.nodes[other];
            let level = place.server.replication.state == Stream::Up(node) && !place.slow;
            other != node && place.seat.shard == shard && fine(other) && (primary == Some(other) || level)
        });
        let voters = self.voters();
        let left = voters.iter().filter(|other| **other != node && fine(**other)).count();
        copied && fine(node) && left > voters.len() / 2 && self.store.record.phase == Phase::Formed
    }

    /// What is due is mended.
    pub fn mend_what_is_due(&mut self, mending: &mut Mending) {
        let now = self.field.now;
        let (due, later) = std::mem::take(&mut mending.0).into_iter().partition(|(at, _)| *at <= now);
        mending.0 = later;
        let due: Vec<(Ms, Cure)> = due;
        due.into_iter().for_each(|(_, cure)| self.mend(&cure));
    }

    fn mend(&mut self, cure: &Cure) {
        match *cure {
            Cure::Agent(node) => {
                if self.field.nodes[node].on && !self.agents[node].alive {
                    self.agent_begins(node);
                }
            }
            Cure::Power(node) => {
                if !self.field.nodes[node].gone && !self.field.nodes[node].on {
                    self.field.nodes[node].on = true;
                    self.agent_begins(node);
                }
            }
            Cure::Wake(node) => self.field.wake(node),
            Cure::Network => {
                let network = &mut self.field.network;
                (network.loss, network.doubled, network.delay) = (0, 0, 0);
            }
            Cure::Slow(node) => self.field.nodes[node].slow = false,
            Cure::Start(node) => self.field.nodes[node].broken = false,
            Cure::Kill(node) => self.field.end(node, "is killed"),
            Cure::Replace => self.replace_the_lost(),
            Cure::Disk(node) => self.field.nodes[node].full = false,
        }
    }

    /// Everything that broke is mended.
    pub fn mend_everything(&mut self, mending: &mut Mending) {
        mending.0.clear();
        self.field.network.mend();
        self.deadly = 0;
        for node in 0..self.field.nodes.len() {
            let place = &mut self.field.nodes[node];
            if place.gone {
                continue;
            }
            place.on = true;
            place.broken = false;
            place.slow = false;
            place.full = false;
            self.field.wake(node);
            if !self.agents[node].alive {
                self.agent_begins(node);
            }
        }
    }
}
