//! What every concern looks at: members only, each as it is known.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::record::Operation;
use justmanage_model::{
    BusId, BusView, Member, NodeId, NodeObservation, Observation, Peer, Phase, Program, Record, Role, Seen,
    ServerObservation, ServerState, SlotSet, Timestamp, Waiting,
};
use justmanage_releases::{Drift, drift};

/// A Record and what is seen of its members at one moment.
pub(crate) struct View<'a> {
    pub(crate) record: &'a Record,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Timestamp,
    /// Whose server has which id on the bus, as far as that is seen or agreed on.
    by_bus: BTreeMap<BusId, NodeId>,
}

/// A member whose server answers and has its data.
#[derive(Clone, Copy)]
pub(crate) struct Serving<'a> {
    pub(crate) node: NodeId,
    pub(crate) member: &'a Member,
    pub(crate) seen: &'a NodeObservation,
    pub(crate) server: &'a ServerObservation,
    pub(crate) bus: &'a BusView,
}

impl<'a> View<'a> {
    pub(crate) fn new(record: &'a Record, observation: &'a Observation, now: Timestamp) -> Self {
        let mut view = Self { record, observation, now, by_bus: BTreeMap::new() };
        let agreed = record.members.iter().filter_map(|(node, member)| Some((member.bus_id?, *node)));
        let seen: Vec<_> = view.serving().map(|one| (one.bus.id, one.node)).collect();
        view.by_bus = agreed.chain(seen).collect();
        view
    }

    /// Members that are known, and how. A node that is no member is nobody's to act on, and is left out.
    pub(crate) fn known(&self) -> impl Iterator<Item = (NodeId, &'a NodeObservation)> {
        let observation = self.observation;
        self.record.members.keys().filter_map(move |node| Some((*node, observation.known(*node)?)))
    }

    /// Members whose server answers and has its data.
    pub(crate) fn serving(&self) -> impl Iterator<Item = Serving<'a>> {
        let (record, observation) = (self.record, self.observation);
        record.members.iter().filter_map(move |(node, member)| serving(*node, member, observation.known(*node)?))
    }

    /// One member, if its server answers and has its data.
    pub(crate) fn serving_at(&self, node: NodeId) -> Option<Serving<'a>> {
        serving(node, self.record.members.get(&node)?, self.observation.known(node)?)
    }

    /// Members that are not known, each as a reason to wait.
    pub(crate) fn unseen(&self) -> Vec<Waiting> {
        self.record.members.keys().filter_map(|node| self.why_unseen(*node)).collect()
    }

    /// The same with the spares. Who works is not hindered by one that is not there.
    pub(crate) fn unseen_with_spares(&self) -> Vec<Waiting> {
        self.record.agents().filter_map(|(node, _)| self.why_unseen(node)).collect()
    }

    /// Why a member is not known, if it is not.
    pub(crate) fn why_unseen(&self, node: NodeId) -> Option<Waiting> {
        match self.observation.nodes.get(&node) {
            Some(Seen::Known(_)) => None,
            Some(Seen::Unknown { since, why }) => Some(Waiting::NodeUnknown { node, since: *since, why: why.clone() }),
            None => {
                let why = "Nobody has looked at it yet.".to_owned();
                Some(Waiting::NodeUnknown { node, since: self.now, why })
            }
        }
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.record.phase == phase
    }

    /// Members of a shard.
    pub(crate) fn shard(&self, shard: u16) -> impl Iterator<Item = (NodeId, &'a Member)> {
        let record = self.record;
        record
            .members
            .iter()
            .filter(move |(_, member)| member.seat.shard == shard)
            .map(|(node, member)| (*node, member))
    }

    /// Whether a shard has more than one member: its primary then need not be stopped under its writers.
    pub(crate) fn has_others(&self, shard: u16) -> bool {
        self.shard(shard).count() > 1
    }

    /// Slots that some member serves.
    pub(crate) fn served(&self) -> SlotSet {
        self.serving().fold(SlotSet::empty(), |all, one| all.union(&one.bus.slots))
    }

    /// Slots that go from one member to another. Each says what it owns at a moment of its own, so what has just gone may be nobody's by
    /// what they say: not with the one that gets it yet, and with the one that gave it no more.
    pub(crate) fn on_their_way(&self) -> SlotSet {
        let reshard = self.record.grant.iter().filter(|grant| grant.operation == Operation::Reshard);
        let granted = reshard.flat_map(|grant| &grant.moves).map(|one| &one.slots);
        granted.chain(self.serving().map(|one| &one.bus.astray)).fold(SlotSet::empty(), |all, slots| all.union(slots))
    }

    /// The member of a shard that owns slots, as it says itself. Of two (an old primary that has not heard yet that it is one
    /// no more) the one of the higher epoch.
    pub(crate) fn primary_of(&self, shard: u16) -> Option<Serving<'a>> {
        let primaries = self.serving().filter(|one| one.member.seat.shard == shard && one.owns());
        primaries.max_by_key(|one| one.bus.config_epoch)
    }

    /// Every shard that has a member.
    pub(crate) fn shards(&self) -> BTreeSet<u16> {
        self.record.members.values().map(|member| member.seat.shard).collect()
    }

    /// Who serves a shard, or is to when it gets its first slots, as it says itself: of a shard that owns nothing, the primary of
    /// the first place.
    pub(crate) fn head_of(&self, shard: u16) -> Option<Serving<'a>> {
        let empty = || {
            let heads = self.serving().filter(|one| one.member.seat.shard == shard && one.bus.is_primary());
            heads.min_by_key(|one| one.member.seat)
        };
        self.primary_of(shard).or_else(empty)
    }

    /// Those of all shards that are seen.
    pub(crate) fn shard_heads(&self) -> impl Iterator<Item = Serving<'a>> {
        self.shards().into_iter().filter_map(|shard| self.head_of(shard))
    }

    /// The member whose server has an id.
    pub(crate) fn member_of(&self, id: BusId) -> Option<NodeId> {
        self.by_bus.get(&id).copied()
    }

    /// Whose replica a server says that it is, if that is a member's.
    pub(crate) fn primary_known_to(&self, one: Serving<'_>) -> Option<NodeId> {
        match &one.bus.role {
            Role::Replica { of, .. } => self.member_of(*of),
            Role::Primary { .. } => None,
        }
    }

    /// How a server sees the server of another member: by its id, or else by its address.
    pub(crate) fn peer_of(&self, one: Serving<'a>, other: NodeId, member: &Member) -> Option<&'a Peer> {
        // The id that it has, before the one that was agreed on: a server without its data directory draws another.
        let seen = self.serving_at(other).and_then(|other| one.bus.peer(other.bus.id));
        let by_id = seen.or_else(|| member.bus_id.and_then(|id| one.bus.peer(id)));
        // Without an address it is what used to be there: another server has answered at its place.
        let found = by_id.filter(|peer| peer.at.is_some());
        found.or_else(|| one.bus.peer_at(member.client)).or(by_id)
    }

    /// How a server's configuration differs from the wanted one. Of one that is to go over to another release, only what can be
    /// mended while it runs: a start as another release comes anyway, and knows other keys.
    pub(crate) fn drift(&self, one: Serving<'a>) -> Drift {
        let running = &one.server.release;
        let wanted = self.record.wanted_config(one.node);
        let drift = drift(running.engine, running.version.line(), &wanted, self.record.spec.memory, &one.server.config);
        match self.is_behind(one) {
            true => Drift { restart: Default::default(), unknown: Default::default(), ..drift },
            false => drift,
        }
    }

    /// Whether it runs what servers come from, as long as they are to go over to something else.
    pub(crate) fn is_behind(&self, one: Serving<'_>) -> bool {
        let wanted = self.record.program();
        let other = |program: &Program| !program.is_same(&wanted);
        self.record.previous.is_some()
            && (!one.server.release.agrees_with(&wanted.release) || one.seen.program.as_ref().is_some_and(other))
    }

    /// Whether it runs what servers come from, by its own word and by its agent's.
    pub(crate) fn is_put_back(&self, one: Serving<'_>) -> bool {
        let Some(previous) = &self.record.previous else { return true };
        let same = |program: &Program| program.is_same(previous);
        one.server.release.agrees_with(&previous.release) && one.seen.program.as_ref().is_none_or(same)
    }

    /// Whether it is to be started anew, to be as it is wanted.
    pub(crate) fn needs_restart(&self, one: Serving<'a>) -> bool {
        self.is_behind(one) || !self.drift(one).restart.is_empty()
    }

    /// Something for a person to look at.
    pub(crate) fn stuck(&self, since: Timestamp, what: impl Into<String>, hint: impl Into<String>) -> Waiting {
        Waiting::Stuck { what: what.into(), since, hint: hint.into() }
    }

    /// How long ago a moment was.
    pub(crate) fn age(&self, since: Timestamp) -> jiff::SignedDuration {
        self.now.duration_since(since)
    }
}

impl Serving<'_> {
    /// It is a primary, and owns slots.
    pub(crate) fn owns(self) -> bool {
        self.bus.is_primary() && !self.bus.slots.is_empty()
    }

    /// It has a copy of its shard's data, be it an old one. Not so a replica that keeps nothing on disk, was started again and
    /// has received nothing since: its agent then does not say what it was.
    pub(crate) fn has_copy(self) -> bool {
        self.seen.last.is_some()
    }

    /// Since when it is a replica whose link to its primary is down, and that receives no copy either.
    pub(crate) fn cut_off_since(self) -> Option<Timestamp> {
        match &self.bus.role {
            Role::Replica { link, .. } if !link.up && !link.syncing => link.down_since,
            Role::Replica { .. } | Role::Primary { .. } => None,
        }
    }

    /// It is a replica that has its primary's data and receives what is written.
    pub(crate) fn in_sync(self) -> bool {
        matches!(&self.bus.role, Role::Replica { link, .. } if link.up)
    }
}

fn serving<'a>(node: NodeId, member: &'a Member, seen: &'a NodeObservation) -> Option<Serving<'a>> {
    match &seen.server {
        ServerState::Running(server) if !server.loading => {
            Some(Serving { node, member, seen, server, bus: server.bus.as_ref()? })
        }
        _ => None,
    }
}
