//! What the agents know: one world for all of them.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::node::AgentInfo;
use justmanage_model::{
    BusId, Bytes, ClusterId, NodeId, Phase, Pin, Record, Seat, SlotSet, Timestamp, Version, Waiting,
};

/// An agent.
#[derive(Debug)]
pub(crate) struct Actor {
    /// What it says of itself.
    pub(crate) info: AgentInfo,
    /// Who may talk to it before it has a Record.
    pub(crate) first_operators: BTreeSet<Pin>,
    /// The cluster that it was told to be of.
    pub(crate) invitation: Option<Record>,
    /// It runs, and can be asked.
    pub(crate) speaks: bool,
}

/// A group of agents that was founded.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) record: Record,
    /// Who is the primary of each shard.
    pub(crate) primaries: BTreeMap<u16, NodeId>,
    /// What servers run that do not run what the Record says.
    pub(crate) versions: BTreeMap<NodeId, Version>,
    /// How much memory servers use that hold more than a little.
    pub(crate) used: BTreeMap<NodeId, Bytes>,
    /// Over how many shards the slots are spread.
    pub(crate) spread: u16,
}

impl Group {
    /// A group that has just been founded.
    pub(crate) fn new(record: Record) -> Self {
        let spread = record.spec.shards;
        Self { record, primaries: BTreeMap::new(), versions: BTreeMap::new(), used: BTreeMap::new(), spread }
    }

    /// What a group that changes its shape or its release waits for, if it does.
    pub(crate) fn on_its_way(&self) -> Option<Waiting> {
        let record = Some(&self.record).filter(|record| record.reshaping.is_some() || record.previous.is_some())?;
        let (vacant, want) = (u32::try_from(record.vacant().count()).unwrap_or(u32::MAX), record.shape().nodes());
        if vacant > 0 {
            return Some(Waiting::MembersMissing { have: want.saturating_sub(vacant), want });
        }
        if record.previous.is_some() {
            return record.members.keys().next().map(|node| Waiting::ReplicaNotInSync { node: *node, syncing: true });
        }
        let (from, to) = if self.spread < record.spec.shards { (0, self.spread) } else { (record.spec.shards, 0) };
        if self.spread != record.spec.shards {
            return Some(Waiting::MovingSlots { from, to, left: SlotSet::share(from, self.spread).len() });
        }
        let nodes: Vec<NodeId> = record.surplus().collect();
        (!nodes.is_empty()).then_some(Waiting::MembersSurplus { nodes })
    }

    /// Whoever is the primary of a shard and has no place in the shape that is asked for hands over; and who is none any more is
    /// followed by another.
    fn choose_primaries(&mut self) {
        let shape = self.record.shape();
        let members = &self.record.members;
        self.primaries.retain(|_, node| members.contains_key(node));
        for (node, member) in members {
            let Seat { shard, .. } = member.seat;
            let primary = self.primaries.entry(shard).or_insert(*node);
            let outside = members.get(primary).is_some_and(|primary| !shape.has(primary.seat));
            if outside && shape.has(member.seat) {
                *primary = *node;
            }
        }
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) actors: BTreeMap<NodeId, Actor>,
    pub(crate) groups: BTreeMap<ClusterId, Group>,
    /// What the agents of all clusters wait for, and it does not go away.
    pub(crate) waiting: Vec<Waiting>,
    /// New clusters do not get any further than this.
    pub(crate) no_further_than: Option<Phase>,
    /// Servers stay what they are, whatever they are to go over to.
    pub(crate) servers_stay: bool,
    /// Slots stay where they are, whatever is asked for.
    pub(crate) slots_stay: bool,
}

impl World {
    /// The group that a node belongs to.
    pub(crate) fn group_of(&self, node: NodeId) -> Option<&Group> {
        let invitation = self.actors.get(&node)?.invitation.as_ref()?;
        self.groups.get(&invitation.cluster).filter(|group| group.record.epoch == invitation.epoch)
    }

    /// The Record that a node has: its group's, or its invitation.
    pub(crate) fn record_of(&self, node: NodeId) -> Option<&Record> {
        let group = self.group_of(node).map(|group| &group.record);
        group.or_else(|| self.actors.get(&node)?.invitation.as_ref())
    }

    /// Who may talk to a node.
    pub(crate) fn allowed(&self, node: NodeId) -> BTreeSet<Pin> {
        match (self.record_of(node), self.actors.get(&node)) {
            (Some(record), _) => record.operators.clone(),
            (None, Some(actor)) => actor.first_operators.clone(),
            (None, None) => BTreeSet::new(),
        }
    }

    /// The members and spares that can be asked and belong to the group.
    pub(crate) fn seen(&self, record: &Record) -> BTreeSet<NodeId> {
        let speaks = |node: &NodeId| {
            let actor = self.actors.get(node).filter(|actor| actor.speaks);
            actor.and_then(|actor| actor.invitation.as_ref()).is_some_and(|invited| invited.epoch == record.epoch)
        };
        record.agents().map(|(node, _)| node).filter(speaks).collect()
    }

    /// Who leads a group; nobody without a majority.
    pub(crate) fn leader(&self, record: &Record) -> Option<NodeId> {
        let seen = self.seen(record);
        seen.first().copied().filter(|_| seen.len() * 2 > record.agents().count())
    }

    /// What the agents of a group do by themselves, as far as they get: form, let members join, go over to
    /// another release, spread slots anew, and end passwords.
    pub(crate) fn work(&mut self, cluster: ClusterId) {
        let Some(group) = self.groups.get(&cluster) else { return };
        let before = group.record.clone();
        if self.leader(&before).is_none() {
            return;
        }
        let seen = self.seen(&before);
        let mut record = before.clone();
        record.end_passwords(Timestamp::now());
        for (node, member) in &mut record.members {
            if seen.contains(node) && member.bus_id.is_none() {
                member.bus_id = Some(bus_id(*node));
            }
        }
        let everybody = record.members.values().all(|member| member.bus_id.is_some());
        if record.phase == Phase::Forming && everybody && self.no_further_than != Some(Phase::Forming) {
            record.phase = Phase::Formed;
            record.ca_certificate.get_or_insert_with(|| CERTIFICATE.to_owned());
        }
        let all = before.members.keys().all(|node| seen.contains(node));
        let (whole, slots_stay, halted) = (all && everybody, self.slots_stay, record.halt.is_some());
        let Some(group) = self.groups.get_mut(&cluster) else { return };
        let filled = whole && record.vacant().next().is_none();
        if filled && !halted && !self.servers_stay {
            record.forget_previous(Timestamp::now());
        }
        if record.reshaping.is_some() && record.previous.is_none() && filled {
            if !slots_stay {
                group.spread = record.spec.shards;
            }
            if group.spread == record.spec.shards && record.surplus().next().is_none() {
                record.end_reshaping();
            }
        }
        if record != before {
            record.generation = before.generation.next();
            group.record = record;
        }
        group.choose_primaries();
    }
}

/// What stands where a certificate would.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n";

/// The id that a node's server has on the bus.
pub(crate) fn bus_id(node: NodeId) -> BusId {
    let mut bytes = [0; 20];
    let text = node.to_string();
    bytes.iter_mut().zip(text.bytes().rev()).for_each(|(byte, letter)| *byte = letter);
    BusId::new(bytes)
}
