//! A granted move of slots, seen to its end.

use std::collections::BTreeSet;

use justmanage_model::slots::balance::Move;
use justmanage_model::{Grant, MoveTally, NodeStep, RecordChange, SlotSet, Waiting};

use crate::draft::Draft;
use crate::safety;
use crate::view::{Serving, View};

/// How long a move may be hindered before a person is called: as long as the servers need to put another primary in the place of
/// one that is lost, and to be in sync again.
pub const MOVE_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Who is the primary of a shard now goes on with what it has to give, whoever began it. Nothing remembers how far it came: what
/// is still to go is what the one shard owns and the other is to have. It is over when no primary has anything left to do.
pub(crate) fn settle(view: &View<'_>, draft: &mut Draft, grant: &Grant) {
    let shards: BTreeSet<u16> = grant.nodes.iter().filter_map(|node| view.record.shard_of(*node)).collect();
    let mut open = false;
    for shard in shards {
        match view.head_of(shard) {
            Some(one) => open |= !is_done(view, draft, grant, one),
            // Its primary is no member any more, and had no slots yet: nothing is left to do there, and nobody to do it.
            None if view.served() == SlotSet::all()
                && view.shard(shard).all(|(node, _)| view.serving_at(node).is_some()) => {}
            None => {
                draft.wait(Waiting::NoPrimary { shard });
                open = true;
            }
        }
    }
    for on_its_way in &grant.moves {
        open |= tell(view, draft, on_its_way);
    }
    if !open {
        draft.change(RecordChange::ClearGrant);
    }
}

/// Whether a primary has nothing left to do; otherwise it is set to it.
fn is_done(view: &View<'_>, draft: &mut Draft, grant: &Grant, one: Serving<'_>) -> bool {
    let tally = one.seen.moving.as_ref().filter(|tally| tally.given == grant.given);
    if let Some(tally) = tally {
        hindered(view, draft, one, tally);
        if tally.active {
            draft.wait(Waiting::ClosingSlots { node: one.node });
        }
        return !tally.active;
    }
    // What is received is to be on disk before it is gone where it was, and the server is set so first.
    let ready = view.shard_heads().all(|other| view.drift(other).live.is_empty());
    if ready && draft.is_free(one.node) {
        draft.act(one.node, NodeStep::MoveSlots);
    } else {
        let unheard = safety::why_not_heard(view, one).filter(|_| !ready);
        draft.wait(unheard.unwrap_or(Waiting::ClosingSlots { node: one.node }));
    }
    false
}

fn hindered(view: &View<'_>, draft: &mut Draft, one: Serving<'_>, tally: &MoveTally) {
    let Some(trouble) = tally.trouble.as_ref().filter(|trouble| view.age(trouble.since) >= MOVE_PATIENCE) else {
        return;
    };
    let what = format!("Slots do not move from node {}: {}", one.node, trouble.what);
    let hint = "What has moved stays where it is, every slot is served, and it goes on by itself as soon as it can.";
    draft.wait(view.stuck(trouble.since, what, hint));
}

/// Says how much of a move is left; whether something is.
fn tell(view: &View<'_>, draft: &mut Draft, on_its_way: &Move) -> bool {
    let Move { from, to, slots } = on_its_way;
    let left = view.primary_of(*from).map_or(0, |one| one.bus.slots.intersection(slots).len());
    if left > 0 {
        draft.wait(Waiting::MovingSlots { from: *from, to: *to, left });
    }
    left > 0
}
