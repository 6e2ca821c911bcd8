//! A primary that is well hands its shard over to a replica.
//!
//! The servers do it without losing a write: the primary holds writes back until the replica has all of them. What they do not do
//! is to say honestly whether it worked. It did when the replica owns the slots, everybody else in the shard follows it and has its
//! data, and all servers agree.

use justmanage_model::record::NODE_TIMEOUT;
use justmanage_model::{Grant, Halt, Handover, NodeStep, RecordChange, Seat, Shape, Timestamp, Waiting};

use crate::draft::Draft;
use crate::view::{Serving, View};
use crate::{fence, roll, safety};

/// How long after one try the next is made. The primary takes writes again after five seconds, and voters give another vote for the
/// same primary's place after two node timeouts; but a server that asked for votes in vain asks again only after four.
pub const HANDOVER_PATIENCE: jiff::SignedDuration =
    jiff::SignedDuration::from_secs(4 * NODE_TIMEOUT.as_secs().cast_signed() + 1);

/// How often it is tried. Each failure holds back the writers of the shard for five seconds.
pub const HANDOVER_TRIES: u32 = 3;

/// Who can take over from a node that is to be restarted.
pub(crate) enum Heir<'a> {
    /// It is no primary, or nobody else is in its shard.
    Nobody,
    /// This one.
    Ready(Serving<'a>),
    /// Somebody, but not yet.
    Later(Waiting),
}

/// The replica to hand over to, when all are at rest: one in such a place, and of these one that stays rather than one that goes, so
/// that it need not hand over itself, and then the one that has come furthest.
pub(crate) fn heir<'a>(view: &View<'a>, one: Serving<'a>, place: impl Fn(Seat) -> bool) -> Heir<'a> {
    let shard = one.member.seat.shard;
    if !one.owns() || !view.has_others(shard) {
        return Heir::Nobody;
    }
    let fit = |other: &Serving<'_>| other.member.seat.shard == shard && other.has_copy() && place(other.member.seat);
    let heirs: Vec<Serving<'a>> = fence::followers(view, one).filter(fit).collect();
    let fresh = heirs.iter().filter(|heir| stale_until(view, **heir).is_none());
    let stays = |heir: &Serving<'_>| Shape::of(&view.record.spec).has(heir.member.seat);
    let best = fresh.max_by_key(|heir| (stays(heir), heir.server.offset, std::cmp::Reverse(heir.member.seat)));
    if let Some(best) = best {
        return Heir::Ready(*best);
    }
    // Everybody is at rest, so there is a replica; if not, the primary is not stopped under its writers.
    let first = heirs.iter().filter_map(|heir| Some((stale_until(view, *heir)?, heir.node))).min();
    Heir::Later(first.map_or(Waiting::NoPrimary { shard }, |(until, node)| Waiting::VotesStale { node, until }))
}

/// Until when its server would not hold an election of its own, if it would not now.
fn stale_until(view: &View<'_>, one: Serving<'_>) -> Option<Timestamp> {
    let promoted = one.seen.promoted.filter(|_| one.server.release.votes_go_stale())?;
    promoted.checked_add(NODE_TIMEOUT * 4).ok().filter(|until| view.now < *until)
}

/// Carries a granted handover to its end. Whatever else has happened to the shard meanwhile is for the others to mend, and ends it.
pub(crate) fn settle(view: &View<'_>, draft: &mut Draft, grant: &Grant) {
    let node = grant.nodes.iter().copied().find(|node| view.record.members.contains_key(node));
    let Some(node) = node else { return draft.change(RecordChange::ClearGrant) };
    if let Some(unseen) = view.why_unseen(node) {
        return draft.wait_for(node, unseen);
    }
    let Some(one) = view.serving_at(node) else { return draft.change(RecordChange::ClearGrant) };
    if one.owns() {
        return handed_over(view, draft, grant, one);
    }
    // Its own agent sees nobody else.
    let primary = view.primary_of(one.member.seat.shard);
    let follows = primary.is_none_or(|primary| view.primary_known_to(one) == Some(primary.node));
    let told = one.seen.handover.as_ref().filter(|told| told.given == grant.given);
    let lately = |told: &Handover| view.age(told.at) < HANDOVER_PATIENCE;
    match told {
        // What was refused at once is not waited for a last time.
        Some(told) if told.tries >= HANDOVER_TRIES && (told.refused.is_some() || !lately(told)) => {
            draft.change(failed(one, told));
        }
        Some(told) if lately(told) => {
            draft.wait_for(node, Waiting::HandingOver { shard: one.member.seat.shard, to: node });
        }
        _ if follows && one.in_sync() => draft.act(node, NodeStep::TakeTurn),
        _ => draft.change(RecordChange::ClearGrant),
    }
}

/// It has taken over. The grant stays until everybody is where they belong again: then the next step finds the cluster whole. But who
/// came back as what it was, and may not be able to copy from a newer server, needs the next grant to be where it belongs.
fn handed_over(view: &View<'_>, draft: &mut Draft, grant: &Grant, one: Serving<'_>) {
    if roll::left_behind(view).is_some() {
        return draft.change(RecordChange::ClearGrant);
    }
    let told = one.seen.handover.as_ref().filter(|told| told.given == grant.given);
    let shard = one.member.seat.shard;
    let mut others = view.shard(shard).filter(|(other, _)| *other != one.node);
    let contested = others.any(|(other, _)| view.serving_at(other).is_none_or(Serving::owns));
    if contested && told.and_then(|told| told.epoch).is_some_and(|before| one.bus.config_epoch <= before) {
        // Whoever has slots under no higher epoch than another has them until the two hear of each other.
        return draft.wait(Waiting::HandingOver { shard, to: one.node });
    }
    let reasons = safety::unrest(view).into_iter().chain(view.unseen()).chain(safety::why_not_heard(view, one));
    match reasons.into_iter().next() {
        Some(reason) => draft.wait(reason),
        None => draft.change(RecordChange::ClearGrant),
    }
}

fn failed(one: Serving<'_>, told: &Handover) -> RecordChange {
    let why = told.refused.as_deref().unwrap_or("it did not get the votes, or did not receive all writes in time");
    let (node, shard) = (one.node, one.member.seat.shard);
    let what = format!("Node {node} did not take shard {shard} over in {} tries: {why}.", told.tries);
    RecordChange::Halt(Halt { what, since: told.at })
}
