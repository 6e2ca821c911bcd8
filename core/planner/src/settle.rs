//! Finishing what a grant or a takeover allowed, before anything else is begun.

use justmanage_model::record::{FENCE_LAG_S, Operation};
use justmanage_model::{NodeId, NodeObservation, NodeStep, Phase, RecordChange, Role, ServerState, Takeover, Waiting};

use crate::draft::Draft;
use crate::revive::LAST_REPORT_MAX;
use crate::view::{Serving, View};
use crate::{handover, reshard, restart, start};

/// How long a replica has to be cut off from a fenced primary until that takes no writes any more: the fence's lag, a second for
/// the server's own look at it (it looks once a second), and one for clocks that do not tick alike.
pub const FENCE_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(FENCE_LAG_S.cast_signed() + 2);

/// Carries what was granted, and every takeover, to its end.
pub(crate) fn settle(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    if let Some(grant) = &view.record.grant {
        match grant.operation {
            Operation::Restart | Operation::PutBack => restart::settle(view, draft, grant),
            Operation::Handover => handover::settle(view, draft, grant),
            Operation::Reshard => reshard::settle(view, draft, grant),
        }
    }
    for (shard, takeover) in &view.record.takeovers {
        settle_takeover(view, draft, *shard, takeover);
        serve_again(view, draft, *shard, takeover);
    }
}

/// Whether a primary's claim on its slots beats the one of an old primary, as far as that one's agent knows it.
fn later(view: &View<'_>, primary: Serving<'_>, old: NodeId) -> bool {
    let last = view.observation.known(old).and_then(|seen| seen.last.as_ref());
    primary.node != old && last.is_none_or(|last| !last.primary || primary.bus.config_epoch > last.config_epoch)
}

/// Whether it still is the replica that it was when the takeover was decided; or, as it was then ([`crate::fence`]), the replica
/// of a server that is no member's any more.
fn may_take_over(view: &View<'_>, one: Serving<'_>, takeover: &Takeover) -> bool {
    let follows = view.primary_known_to(one);
    !one.bus.is_primary() && one.has_copy() && follows.is_none_or(|follows| follows == takeover.from)
}

/// It is done; by somebody else, perhaps. As long as the old primary may not have heard of it, that is kept in mind.
fn taken_over(view: &View<'_>, draft: &mut Draft, (shard, takeover): (u16, &Takeover), primary: Serving<'_>) {
    let by = takeover.by;
    if !later(view, primary, takeover.from) {
        let what = format!("Node {by} has taken shard {shard} over under the epoch that the old primary has, too.");
        let hint =
            "The old primary is not started, since it would win and lose what was written since. Remove that node.";
        draft.wait(view.stuck(takeover.at, what, hint));
    } else if !takeover.done {
        draft.change(RecordChange::TakeOver(shard, Takeover { done: true, ..takeover.clone() }));
    }
    let deaf = |one: &Serving<'_>| one.member.seat.shard == shard && one.node != primary.node && one.owns();
    if view.serving().any(|one| deaf(&one)) {
        draft.wait(Waiting::TakingOver { shard, by });
    }
}

/// A primary that was in the minority takes no writes for a node timeout after it is in it no more: a majority that went on
/// without it may have something to tell it first. Where one of two primaries was lost there was no such majority, and as soon as
/// it hears from who took over, there is nothing to wait for. Whoever has been taken over from itself does wait.
fn serve_again(view: &View<'_>, draft: &mut Draft, shard: u16, takeover: &Takeover) {
    let Some(member) = view.record.members.get(&takeover.by) else { return };
    let replaced = |one: &Serving<'_>| {
        let own = view.record.takeovers.get(&one.member.seat.shard);
        own.is_some_and(|own| own.by != one.node)
    };
    let hears = |one: Serving<'_>| {
        let peer = view.peer_of(one, takeover.by, member);
        peer.is_some_and(|peer| peer.slots > 0 && peer.linked_to && !peer.suspected && !peer.failed)
    };
    let rests = |one: &Serving<'_>| one.member.seat.shard != shard && one.owns() && !one.bus.ok && !replaced(one);
    for one in view.serving().filter(|one| rests(one) && hears(*one)) {
        if draft.is_free(one.node) {
            draft.act(one.node, NodeStep::ServeAgain);
        }
    }
}

/// It was stopped to be emptied for another release, and cannot be while nobody is the primary.
fn is_stranded(view: &View<'_>, node: NodeId) -> bool {
    let seen = view.observation.known(node).filter(|seen| seen.server == ServerState::Stopped);
    seen.is_some_and(|seen| start::start(view, node, seen).is_err())
}

/// It ended with its copy before it took over: what it had was not on its disk, and others still follow the old primary. That is old enough
/// for all of them to have been looked at since.
fn has_died_before(view: &View<'_>, takeover: &Takeover) -> bool {
    let ended = |seen: &&NodeObservation| match seen.server {
        ServerState::Down { since, .. } => view.age(since) >= LAST_REPORT_MAX,
        _ => false,
    };
    let Some(seen) = view.observation.known(takeover.by).filter(ended) else { return false };
    let shard = view.record.shard_of(takeover.by);
    let copies = || view.serving().filter(|one| Some(one.member.seat.shard) == shard && one.has_copy());
    let follows = |one: Serving<'_>, node: NodeId| view.primary_known_to(one) == Some(node);
    seen.last.as_ref().is_none_or(|last| !last.persistent)
        && copies().any(|one| follows(one, takeover.from))
        && !copies().any(|one| follows(one, takeover.by))
}

/// A dead primary's data did not die with it.
fn is_on_disk(view: &View<'_>, node: NodeId) -> bool {
    view.observation.known(node).and_then(|seen| seen.last.as_ref()).is_some_and(|last| last.persistent)
}

/// A replica takes over when its old primary can take no writes any more: its process is proven dead, or the fence has run out
/// on it because so many replicas cut their links that the others are too few for its writes.
fn settle_takeover(view: &View<'_>, draft: &mut Draft, shard: u16, takeover: &Takeover) {
    let (by, from) = (takeover.by, takeover.from);
    let member = |node: NodeId| view.record.shard_of(node) == Some(shard);
    // Whoever is a replica, or a newcomer, has heard, and can take no writes.
    let others = view.shard(shard).filter(|(node, _)| *node != by).map(|(node, _)| view.serving_at(node));
    let heard = takeover.done && others.into_iter().all(|one| one.is_some_and(|one| !one.owns()));
    if !member(by) || !member(from) || heard {
        return draft.change(RecordChange::EndTakeover(shard));
    }
    let waiting = Waiting::TakingOver { shard, by };
    if let Some(primary) = view.primary_of(shard).filter(|one| one.node == by || later(view, *one, from)) {
        return taken_over(view, draft, (shard, takeover), primary);
    }
    // Who took over is lost in its turn: that is a story of its own.
    if takeover.done {
        return;
    }
    // Who is to take over and cannot be seen, or has died itself, is waited for: its agent may be doing it at this moment.
    let replicas: Vec<Serving<'_>> = view.serving().filter(|one| one.member.seat.shard == shard).collect();
    if takeover.cleared {
        return match replicas.iter().find(|one| one.node == by) {
            // Only from whom it was decided: it may follow another one since, who has more.
            Some(one) if may_take_over(view, *one, takeover) => draft.act(by, NodeStep::TakeOver),
            Some(_) => draft.change(RecordChange::EndTakeover(shard)),
            // It waits for a primary to copy from, and that one for it; but what the dead one has on its disk is newer.
            // Another one has to take over.
            None if has_died_before(view, takeover) => draft.change(RecordChange::EndTakeover(shard)),
            None if is_stranded(view, by) && is_on_disk(view, from) => draft.change(RecordChange::EndTakeover(shard)),
            None => draft.wait(waiting),
        };
    }
    if view.primary_of(shard).is_some() {
        return draft.change(RecordChange::EndTakeover(shard));
    }
    let mut cut_off = Vec::new();
    for one in replicas {
        let Role::Replica { link, .. } = &one.bus.role else { continue };
        let severed = one.seen.severed.is_some_and(|at| at >= takeover.at);
        match (link.up, severed) {
            (true, false) => draft.act(one.node, NodeStep::Sever),
            // The primary is there after all: it let its replica in again.
            (true, true) => return draft.change(RecordChange::EndTakeover(shard)),
            (false, _) => {
                let long = link.down_since.is_some_and(|since| view.age(since) >= FENCE_PATIENCE);
                cut_off.extend(Some(one).filter(|_| long));
                draft.wait_for(one.node, waiting.clone());
            }
        }
    }
    let count = u16::try_from(cut_off.len()).unwrap_or(u16::MAX);
    // Everybody that may feed the old primary, whatever shape is asked for.
    let left = u16::try_from(view.record.replicas_of(shard)).unwrap_or(u16::MAX).saturating_sub(count);
    // Those that are cut off now are so many that one of them has whatever was acknowledged. Who that is may have been out of
    // sight when the takeover was begun.
    let best = cut_off.into_iter().filter(|one| one.has_copy()).max_by_key(|one| (one.server.offset, one.node));
    match best.filter(|_| left < view.record.fence_replicas()) {
        Some(best) => {
            let takeover = Takeover { by: best.node, cleared: true, ..takeover.clone() };
            draft.change(RecordChange::TakeOver(shard, takeover));
        }
        None => draft.wait(waiting),
    }
}
