//! Finishing what a grant or a takeover allowed, before anything else is begun.

use justmanage_model::record::{FENCE_LAG_S, Operation};
use justmanage_model::{Grant, NodeId, NodeStep, Phase, RecordChange, Role, ServerState, Takeover, Waiting};

use crate::draft::Draft;
use crate::handover;
use crate::safety;
use crate::view::{Serving, View};

/// How long a replica has to be cut off from a fenced primary until that takes no writes any more: the fence's lag, a second for
/// the server's own look at it (it looks once a second), and one for clocks that do not tick alike.
pub const FENCE_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(FENCE_LAG_S.cast_signed() + 2);

/// Carries a granted restart, and every takeover, to its end.
///
/// Nothing remembers how far they came. A server that still runs as it did before is to be stopped; one that is stopped, to be
/// started; one that runs as it is wanted, with all its links, is done. A node that is not known keeps its grant: it may be the
/// one that is down.
pub(crate) fn settle(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    if let Some(grant) = &view.record.grant {
        match grant.operation {
            Operation::Restart => settle_restart(view, draft, grant),
            Operation::Handover => handover::settle(view, draft, grant),
        }
    }
    for (shard, takeover) in &view.record.takeovers {
        settle_takeover(view, draft, *shard, takeover);
        serve_again(view, draft, *shard, takeover);
    }
}

fn settle_restart(view: &View<'_>, draft: &mut Draft, grant: &Grant) {
    let mut open = false;
    for node in &grant.nodes {
        match restart_of(view, *node) {
            Next::Step(step) => draft.act(*node, step),
            Next::Wait(reason) => draft.wait_for(*node, reason),
            Next::Hear(reason) => draft.wait(reason),
            Next::Heal => {}
            Next::Done => continue,
        }
        open = true;
    }
    if !open {
        draft.change(RecordChange::ClearGrant);
    }
}

enum Next {
    Step(NodeStep),
    Wait(Waiting),
    /// What its agent makes of the newest Record is not known yet.
    Hear(Waiting),
    /// The server died or hangs: healing needs no grant, and this one stays until it is done.
    Heal,
    Done,
}

fn restart_of(view: &View<'_>, node: NodeId) -> Next {
    // A node that is no member any more took its grant with it.
    if !view.record.members.contains_key(&node) {
        return Next::Done;
    }
    if let Some(unseen) = view.why_unseen(node) {
        return Next::Wait(unseen);
    }
    let Some(seen) = view.observation.known(node) else { return Next::Heal };
    let server = match &seen.server {
        ServerState::Running(server) => server,
        ServerState::Stopped => return Next::Step(NodeStep::StartServer),
        ServerState::Starting { .. } | ServerState::Down { .. } | ServerState::Hung { .. } => return Next::Heal,
    };
    let Some(one) = view.serving_at(node) else { return Next::Heal };
    if !view.drift(one).restart.is_empty() {
        let tried = server.started == Some(view.record.generation);
        return match tried {
            true => Next::Wait(in_vain(view, one)),
            // It was elected since it was given leave as a replica: it hands over first.
            false if one.owns() && view.has_others(one.member.seat.shard) => {
                safety::why_not_heard(view, one).map_or(Next::Done, Next::Hear)
            }
            false => Next::Step(NodeStep::StopServer),
        };
    }
    // Only with its links and its data may the next one go: the server comes back a second before they do.
    match safety::why_not_linked(view, one).or_else(|| safety::why_not_in_sync(one)) {
        Some(reason) => Next::Wait(reason),
        // With a newer Record than it spoke of (another key that needs a restart), its agent may be stopping the server by this
        // very grant, and the grant must not end under its hands.
        None => safety::why_not_heard(view, one).map_or(Next::Done, Next::Hear),
    }
}

/// The server was started from this very Record, and is still not as it is wanted: another restart would end the same way.
fn in_vain(view: &View<'_>, one: Serving<'_>) -> Waiting {
    let keys: Vec<String> = view.drift(one).restart.into_iter().map(|key| format!("config[{key:?}]")).collect();
    let what = format!("The server of node {} was restarted and did not take {}.", one.node, keys.join(", "));
    view.stuck(view.now, what, "Give another value, or remove the key.")
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
    let left = view.record.spec.replicas_per_shard.saturating_sub(count);
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
