//! Restarts, one node at a time.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::{Grant, NodeId, Phase, RecordChange, Shape, Waiting};
use justmanage_releases::hop;

use crate::back_up;
use crate::draft::Draft;
use crate::handover;
use crate::safety;
use crate::start;
use crate::view::{Serving, View};
use crate::window;

/// How long a replica may be without a link to its primary, and without a copy on its way, before it is [`left_behind`].
const LEFT_BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_secs(10);

/// Gives leave for the next restart when nothing else is going on.
///
/// Shard by shard, and in each the replicas before the primary, whoever is there for this alone first, so that what is not fit shows
/// where nobody misses it, and then whoever lags most. A primary is not stopped while a replica can take its place: that replica
/// takes over first, and is not asked to give it back, unless it is one that goes.
pub(crate) fn roll(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    if let Some(one) = left_behind(view).filter(|_| view.record.grant.is_none() && view.record.halt.is_none()) {
        return give(view, draft, Operation::Restart, one);
    }
    if !draft.is_calm() {
        return;
    }
    let Some(one) = next(view) else { return gone_over(view, draft) };
    if let Some(halted) = halted(view) {
        return draft.wait(halted);
    }
    if let Some(waits) = window::why_not_begin(view) {
        return draft.wait(waits);
    }
    if let Some(backing_up) = back_up::why_not_disturb(view) {
        return draft.wait(backing_up);
    }
    let reason = safety::why_not_restart(view, one.node).or_else(|| why_not_go_over(view));
    if let Some(reason) = reason.or_else(|| why_not_emptied(view, one)) {
        return draft.wait(reason);
    }
    match handover::heir(view, one, |_| true) {
        handover::Heir::Nobody => give(view, draft, Operation::Restart, one),
        handover::Heir::Ready(heir) => give(view, draft, Operation::Handover, heir),
        handover::Heir::Later(reason) => draft.wait(reason),
    }
}

/// What a roll does to a shard.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    /// Nothing, or not yet.
    Nothing,
    /// This node's server is stopped.
    Stop(NodeId),
    /// Another of its nodes becomes the primary.
    HandOver,
}

/// What is being done to a shard by a grant, or else is done next, if nothing that lasts is against it.
pub(crate) fn due(view: &View<'_>, shard: u16) -> Due {
    let of_shard = |node: NodeId| view.record.shard_of(node) == Some(shard);
    if let Some(grant) = &view.record.grant {
        let node = grant.nodes.iter().copied().find(|node| of_shard(*node));
        return match (grant.operation, node) {
            (Operation::Restart | Operation::PutBack, Some(node)) => Due::Stop(node),
            (Operation::Handover, Some(_)) => Due::HandOver,
            (Operation::Reshard, _) | (_, None) => Due::Nothing,
        };
    }
    let waits = view.record.halt.is_some() || !view.unseen().is_empty() || !safety::unrest(view).is_empty();
    let hindered = waits || why_not_go_over(view).is_some() || window::why_not_begin(view).is_some();
    let next = next(view).filter(|one| !hindered && of_shard(one.node) && why_not_emptied(view, *one).is_none());
    let Some(one) = next else { return Due::Nothing };
    match handover::heir(view, one, |_| true) {
        handover::Heir::Nobody => Due::Stop(one.node),
        handover::Heir::Ready(_) => Due::HandOver,
        handover::Heir::Later(_) => Due::Nothing,
    }
}

/// A replica that runs what the servers come from, and has no data or no link for long, where its primary has gone over before it: it came,
/// or came back, while others went over, and may never be able to copy from a newer server. It serves nobody, and the others of its shard
/// are in sync, so its restart disturbs nobody.
pub(crate) fn left_behind<'a>(view: &View<'a>) -> Option<Serving<'a>> {
    view.record.previous.as_ref()?;
    let gone_over = |one: &Serving<'_>| {
        let primary = view.primary_of(one.member.seat.shard).filter(|primary| primary.node != one.node);
        primary.is_some_and(|primary| {
            !view.is_behind(primary) && view.primary_known_to(*one) == Some(primary.node) && primary.has_copy()
        })
    };
    // Who was the primary a moment ago goes on where it stopped; who cannot is without a link for longer than that takes.
    let cut_off = |one: &Serving<'_>| one.cut_off_since().is_some_and(|since| view.age(since) >= LEFT_BEHIND);
    let stays = |one: &Serving<'_>| view.is_behind(*one) && !one.owns() && (!one.has_copy() || cut_off(one));
    let beside = |one: &Serving<'_>| {
        let mut others = view.serving().filter(|other| other.member.seat.shard == one.member.seat.shard);
        others.all(|other| other.node == one.node || safety::why_not_in_sync(other).is_none())
    };
    let known = |one: &Serving<'_>| safety::why_not_linked(view, *one).is_none();
    view.serving().find(|one| stays(one) && gone_over(one) && beside(one) && known(one))
}

/// Why nothing is begun any more, if something has failed.
pub(crate) fn halted(view: &View<'_>) -> Option<Waiting> {
    let halt = view.record.halt.as_ref()?;
    let mut hint = "Nothing is begun that disturbs a node. Look into it, and apply again to go on.".to_owned();
    if let Some(previous) = &view.record.previous {
        hint.push_str(&format!(" To go back: version = \"{}\".{}", previous.release.version, whereabouts(view)));
    }
    Some(view.stuck(halt.since, halt.what.clone(), hint))
}

/// Which nodes run what they were to go over to.
fn whereabouts(view: &View<'_>) -> String {
    let over: Vec<String> =
        view.serving().filter(|one| !view.is_behind(*one)).map(|one| one.node.to_string()).collect();
    match over.is_empty() {
        true => format!(" No node runs {}.", view.record.release),
        false => format!(
            " {} of {} nodes run {}: {}.",
            over.len(),
            view.record.members.len(),
            view.record.release,
            over.join(", ")
        ),
    }
}

/// Who is restarted next.
fn next<'a>(view: &View<'a>) -> Option<Serving<'a>> {
    let needs = view.serving().filter(|one| view.needs_restart(*one));
    let stays = |one: &Serving<'_>| Shape::of(&view.record.spec).has(one.member.seat);
    needs.min_by_key(|one| (one.member.seat.shard, one.owns(), stays(one), one.server.offset, one.node))
}

/// Every server runs the new release: where they came from is of the past.
fn gone_over(view: &View<'_>, draft: &mut Draft) {
    if view.record.previous.is_some()
        && view.record.grant.is_none()
        && view.serving().count() == view.record.members.len()
    {
        draft.change(RecordChange::ForgetPrevious(view.now + start::TRIAL));
    }
}

/// Data that the new release cannot receive. It is asked again before each node: what was not there when the way was chosen may
/// have been written since.
fn why_not_go_over(view: &View<'_>) -> Option<Waiting> {
    let (from, to) = (view.record.previous.as_ref()?, &view.record.release);
    if hop(&from.release, to).is_ok_and(|hop| !hop.refuses_field_ttls) {
        return None;
    }
    let keys: u64 = view.serving().filter(|one| one.owns()).filter_map(|one| one.server.field_ttls).sum();
    let what = format!("{keys} keys are hashes with fields that expire, which {to} cannot receive.");
    let hint = format!(
        "Remove the times of these fields (HPERSIST), or apply the version that they come from: {}.",
        from.release
    );
    (keys > 0).then(|| view.stuck(view.now, what, hint))
}

/// Nobody else has the data of a node that would have to be emptied: the replica that was there for this is lost.
fn why_not_emptied(view: &View<'_>, one: Serving<'_>) -> Option<Waiting> {
    let (previous, to) = (view.record.previous.as_ref()?, &view.record.release);
    let ran = one.seen.program.as_ref().map_or(&previous.release, |program| &program.release);
    if view.has_others(one.member.seat.shard) || ran == to || hop(ran, to).is_ok_and(|hop| !hop.empties) {
        return None;
    }
    let what = format!("Node {} would have to be emptied to run {to}, and no other node has its data.", one.node);
    let hint = format!("Apply the version that it runs: {}.", ran.version);
    Some(view.stuck(view.now, what, hint))
}

pub(crate) fn give(view: &View<'_>, draft: &mut Draft, operation: Operation, to: Serving<'_>) {
    draft.change(given(view, operation, to.node));
}

/// The change that gives a node leave.
pub(crate) fn given(view: &View<'_>, operation: Operation, node: NodeId) -> RecordChange {
    let given = view.record.generation.next();
    RecordChange::Give(Grant { operation, nodes: BTreeSet::from([node]), given, moves: Vec::new() })
}
