//! Failovers by a vote of the primaries.

use super::gossip::{Body, Header};
use super::{Election, MANUAL_TIMEOUT, NODE_TIMEOUT};
use crate::Ms;
use crate::field::Field;

/// A replica whose link has been down for longer does not stand for election (`cluster-replica-validity-factor` 10, and
/// `repl-ping-replica-period`).
const VALIDITY: Ms = 10 * NODE_TIMEOUT + 10_000;

impl Field {
    /// A replica's part: when its primary has failed, or by hand.
    pub(super) fn elect(&mut self, node: usize) {
        let now = self.now;
        let Self { nodes, chance, .. } = self;
        let server = &mut nodes[node].server;
        let data_age = server.replication.linked_at.map(|at| now.saturating_sub(at));
        let bus = &mut server.bus;
        if bus.election.by_hand.is_some_and(|until| until <= now) {
            bus.election.by_hand = None;
        }
        bus.handover.take_if(|(until, _)| *until <= now);
        // It has everything that the primary has, which holds its writes back.
        if let Some((until, Some(held))) = bus.handover
            && server.data.len() >= held
        {
            bus.handover = None;
            bus.election.by_hand = Some(until);
        }
        let by_hand = bus.election.by_hand.is_some();
        let Some(primary) = bus.replica_of.filter(|primary| bus.shares_of(*primary) > 0) else { return };
        let failed = bus.peers.get(&primary).is_some_and(|peer| peer.failed.is_some());
        if !(by_hand || failed && data_age.is_some_and(|age| age <= VALIDITY)) {
            return;
        }
        let rivals = bus.peers.values().filter(|peer| peer.replica_of == Some(primary));
        let rank = rivals.filter(|peer| peer.offset > server.data.len()).count() as u64;
        let age = bus.election.at.map(|at| now.saturating_sub(at));
        if age.is_none_or(|age| age > 4 * bus.patience) {
            let delay = if by_hand { 0 } else { 500 + chance.below(500) + 1000 * rank };
            bus.election = Election { at: Some(now + delay), by_hand: bus.election.by_hand, ..Election::default() };
            if !by_hand {
                return;
            }
        }
        if bus.election.at.is_some_and(|at| now < at || now - at > 2 * bus.patience) {
            return;
        }
        if !bus.election.asked {
            bus.epoch += 1;
            bus.election.epoch = bus.epoch;
            bus.election.asked = true;
            bus.election.votes.clear();
            self.note(|| format!("node {node} asks for votes{}", if by_hand { " by hand" } else { "" }));
            return self.broadcast(node, &Body::VoteRequest { by_hand });
        }
        self.win(node);
    }

    /// With enough votes it is the primary; with those of an election that it won before, a server with the stale-vote fault
    /// believes so, too, until it hears that somebody has a higher epoch.
    fn win(&mut self, node: usize) {
        let goes_stale = self.nodes[node].server.release.votes_go_stale();
        let bus = &mut self.nodes[node].server.bus;
        if bus.is_primary() || bus.election.votes.len() < bus.majority() {
            return;
        }
        let by_hand = bus.election.by_hand.take().is_some();
        let stale = bus.config_epoch >= bus.election.epoch;
        bus.config_epoch = bus.config_epoch.max(bus.election.epoch);
        if !goes_stale {
            bus.election = Election::default();
        }
        let from = bus.replica_of;
        if self.nodes[node].full {
            // What it has won it has to write down first.
            return self.dies_of_its_disk(node, "cannot write its nodes.conf");
        }
        if stale {
            self.note(|| format!("node {node} wins by votes of an earlier election"));
        }
        self.elected(node, from, by_hand, stale);
        self.replace_primary(node);
    }

    /// Whether a server that is told to take over now holds no election for that, but counts the votes of one that it has won before.
    pub(crate) fn has_old_votes(&self, node: usize) -> bool {
        let server = &self.nodes[node].server;
        let (bus, election) = (&server.bus, &server.bus.election);
        let kept = election.at.is_some_and(|at| self.now.saturating_sub(at) <= 4 * bus.patience);
        server.release.votes_go_stale() && election.asked && kept && election.votes.len() >= bus.majority()
    }

    pub(super) fn count(&mut self, node: usize, header: &Header) {
        let bus = &mut self.nodes[node].server.bus;
        let voter = header.replica_of.is_none() && bus.shares_of(header.id) > 0;
        if !voter || header.epoch < bus.election.epoch || !bus.election.asked || bus.election.votes.contains(&header.id)
        {
            return;
        }
        bus.election.votes.push(header.id);
        self.elect(node);
    }

    /// A primary's part.
    pub(super) fn vote(&mut self, node: usize, header: &Header, by_hand: bool) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let Some(primary) = header.replica_of else { return };
        if !bus.owns() || header.epoch < bus.epoch || bus.voted == bus.epoch {
            return;
        }
        // It may be its own place that is wanted.
        let own = primary == bus.id;
        let peer = bus.peers.get(&primary);
        let voted_at = if own { bus.voted_own_at } else { peer.and_then(|peer| peer.voted_at) };
        let recent = voted_at.is_some_and(|at| now < at + 2 * bus.patience);
        let failed = peer.is_some_and(|peer| peer.failed.is_some());
        if !(own || peer.is_some()) || !(failed || by_hand) || recent {
            return;
        }
        let outdated =
            |share: &usize| bus.owners[*share].is_some_and(|owner| bus.epoch_of(owner) > header.config_epoch);
        if header.shares.iter().any(outdated) {
            return;
        }
        bus.voted = bus.epoch;
        match bus.peers.get_mut(&primary) {
            Some(peer) => peer.voted_at = Some(now),
            None => bus.voted_own_at = Some(now),
        }
        if let Some(to) = bus.peers.get(&header.id).map(|peer| peer.at) {
            self.send(node, to, Body::Vote);
        }
    }

    /// `CLUSTER FAILOVER FORCE`.
    pub(crate) fn fail_over(&mut self, node: usize) -> Result<(), String> {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        if bus.is_primary() {
            return Err("You should send CLUSTER FAILOVER to a replica".to_owned());
        }
        bus.election.by_hand = Some(now + MANUAL_TIMEOUT);
        self.elect(node);
        Ok(())
    }

    /// `CLUSTER FAILOVER`.
    pub(crate) fn plan_failover(&mut self, node: usize) -> Result<(), String> {
        let now = self.now;
        let server = &mut self.nodes[node].server;
        let Some(primary) = server.bus.replica_of else {
            return Err("You should send CLUSTER FAILOVER to a replica".to_owned());
        };
        let peer = server.bus.peers.get(&primary).filter(|peer| peer.failed.is_none() && peer.linked());
        let at = peer.ok_or("Master is down or failed, please use CLUSTER FAILOVER FORCE")?.at;
        server.bus.election.by_hand = None;
        server.bus.handover = Some((now + MANUAL_TIMEOUT, None));
        self.note(|| format!("node {node} asks its primary to hold back its writes"));
        self.send(node, at, Body::HoldWrites);
        Ok(())
    }

    /// A primary's part.
    pub(super) fn hold_writes(&mut self, node: usize, header: &Header) {
        let until = self.now + MANUAL_TIMEOUT;
        let bus = &mut self.nodes[node].server.bus;
        if bus.owns() && header.replica_of == Some(bus.id) {
            bus.held_for = Some((header.id, until));
        }
    }

    /// One round of a primary that holds back its writes: it says how far they have come.
    pub(super) fn hand_over(&mut self, node: usize) {
        let now = self.now;
        let server = &mut self.nodes[node].server;
        server.bus.held_for.take_if(|(_, until)| *until <= now);
        let (data, bus) = (server.data.len(), &server.bus);
        let to = bus.held_for.and_then(|(id, _)| bus.peers.get(&id)).map(|peer| peer.at);
        if let Some(to) = to {
            self.send(node, to, Body::Held(data));
        }
    }
}
