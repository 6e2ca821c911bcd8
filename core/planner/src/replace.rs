//! A spare takes the place of a node that is lost for good.

use justmanage_model::record::Operation;
use justmanage_model::{Grant, NodeId, Phase, RecordChange, ServerState, Shape, SlotSet, Timestamp, Waiting};

use crate::draft::Draft;
use crate::view::{Serving, View};
use crate::{restart, safety};

/// Gives a lost node's place to a spare, after the patience that the user asks for. It disturbs nobody, so it needs no grant.
///
/// Lost is who is seen by nobody: not by its shard, not by any server, not by whoever leads; while everybody else is seen and at rest.
/// Two that are out of sight are rather a network that is, and then nobody is replaced. Nor is the only copy of anything: the
/// shard's slots are served by another member.
pub(crate) fn replace(view: &View<'_>, draft: &mut Draft) {
    if !view.is(Phase::Formed) {
        return;
    }
    let Some((lost, since)) = lost(view) else { return };
    let Some(by) = ready(view, lost) else { return };
    let patience = jiff::SignedDuration::from_secs(view.record.spec.spare_patience().whole_seconds());
    if view.age(since) >= patience {
        return draft.change(RecordChange::Replace { lost, by });
    }
    let at = since.saturating_add(patience).unwrap_or(since);
    draft.wait(Waiting::SpareStandsBy { spare: by, node: lost, at });
}

/// The member that is lost, and since when it has not been seen.
fn lost(view: &View<'_>) -> Option<(NodeId, Timestamp)> {
    let [Waiting::NodeUnknown { node, since, .. }] = view.unseen()[..] else { return None };
    let member = view.record.members.get(&node)?;
    let others = || view.serving().filter(|one| one.node != node);
    let everybody = others().count() + 1 == view.record.members.len();
    // Who has never joined is known to nobody. In clusters of one shard nobody confirms a suspicion (before Redis 7.2); that each
    // server has one of its own is more than a majority's word.
    let missed = |peer: &justmanage_model::Peer| peer.failed || peer.suspected || peer.handshake;
    let failed = others().all(|one| view.peer_of(one, node, member).is_none_or(missed));
    let copied = view.primary_of(member.seat.shard).is_some_and(|primary| primary.node != node && primary.has_copy());
    let served = view.served() == SlotSet::all();
    let takeovers = view.record.takeovers.values().all(|takeover| takeover.done);
    let granted = view.record.grant.as_ref().is_none_or(|grant| grant.nodes.contains(&node) || is_over(view, grant));
    let wanted = Shape::of(&view.record.spec).has(member.seat);
    let calm = safety::unrest_beside(view, Some(node)).is_empty();
    let heard = others().all(|one| safety::why_not_heard(view, one).is_none());
    let replaceable = everybody && failed && copied && served && takeovers && granted && wanted && calm && heard;
    replaceable.then_some((node, since))
}

/// Whether nothing keeps a grant but the links to a node that is lost: a restart, or a handover, that has come to its end as far as it
/// can. Without a spare in that node's place it would never end.
fn is_over(view: &View<'_>, grant: &Grant) -> bool {
    let done = |one: Serving<'_>| match grant.operation {
        Operation::Restart | Operation::PutBack => restart::as_wanted(view, one, grant.operation),
        Operation::Handover => one.owns(),
        Operation::Reshard => false,
    };
    grant.nodes.iter().all(|node| view.serving_at(*node).is_some_and(done))
}

/// The spare that takes this node's place: one that is seen, and runs no server; if there is a choice, one in a zone that the shard does
/// not have already. A shard with two nodes in a zone is better than one that lacks a copy, so any other will do.
fn ready(view: &View<'_>, lost: NodeId) -> Option<NodeId> {
    let stands_by = |node: &NodeId| {
        let seen = view.observation.known(*node);
        seen.is_some_and(|seen| matches!(seen.server, ServerState::Stopped))
    };
    let shard = view.record.members.get(&lost)?.seat.shard;
    let taken = view.record.zones_beside(shard, lost);
    // One of which nothing is known stands alone, as far as anybody knows; it comes after one that does for certain.
    let apart = |node: &NodeId| match view.record.zones.get(node) {
        Some(zone) if taken.contains(zone) => 2,
        Some(_) => 0,
        None => 1,
    };
    view.record.spares.keys().copied().filter(stands_by).min_by_key(|node| (apart(node), *node))
}
