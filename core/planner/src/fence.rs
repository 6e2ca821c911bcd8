//! Who is a shard's primary where the servers cannot decide it: in clusters of one or two shards they have no majority.
//!
//! The majority of agents decides instead, and the primary is fenced: it takes no writes that too few replicas receive. What is in
//! the Record is what may be relied on; see [`Fence`] for why closing goes in two steps.

use justmanage_model::{
    Fence, Generation, NodeId, Phase, RecordChange, Role, ServerState, Takeover, Timestamp, Waiting,
};

use crate::draft::Draft;
use crate::revive::ELECTION_PATIENCE;
use crate::roll::{self, Due};
use crate::safety;
use crate::view::{Serving, View};

/// How long a primary may be out of sight until its replicas cut their links to it, which begins the takeover. Cutting hurts
/// nothing: a primary that is only slow takes its replicas in again at once, and the takeover is off. A second is more than an
/// agent ever takes to answer.
pub const TAKEOVER_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

/// After how many seconds without a word from its primary a replica's link is no sign of life any more. Primaries send something
/// each second (`repl-ping-replica-period`).
const SILENCE_S: u64 = 2;

/// Opens and closes fences, and lets a replica take over from a primary that cannot be reached.
pub(crate) fn fence(view: &View<'_>, draft: &mut Draft) {
    if !view.is(Phase::Formed) {
        return;
    }
    for shard in 0..view.record.most_shape().shards {
        if view.record.takeovers.get(&shard).is_none_or(|takeover| takeover.done) {
            fence_shard(view, draft, shard);
        }
    }
}

fn fence_shard(view: &View<'_>, draft: &mut Draft, shard: u16) {
    let fence = view.record.fence(shard);
    let Some(primary) = view.primary_of(shard) else { return take_over(view, draft, shard, fence) };
    if !view.record.fenced() {
        return;
    }
    let enough = counted(view, primary).count() >= usize::from(view.record.fence_replicas());
    match (fence, enough) {
        (Fence::Open, true) => {
            let since = view.record.generation.next();
            draft.change(RecordChange::SetFence(shard, Fence::Closing { since }));
        }
        (Fence::Closing { since }, true) if obeys(view, primary, since) => {
            draft.change(RecordChange::SetFence(shard, Fence::Closed));
        }
        // Too few receive its writes: it goes on without, and nobody may take over from it.
        (Fence::Closing { .. } | Fence::Closed, false) => draft.change(RecordChange::SetFence(shard, Fence::Open)),
        // Until then nobody could take over: that is not what was wanted yet.
        (Fence::Closing { .. }, true) => {
            safety::why_not_heard(view, primary).into_iter().for_each(|why| draft.wait(why))
        }
        (Fence::Open, false) | (Fence::Closed, true) => {}
    }
}

/// Replicas that receive what this primary is told, and go on to. Who is to be stopped next does not, and whoever takes a shard over has
/// nobody who follows yet: the fence is open before that is done, so that no write is refused for the sake of a planned step.
fn counted<'a>(view: &View<'a>, primary: Serving<'a>) -> impl Iterator<Item = Serving<'a>> {
    let due = roll::due(view, primary.member.seat.shard);
    followers(view, primary).filter(move |one| match due {
        Due::Nothing => true,
        Due::Stop(node) => node != one.node,
        Due::HandOver => false,
    })
}

/// Replicas that receive what this primary is told, as they say themselves.
pub(crate) fn followers<'a>(view: &View<'a>, primary: Serving<'a>) -> impl Iterator<Item = Serving<'a>> {
    let follows = move |one: &Serving<'_>| matches!(&one.bus.role, Role::Replica { of, .. } if *of == primary.bus.id);
    view.serving().filter(move |one| follows(one) && one.in_sync())
}

/// It refuses writes without replicas, by its own word, and its agent knew of the closing when that was said.
fn obeys(view: &View<'_>, primary: Serving<'_>, since: Generation) -> bool {
    let wanted = view.record.fence_replicas().to_string();
    let settled = primary.seen.settled.is_some_and(|settled| settled >= since);
    settled && primary.server.config.get("min-replicas-to-write") == Some(&wanted)
}

/// No primary can be seen. Where the fence is closed, the replica that has come furthest takes over; where it is open, the old
/// primary may have taken writes that nobody else has, and it is waited for.
fn take_over(view: &View<'_>, draft: &mut Draft, shard: u16, fence: Fence) {
    let replicas = || view.serving().filter(|one| one.member.seat.shard == shard && !one.owns());
    let Some(from) = replicas().find_map(|one| view.primary_known_to(one)) else { return inherit(view, draft, shard) };
    // With a majority of primaries, the servers elect somebody themselves.
    let Some(since) = lost_since(view, from).filter(|_| view.record.least_shape().shards < 3) else { return };
    if fence != Fence::Closed {
        return draft.wait(Waiting::NoPrimary { shard });
    }
    let fit =
        |one: &Serving<'_>| one.has_copy() && view.primary_known_to(*one) == Some(from) && draft.is_free(one.node);
    let best = replicas().filter(fit);
    let Some(by) = best.max_by_key(|one| (one.server.offset, one.node)) else { return };
    // Its agent may be gone and its server well: replicas that hear from it know.
    let hears = |one: &Serving<'_>| match &one.bus.role {
        Role::Replica { link, .. } => link.up && link.silent_s.is_none_or(|silent| silent < SILENCE_S),
        Role::Primary { .. } => false,
    };
    if view.age(since) < TAKEOVER_PATIENCE || replicas().any(|one| hears(&one)) {
        return draft.wait(Waiting::NoPrimary { shard });
    }
    let takeover = Takeover { by: by.node, from, cleared: false, done: false, at: view.now };
    draft.change(RecordChange::TakeOver(shard, takeover));
}

/// The primary was the server of a node that is no member any more: whoever took it out of the Record knows that it is gone for
/// good. Whatever copy has come furthest takes over, once every member that may have one is seen; where the servers elect
/// somebody themselves, only when they did not. (A replica that was started again since it was last in sync does not stand.)
fn inherit(view: &View<'_>, draft: &mut Draft, shard: u16) {
    let orphans = || {
        let replica = |one: &Serving<'_>| matches!(one.bus.role, Role::Replica { .. });
        view.serving().filter(move |one| one.member.seat.shard == shard && replica(one) && one.has_copy())
    };
    let Some(by) = orphans().max_by_key(|one| (one.bus.config_epoch, one.server.offset, one.node)) else { return };
    // Whoever takes the seat of the one that is gone: to have a name for it.
    let empty = |node: NodeId| view.observation.known(node).is_some_and(|seen| seen.last.is_none());
    let from = view.shard(shard).map(|(node, _)| node).find(|node| empty(*node));
    // Whoever died before that primary began has nothing newer.
    let older = |node: NodeId| {
        view.observation.known(node).is_some_and(|seen| {
            let dead = matches!(seen.server, ServerState::Down { .. });
            dead && seen.last.as_ref().is_some_and(|last| last.config_epoch < by.bus.config_epoch)
        })
    };
    let all = view.shard(shard).all(|(node, _)| view.serving_at(node).is_some() || empty(node) || older(node));
    let waited = |one: Serving<'_>| match &one.bus.role {
        Role::Replica { link, .. } => link.down_since.is_some_and(|since| view.age(since) >= ELECTION_PATIENCE),
        Role::Primary { .. } => false,
    };
    let all = all && (view.record.least_shape().shards < 3 || orphans().all(waited));
    match from.filter(|_| all) {
        Some(from) => {
            let takeover = Takeover { by: by.node, from, cleared: true, done: false, at: view.now };
            draft.change(RecordChange::TakeOver(shard, takeover));
        }
        None => draft.wait(Waiting::NoPrimary { shard }),
    }
}

/// Since when a member has not been able to serve, other than by the death of its process, which its own agent sees to.
fn lost_since(view: &View<'_>, node: NodeId) -> Option<Timestamp> {
    if let Some(Waiting::NodeUnknown { since, .. }) = view.why_unseen(node) {
        return Some(since);
    }
    match &view.observation.known(node)?.server {
        ServerState::Hung { since } => Some(*since),
        _ => None,
    }
}
