//! Making a cluster out of members, and a member of a newcomer.

use std::net::SocketAddr;

use justmanage_model::slots::SLOT_COUNT;
use justmanage_model::{
    BusId, Member, NodeId, NodeStep, Peer, Phase, RecordChange, Role, ServerState, SlotSet, Waiting,
};

use crate::draft::Draft;
use crate::view::{Serving, View};
use crate::{safety, tune};

/// Authority, servers, slots, acquaintance, replicas, settings, and then the word that the cluster serves.
///
/// Everything before that word may be done again from the beginning: a Forming cluster holds no data. The same steps make a
/// member of a node that replaces another later.
pub(crate) fn form(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    if view.record.ca_certificate.is_none() || view.record.vault.is_none() {
        draft.change(RecordChange::FoundAuthority);
        return draft.close();
    }
    start(view, draft);
    let free: Vec<Serving<'_>> = view.serving().filter(|one| draft.is_free(one.node)).collect();
    free.into_iter().for_each(|one| join(view, draft, one));
    let (vacant, want) = (u32::try_from(view.record.vacant().count()).unwrap_or(u32::MAX), view.record.shape().nodes());
    if vacant > 0 {
        draft.wait(Waiting::MembersMissing { have: want.saturating_sub(vacant), want });
    }
    if view.record.agents().any(|(node, _)| !sealed_for(view, node)) {
        draft.change(RecordChange::SealSecrets);
    }
    match view.record.phase {
        Phase::Forming if !introduced(view) => introduce(view, draft),
        Phase::Forming => formed(view, draft),
        Phase::Formed => joined(view, draft),
        Phase::Leaving => {}
    }
}

/// A forming cluster's servers are started as soon as the secrets are there that they start with.
fn start(view: &View<'_>, draft: &mut Draft) {
    if !view.is(Phase::Forming) {
        return;
    }
    let stopped = view.known().filter(|(_, seen)| seen.server == ServerState::Stopped).map(|(node, _)| node);
    for node in stopped.filter(|node| draft.is_free(*node)).collect::<Vec<_>>() {
        match why_not_start(view, node) {
            Some(reason) => draft.wait_for(node, reason),
            None => draft.act(node, NodeStep::StartServer),
        }
    }
}

/// Why a node's server cannot be started yet: it has no certificate without the cluster's secrets.
pub(crate) fn why_not_start(view: &View<'_>, node: NodeId) -> Option<Waiting> {
    (!sealed_for(view, node)).then_some(Waiting::Joining { node })
}

fn sealed_for(view: &View<'_>, node: NodeId) -> bool {
    view.record.vault.as_ref().is_some_and(|vault| vault.keys.contains_key(&node))
}

/// What one server still needs to be the member that it is to be. Needs nothing but its own view: every agent does its own.
fn join(view: &View<'_>, draft: &mut Draft, one: Serving<'_>) {
    let Serving { node, member, bus, .. } = one;
    let seat = member.seat;
    let mut steps = Vec::new();
    // The servers may have elected another one already.
    let taken = view.shard(seat.shard).filter(|(other, _)| *other != node);
    let taken = taken.filter_map(|(other, member)| view.peer_of(one, other, member)).any(|peer| peer.slots > 0);
    let first = view.is(Phase::Forming) && seat.ordinal == 0 && !taken;
    if view.is(Phase::Forming) && bus.config_epoch == 0 && bus.peers.is_empty() {
        steps.push(NodeStep::SetConfigEpoch(first_epoch(view, one)));
    }
    if first {
        let missing = SlotSet::share(seat.shard, view.record.spec.shards).difference(&bus.slots);
        if !missing.is_empty() {
            steps.push(NodeStep::AssignSlots(missing));
        }
    }
    let strangers = strangers(view, one);
    if !strangers.is_empty() && introduced(view) {
        steps.push(NodeStep::Meet(strangers));
    }
    let gone = gone(view, one);
    if !gone.is_empty() {
        steps.push(NodeStep::Forget(gone));
    }
    let newcomer = !first && bus.is_primary() && bus.slots.is_empty() && has_place(view, one) && !is_seed(view, one);
    // Of a shard that is to go, whoever was its primary before: it would be taken for the one that was elected in its place.
    let former = taken && bus.is_primary() && bus.slots.is_empty() && !has_place(view, one);
    if newcomer || former || is_orphan(view, one) {
        match primary_to_follow(view, one) {
            Some(primary) => steps.push(NodeStep::Replicate(primary)),
            None if steps.is_empty() && newcomer => return draft.wait_for(node, Waiting::Joining { node }),
            None => {}
        }
    }
    steps.into_iter().for_each(|step| draft.act(node, step));
}

/// Whether the shape that is to be has its place.
fn has_place(view: &View<'_>, one: Serving<'_>) -> bool {
    view.record.shape().has(one.member.seat)
}

/// Whether it is to be the first primary of a shard that has no slots yet: it has the first place of it.
fn is_seed(view: &View<'_>, one: Serving<'_>) -> bool {
    let first = view.shard(one.member.seat.shard).map(|(_, member)| member.seat).min();
    first == Some(one.member.seat) && is_new(view, one)
}

/// Whether a server's shard has no slots yet: other shards own all, as it sees them.
///
/// A shard that has lost its data never looks so: its slots are then nobody's, or those of a server that is no other shard's.
fn is_new(view: &View<'_>, one: Serving<'_>) -> bool {
    let shard = one.member.seat.shard;
    let others = view.record.members.iter().filter(|(_, member)| member.seat.shard != shard);
    let owned =
        others.filter_map(|(other, member)| view.peer_of(one, *other, member)).map(|peer| u32::from(peer.slots));
    view.is(Phase::Formed) && owned.sum::<u32>() == u32::from(SLOT_COUNT)
}

/// Whether it copies a server that is nobody's any more. News of a takeover and of what was before it may reach it in the wrong
/// order; once the old primary is gone nobody corrects it.
fn is_orphan(view: &View<'_>, one: Serving<'_>) -> bool {
    let Role::Replica { of, .. } = &one.bus.role else { return false };
    let at = one.bus.peer(*of).and_then(|peer| peer.at);
    view.is(Phase::Formed) && is_nobodys(view, one, *of, at)
}

/// An epoch of its own for each server, replicas too. Servers that begin with the same one settle it among themselves by steps
/// that may collide again; and a replica that takes over without a vote (`TAKEOVER`) with the very epoch that its primary
/// has keeps it, and loses its slots to the old primary when that comes back (measured on Redis 7.0.15).
fn first_epoch(view: &View<'_>, one: Serving<'_>) -> u64 {
    let (seat, spec) = (one.member.seat, &view.record.spec);
    // Replicas below their primaries: a replica speaks with its primary's epoch, and whoever knows a higher one of it takes that
    // for old news, and shows it as an empty primary for good (measured on Valkey 9.1.2).
    let rank = spec.replicas_per_shard.saturating_sub(seat.ordinal);
    u64::from(rank) * u64::from(spec.shards) + u64::from(seat.shard) + 1
}

/// Whether the servers may get to know each other: an epoch can be set only on a server that knows nobody, so a forming cluster
/// waits for the last one to have its own.
fn introduced(view: &View<'_>) -> bool {
    !view.is(Phase::Forming) || view.record.members.values().all(|member| member.bus_id.is_some())
}

fn introduce(view: &View<'_>, draft: &mut Draft) {
    let ready = |one: &Serving<'_>| one.bus.config_epoch != 0 || !one.bus.peers.is_empty();
    if view.serving().filter(ready).count() == view.record.members.len() {
        draft.change(RecordChange::Introduce(view.serving().map(|one| (one.node, one.bus.id)).collect()));
    }
}

/// Members that this server has to be told of. Of two servers the one of the lower seat is told, while the cluster forms: twice
/// the messages make it no faster. One whose address has changed, and to which there is no link, has to be met again.
fn strangers(view: &View<'_>, one: Serving<'_>) -> Vec<NodeId> {
    let others =
        view.record.members.iter().filter(|(other, member)| {
            **other != one.node && (!view.is(Phase::Forming) || one.member.seat < member.seat)
        });
    // One that died while they got to know each other knows nobody, and nobody tells it of anybody.
    let half = |peer: &Peer| view.is(Phase::Forming) && peer.linked_to && !peer.linked_from;
    let unknown = others.filter(|(other, member)| match view.peer_of(one, **other, member) {
        None => true,
        Some(peer) => !peer.handshake && (half(peer) || !peer.linked_to && peer.at != Some(member.client)),
    });
    // Whoever is past the handshake at that address is another server, which was there before.
    let met = |at: SocketAddr| one.bus.peers.iter().any(|peer| peer.handshake && peer.at == Some(at));
    let on_its_way = |member: &Member| met(member.client);
    unknown.filter(|(_, member)| !on_its_way(member)).map(|(other, _)| *other).collect()
}

/// Whether another server is neither by id nor by address a member's.
fn is_nobodys(view: &View<'_>, one: Serving<'_>, id: BusId, at: Option<SocketAddr>) -> bool {
    let mut others = view.record.members.iter().filter(|(other, _)| **other != one.node);
    view.member_of(id).is_none() && !others.any(|(_, member)| Some(member.client) == at)
}

/// Servers that are [nobody's](is_nobodys) any more. Only once the ids of all members are known,
/// since an unknown id at an unknown address may be a member that moved.
fn gone(view: &View<'_>, one: Serving<'_>) -> Vec<BusId> {
    if !view.is(Phase::Formed) {
        return Vec::new();
    }
    let peers = one.bus.peers.iter().filter(|peer| !peer.handshake && is_nobodys(view, one, peer.id, peer.at));
    // Nobody can forget whom it copies.
    let own = match &one.bus.role {
        Role::Replica { of, .. } => Some(*of),
        Role::Primary { .. } => None,
    };
    // One that still owns slots is the last to know where they were: it goes when somebody else has taken them over.
    peers.filter(|peer| peer.slots == 0 && Some(peer.id) != own).map(|peer| peer.id).collect()
}

/// The primary of its shard that it knows already: whoever owns slots, and before anybody does, whose seat it is.
fn primary_to_follow(view: &View<'_>, one: Serving<'_>) -> Option<NodeId> {
    let known = view.shard(one.member.seat.shard).filter(|(other, _)| *other != one.node);
    let mut known = known.filter_map(|(other, member)| Some((other, member, view.peer_of(one, other, member)?)));
    // Of a shard without slots, whoever is to get the first ones.
    let places = view.shard(one.member.seat.shard).map(|(_, member)| member.seat);
    let first = places.min().filter(|first| first.ordinal == 0 && view.is(Phase::Forming) || is_new(view, one));
    let fit = |member: &Member, peer: &Peer| {
        let seat = first == Some(member.seat);
        !peer.handshake && peer.replica_of.is_none() && !peer.failed && (peer.slots > 0 || seat)
    };
    known.find(|(_, member, peer)| fit(member, peer)).map(|(other, ..)| other)
}

/// A forming cluster serves when all nodes are seen, agree, are linked and have their copies, and everything is set.
fn formed(view: &View<'_>, draft: &mut Draft) {
    if !view.unseen().is_empty() || !draft.is_calm() {
        return;
    }
    let unrest = safety::unrest(view);
    let missing = SlotSet::all().difference(&view.served());
    if !unrest.is_empty() || !missing.is_empty() {
        unrest.into_iter().for_each(|reason| draft.wait(reason));
        return;
    }
    // Users and settings first: who is told that the cluster serves wants to log in.
    tune::live(view, draft);
    if draft.is_calm() {
        draft.change(RecordChange::Formed(view.serving().map(|one| (one.node, one.bus.id)).collect()));
    }
}

/// Newcomers that have found their place are entered with the ids of their servers.
fn joined(view: &View<'_>, draft: &mut Draft) {
    for one in view.serving().filter(|one| one.member.bus_id != Some(one.bus.id) && has_place(view, *one)) {
        let placed = one.owns() || is_seed(view, one) || matches!(one.bus.role, Role::Replica { .. }) && one.in_sync();
        if placed && safety::why_not_linked(view, one).is_none() {
            draft.change(RecordChange::Joined(one.node, one.bus.id));
        } else {
            draft.wait(Waiting::Joining { node: one.node });
        }
    }
}
