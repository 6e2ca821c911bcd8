//! Parts of the slots on their way from server to server, and the agents that see to it.

use justmanage_model::slots::balance::Move;
use justmanage_model::{Bytes, Generation, MoveTally, Seat, Slot, SlotSet, SlotWeights};

use crate::TICK;
use crate::bus::gossip::Body;
use crate::field::Field;
use crate::shape::node_id;
use crate::world::World;

/// Most slots that go in one piece, as long as there are not too many pieces.
const PIECE: usize = 1500;
/// With more parts than that, what is left goes in one piece.
const PARTS: usize = 30;
/// How often an agent moves a piece.
const PACE: u64 = 3;

impl Field {
    /// Cuts parts so that each is wholly in or out of these slots.
    fn cut(&mut self, slots: &SlotSet) {
        for part in 0..self.parts.len() {
            let inside = self.parts[part].intersection(slots);
            if inside.is_empty() || inside == self.parts[part] {
                continue;
            }
            self.parts.push(self.parts[part].difference(slots));
            self.parts[part] = inside;
            self.histories.cut(part);
            let new = self.parts.len() - 1;
            for node in &mut self.nodes {
                node.server.cut(part);
            }
            for mail in &mut self.mail {
                let lists = match &mut mail.body {
                    Body::Update { shares, .. } => [Some(&mut mail.header.shares), Some(shares)],
                    _ => [Some(&mut mail.header.shares), None],
                };
                lists.into_iter().flatten().filter(|list| list.contains(&part)).for_each(|list| list.push(new));
            }
        }
    }

    /// A part goes from one primary to another, which has it under an epoch of its own.
    fn move_part(&mut self, part: usize, from: usize, to: usize) {
        let parts = &self.parts[part];
        let said = format!("slots {parts} go from node {from} to node {to}");
        self.note(|| said);
        let gone = self.nodes[from].server.data.part(part);
        let come = self.histories.of_mut(part).fork(gone);
        let server = &mut self.nodes[to].server;
        server.data.take_part(part, come);
        // It is on the disk before anything else happens (`appendfsync always`).
        server.synced.clone_from(&server.data);
        server.received = Some(self.now);
        let id = server.bus.id;
        server.bus.owners[part] = Some(id);
        server.bus.raise_epoch();
        let server = &mut self.nodes[from].server;
        server.data.drop_part(part);
        server.synced.clone_from(&server.data);
        server.bus.owners[part] = Some(id);
        let epoch = self.nodes[to].server.bus.config_epoch;
        if let Some(peer) = self.nodes[from].server.bus.peers.get_mut(&id) {
            peer.config_epoch = epoch;
        }
        self.reconsider(from);
        self.reconsider(to);
        self.broadcast(to, &Body::News);
        self.broadcast(from, &Body::News);
    }
}

impl World {
    /// What the slots of a node's server weigh: something.
    pub(crate) fn weigh(&mut self, node: usize, at: Generation) {
        let bus = &self.field.nodes[node].server.bus;
        let owned =
            bus.parts_of(bus.id).into_iter().fold(SlotSet::empty(), |all, part| all.union(&self.field.parts[part]));
        let uneven = self.field.chance.once_in(3);
        let chance = &mut self.field.chance;
        let mut weigh = |slots: SlotSet| {
            let heavy = if uneven && chance.once_in(20) { 1000 } else { 1 };
            Some((slots.slots().next()?, Bytes::new(heavy * chance.between(50, 60))))
        };
        let weighed: Vec<(Slot, Bytes)> = SlotWeights::parts(&owned).into_iter().filter_map(&mut weigh).collect();
        self.agents[node].weights = Some(SlotWeights::new(at, weighed));
    }

    /// Begins to give slots away, or goes on with it.
    pub(crate) fn begin_moving(&mut self, node: usize, given: Generation) {
        let moving = &mut self.agents[node].moving;
        if moving.as_ref().is_none_or(|moving| moving.given != given || !moving.active) {
            let zero = Bytes::new(0);
            *moving = Some(MoveTally { given, active: true, slots: 0, keys: 0, bytes: zero, trouble: None });
        }
    }

    /// A round of what an agent does beside its turns.
    pub(crate) fn mover(&mut self, node: usize) {
        let Some(moving) = self.agents[node].moving.clone().filter(|moving| moving.active) else { return };
        let grant = self.agents[node].copy.grant.clone();
        let Some(grant) = grant.filter(|grant| grant.given == moving.given) else {
            self.agents[node].moving = None;
            return;
        };
        if !(self.field.now / TICK + node as u64).is_multiple_of(PACE) || !self.field.listens(node) {
            return;
        }
        let shard = self.field.nodes[node].seat.shard;
        self.take_marks_away(node);
        let mut left = false;
        for one in grant.moves.iter().filter(|one| one.from == shard) {
            match self.owned_of(node, &one.slots) {
                slots if slots.is_empty() => {}
                slots => {
                    left = true;
                    if self.give(node, one, &slots) {
                        break;
                    }
                }
            }
        }
        if !left && let Some(moving) = &mut self.agents[node].moving {
            moving.active = false;
            self.agents[node].wake_at = self.field.now;
        }
    }

    fn owned_of(&self, node: usize, slots: &SlotSet) -> SlotSet {
        let bus = &self.field.nodes[node].server.bus;
        let owned = bus.parts_of(bus.id).into_iter().filter(|_| bus.is_primary());
        owned.fold(SlotSet::empty(), |all, part| all.union(&self.field.parts[part].intersection(slots)))
    }

    /// Gives a piece of what is to go, if who is to get it can be reached.
    fn give(&mut self, node: usize, one: &Move, slots: &SlotSet) -> bool {
        let Some(to) = self.head_known_to(node, one.to) else { return false };
        let reached = self.field.network.both(node, to) && self.agent_runs(to) && self.field.listens(to);
        let (source, target) = (&self.field.nodes[node].server, &self.field.nodes[to].server);
        // Whoever gets slots knows whose they are: somebody else may be the primary there, and who is to give not have heard.
        let known = |part: &usize| target.bus.owners[*part] == Some(source.bus.id);
        let willing = target.bus.is_primary() && source.bus.parts_of(source.bus.id).iter().all(known);
        // It writes nothing while it is handing over, and a grant of the newest Record is what the other one goes by.
        let held = source.bus.held_for.is_some() || target.bus.held_for.is_some();
        let granted =
            self.agents[to].copy.reshard_of(node_id(to)).is_some_and(|grant| grant.nodes.contains(&node_id(node)));
        let full = self.field.nodes[node].full || self.field.nodes[to].full;
        if !reached || !willing || held || !granted || full {
            return false;
        }
        let piece: SlotSet = match self.field.parts.len() {
            parts if parts > PARTS => slots.clone(),
            _ => slots.slots().take(PIECE).collect(),
        };
        self.field.cut(&piece);
        let own = self.field.nodes[node].server.bus.id;
        for part in self.field.nodes[node].server.bus.parts_of(own) {
            if self.field.parts[part].difference(&piece).is_empty() {
                self.field.move_part(part, node, to);
            }
        }
        if let Some(moving) = &mut self.agents[node].moving {
            moving.slots += u64::from(piece.len());
        }
        self.counts.moves += 1;
        true
    }

    /// The primary of another shard, as the node's own server knows it: who owns slots, or else the first place's.
    fn head_known_to(&self, node: usize, shard: u16) -> Option<usize> {
        let bus = &self.field.nodes[node].server.bus;
        let record = &self.agents[node].copy;
        let members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
        let known = members.filter_map(|(id, member)| {
            let at = self.field.number(*id)?;
            let (id, peer) = bus.peers.iter().find(|(_, peer)| peer.at == at && !peer.handshake)?;
            (peer.replica_of.is_none() && peer.failed.is_none()).then_some((bus.shares_of(*id) == 0, member.seat, at))
        });
        known.min_by_key(|(empty, seat, _): &(bool, Seat, usize)| (*empty, *seat)).map(|(.., at)| at)
    }
}
