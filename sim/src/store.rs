//! The Record as the majority of agents keeps it: one truth, compare-and-set, answers that get lost, copies that lag.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::{Generation, Grant, Record};

use crate::Ms;
use crate::world::World;

/// How long a leader that nobody hears goes on believing that it leads.
const BELIEF: Ms = 1200;

/// The truth, and what is on its way to it.
#[derive(Clone, Debug)]
pub struct Store {
    /// What the majority holds.
    pub record: Record,
    /// Who leads.
    pub leader: Option<usize>,
    lost_at: Option<Ms>,
    proposals: Vec<Proposal>,
}

#[derive(Clone, Debug)]
struct Proposal {
    by: usize,
    due: Ms,
    expected: Generation,
    next: Box<Record>,
}

impl Store {
    /// The first Record.
    #[must_use]
    pub fn new(record: Record) -> Self {
        Self { record, leader: None, lost_at: None, proposals: Vec::new() }
    }
}

impl World {
    /// Whose agents vote: an odd number, at most five.
    #[must_use]
    pub fn voters(&self) -> Vec<usize> {
        let members = self.store.record.members.iter();
        let mut seats: Vec<_> = members.map(|(node, member)| (member.seat.ordinal, member.seat.shard, *node)).collect();
        // Spares come last.
        seats.extend(self.store.record.spares.keys().map(|node| (u16::MAX, u16::MAX, *node)));
        seats.sort_unstable();
        let count = match seats.len() {
            0..=2 => 1,
            3..=4 => 3,
            _ => 5,
        };
        seats.into_iter().take(count).filter_map(|(.., node)| self.field.number(node)).collect()
    }

    /// Whether an agent runs.
    #[must_use]
    pub fn agent_runs(&self, node: usize) -> bool {
        self.field.nodes[node].on && self.agents[node].alive
    }

    /// Whether an agent can write down what it agrees to, and does.
    fn agrees_to(&self, node: usize) -> bool {
        self.agent_runs(node) && !self.field.nodes[node].full
    }

    /// Whether the agent of a node reaches most of those that vote.
    #[must_use]
    pub fn has_majority(&self, node: usize) -> bool {
        let voters = self.voters();
        let reached = voters.iter().filter(|other| self.agrees_to(**other) && self.field.network.both(node, **other));
        self.agent_runs(node) && reached.count() > voters.len() / 2
    }

    /// A round of the group: who leads, what is taken, who hears of it.
    pub(crate) fn agree(&mut self) {
        self.lead();
        let now = self.field.now;
        let mute = |node: &usize| self.agent_runs(*node) && self.field.nodes[*node].full;
        self.field.disks.votes += self.voters().iter().filter(|node| mute(node)).count() as u64;
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.store.proposals).into_iter().partition(|proposal| proposal.due <= now);
        self.store.proposals = later;
        for Proposal { by, expected, next, .. } in due {
            if self.store.record.generation == expected && self.has_majority(by) {
                self.commit(*next);
                if self.agrees_to(by) {
                    self.agents[by].copy = self.store.record.clone();
                }
            }
        }
        for node in 0..self.agents.len() {
            let agent = &self.agents[node];
            let behind = agent.copy.generation < self.store.record.generation && agent.copy_due <= now;
            if behind && self.agrees_to(node) && self.has_majority(node) {
                self.agents[node].copy = self.store.record.clone();
                self.agents[node].wake_at = now;
            }
        }
    }

    fn lead(&mut self) {
        let now = self.field.now;
        let fit = |world: &Self, node: usize| {
            world.agrees_to(node) && world.has_majority(node) && world.voters().contains(&node)
        };
        if let Some(leader) = self.store.leader {
            if fit(self, leader) && self.leads(leader) {
                return;
            }
            self.store.leader = None;
            self.store.lost_at = Some(now);
            self.agents[leader].leads_until = self.agents[leader].leads_until.min(now + BELIEF);
        }
        if self.store.lost_at.is_some_and(|at| now < at + BELIEF - crate::TICK * 3) {
            return;
        }
        let voters = self.voters();
        let fit: Vec<usize> = voters.into_iter().filter(|node| fit(self, *node)).collect();
        if !fit.is_empty() {
            let leader = self.field.chance.pick(&fit);
            self.field.note(|| format!("node {leader}'s agent leads"));
            self.store.leader = Some(leader);
            self.agents[leader].leads_until = Ms::MAX;
            self.agents[leader].gathered.clear();
            self.agents[leader].wake_at = now;
        }
    }

    /// Somebody else is to lead.
    pub fn change_leader(&mut self) {
        if let Some(leader) = self.store.leader.take() {
            self.agents[leader].leads_until = self.field.now + BELIEF;
            self.store.lost_at = None;
        }
    }

    /// An agent proposes a next Record. It may be taken at once, later, or never; the answer may be lost: when to look again.
    pub(crate) fn propose(&mut self, by: usize, expected: Generation, next: Record) -> Ms {
        let now = self.field.now;
        if !self.has_majority(by) {
            return now + 500;
        }
        let trouble = if self.field.promises.calm { 0 } else { 30 };
        let chance = &mut self.field.chance;
        let (due, answer) = match () {
            () if chance.per_mille(trouble) => (None, now + 2000),
            () if chance.per_mille(trouble) => (Some(now + chance.between(1000, 6000)), now + 2000),
            () => {
                let due = now + chance.below(3) * crate::TICK;
                (Some(due), due + crate::TICK)
            }
        };
        if let Some(due) = due {
            self.store.proposals.push(Proposal { by, due, expected, next: Box::new(next) });
        }
        answer
    }

    /// The next Record, checked as the store checks it.
    pub(crate) fn commit(&mut self, next: Record) {
        if let Err(fault) = self.store.record.check_next(&next) {
            return self.field.violation(format!("a Record is proposed that is refused: {fault}"));
        }
        let before = &self.store.record;
        // What it allowed was not fit, and is undone.
        let undoes = |grant: &Grant| grant.operation == Operation::PutBack;
        let nodes = |record: &Record| record.grant.as_ref().map(|grant| grant.nodes.clone());
        let either = next.grant.as_ref().is_some_and(undoes) || before.grant.as_ref().is_some_and(undoes);
        let undone = either && nodes(before) == nodes(&next);
        // Another shape is asked for while slots move: whoever has leave keeps it, for no slots.
        let withdrawn = |before: &Grant, next: &Grant| {
            let moves = [before, next].map(|grant| grant.operation == Operation::Reshard) == [true; 2];
            moves && next.moves.is_empty() && next.nodes.is_subset(&before.nodes)
        };
        let undone =
            undone || before.grant.as_ref().zip(next.grant.as_ref()).is_some_and(|(one, other)| withdrawn(one, other));
        if before.grant.is_some() && next.grant.is_some() && before.grant != next.grant && !undone {
            self.field.violation("a grant takes the place of another");
        }
        self.field.note(|| format!("generation {}: {}", next.generation, changes(before, &next)));
        self.counts.changes += 1;
        self.store.record = next;
        self.seat_spares();
        let now = self.field.now;
        for agent in &mut self.agents {
            let slow = !self.field.promises.calm && self.field.chance.per_mille(40);
            agent.copy_due =
                now + if slow { self.field.chance.between(500, 4000) } else { self.field.chance.below(300) };
        }
    }
}

fn changes(before: &Record, after: &Record) -> String {
    let mut words = BTreeSet::new();
    let mut word = |changed: bool, what: String| {
        if changed {
            words.insert(what);
        }
    };
    word(before.phase != after.phase, format!("phase {:?}", after.phase));
    word(before.spec != after.spec, "spec".to_owned());
    word(before.members != after.members, "members".to_owned());
    word(before.spares != after.spares, format!("spares {}", after.spares.len()));
    word(before.users != after.users, "users".to_owned());
    word(before.ca_certificate != after.ca_certificate, "authority".to_owned());
    word(before.vault != after.vault, "vault".to_owned());
    word(before.rotation != after.rotation, format!("rotation {:?}", after.rotation.succession));
    word(before.grant != after.grant, format!("grant {:?}", after.grant.as_ref().map(|grant| &grant.nodes)));
    word(before.halt != after.halt, format!("halt {:?}", after.halt));
    word(before.fences != after.fences, format!("fences {:?}", after.fences));
    word(before.takeovers != after.takeovers, format!("takeovers {:?}", after.takeovers));
    words.into_iter().collect::<Vec<_>>().join(", ")
}
