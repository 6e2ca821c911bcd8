//! Who owns which slots: the higher configuration epoch, always.

use justmanage_model::SlotSet;

use super::Id;
use super::gossip::{Body, Header};
use crate::field::Field;
use crate::replication::ReplicaOf;

impl Field {
    /// A primary says that slots are its own, since an epoch.
    pub(super) fn claimed(&mut self, node: usize, by: Id, epoch: u64, shares: &[usize]) {
        let bus = &mut self.nodes[node].server.bus;
        let ours = bus.replica_of.unwrap_or(bus.id);
        let mut lost = Vec::new();
        for share in shares {
            let owner = bus.owners[*share];
            if owner != Some(by) && owner.is_none_or(|owner| bus.epoch_of(owner) < epoch) {
                lost.extend((owner == Some(ours)).then_some(*share));
                bus.owners[*share] = Some(by);
            }
        }
        // Whoever has them all, and nothing besides, has taken over; anybody else has got them by a move
        // (`cluster-allow-replica-migration no`).
        let replaced = bus.shares_of(ours) == 0 && lost.len() == shares.len();
        if !lost.is_empty() && replaced {
            self.follow(node, by);
        } else if self.nodes[node].server.bus.is_primary() {
            self.lose_parts(node, &lost);
        }
    }

    /// A primary has lost parts of its slots to another: it removes what it has of them.
    fn lose_parts(&mut self, node: usize, parts: &[usize]) {
        if parts.is_empty() {
            return;
        }
        for part in parts {
            self.nodes[node].server.data.drop_part(*part);
        }
        self.note(|| format!("node {node} has lost parts {parts:?}"));
        if !self.nodes[node].server.bus.owns() {
            self.demoted(node);
        }
    }

    /// Becomes, or stays, a replica: of this one from now on.
    pub(crate) fn follow(&mut self, node: usize, primary: Id) {
        let bus = &mut self.nodes[node].server.bus;
        if bus.replica_of == Some(primary) {
            return;
        }
        let was_primary = bus.replica_of.replace(primary).is_none();
        bus.election.by_hand = None;
        bus.handover = None;
        bus.held_for = None;
        let id = bus.id;
        bus.owners.iter_mut().filter(|owner| **owner == Some(id)).for_each(|owner| *owner = None);
        let home = bus.peers.get(&primary).map(|peer| peer.home);
        let server = &mut self.nodes[node].server;
        server.calls = home.unwrap_or(server.calls);
        // A replica has no slots to give or to get (`clusterCloseAllSlots`).
        server.marked = SlotSet::empty();
        self.note(|| {
            format!("node {node} follows server {primary}{}", if was_primary { " (was a primary)" } else { "" })
        });
        let server = &mut self.nodes[node].server;
        // Whoever has no data needs everything.
        let (resumable, linked_at) = (!server.data.is_empty(), server.replication.linked_at);
        server.replication = ReplicaOf { resumable, linked_at, ..ReplicaOf::new(self.now) };
        server.replicas.clear();
        if was_primary {
            self.demoted(node);
        }
    }

    /// Tells somebody who claims what is another's who the owner is.
    pub(super) fn correct(&mut self, node: usize, header: &Header) {
        let bus = &self.nodes[node].server.bus;
        let of = header.replica_of.unwrap_or(header.id);
        let wrong = header.shares.iter().find_map(|share| {
            let owner = bus.owners[*share].filter(|owner| *owner != of)?;
            (bus.epoch_of(owner) > header.config_epoch).then_some(owner)
        });
        let (Some(owner), Some(to)) = (wrong, bus.peers.get(&header.id).map(|peer| peer.at)) else { return };
        let shares = (0..bus.owners.len()).filter(|share| bus.owners[*share] == Some(owner)).collect();
        let epoch = bus.epoch_of(owner);
        self.send(node, to, Body::Update { owner, epoch, shares });
    }

    /// Two primaries with one epoch: the one of the lower id takes another.
    pub(super) fn collide(&mut self, node: usize, header: &Header) {
        let bus = &mut self.nodes[node].server.bus;
        let same = bus.is_primary() && header.config_epoch == bus.config_epoch;
        if same && super::bus_id(bus.id) < super::bus_id(header.id) {
            bus.epoch += 1;
            bus.config_epoch = bus.epoch;
        }
    }

    /// Takes the place of its primary, with its slots.
    pub(super) fn replace_primary(&mut self, node: usize) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let Some(old) = bus.replica_of.take() else { return };
        let id = bus.id;
        bus.owners.iter_mut().filter(|owner| **owner == Some(old)).for_each(|owner| *owner = Some(id));
        let epoch = bus.config_epoch;
        self.note(|| format!("node {node} takes over from server {old} with epoch {epoch}"));
        let forked = self.histories.fork(&self.nodes[node].server.data);
        let server = &mut self.nodes[node].server;
        server.data = forked;
        server.replication = ReplicaOf { linked_at: server.replication.linked_at, ..ReplicaOf::new(now) };
        server.replicas.clear();
        self.reconsider(node);
        self.broadcast(node, &Body::News);
    }

    /// `CLUSTER FAILOVER TAKEOVER`.
    pub(crate) fn take_over(&mut self, node: usize) -> Result<(), String> {
        let bus = &mut self.nodes[node].server.bus;
        if bus.is_primary() {
            return Err("You should send CLUSTER FAILOVER to a replica".to_owned());
        }
        bus.raise_epoch();
        self.replace_primary(node);
        Ok(())
    }
}
