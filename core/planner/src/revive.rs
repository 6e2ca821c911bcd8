//! What becomes of a server whose process is proven dead: it is started again, or a replica takes over first.

use justmanage_model::{LastRole, NodeId, NodeObservation, OnCrash, Phase, Seen, ServerState, Takeover, Timestamp};

use crate::view::{Serving, View};

/// How far behind a replica may have been at the last look, in bytes of the replication stream, to take over from a primary
/// that may still have everything on its disk. A mebibyte is some milliseconds of a busy primary's writes, and less than what a
/// lost second of an append-only file holds; a replica further behind is in trouble of its own.
pub const FAILOVER_LAG_MAX: u64 = 1 << 20;

/// How old the last look may be to know by it who was in sync. Nodes are looked at every five seconds; three looks.
pub const LAST_LOOK_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(15);

/// How long the servers' own election may take before the majority of agents decides instead: four node timeouts, after which
/// a replica that did not win stands again. Only where a primary without its data waits for a copy to take its place.
pub const ELECTION_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(20);

/// What is done about a dead server.
pub(crate) enum Revival {
    /// It is started.
    Start,
    /// This replica is asked to take over, by a vote of the primaries.
    Ask(NodeId),
    /// A replica takes over by the word of the majority of agents.
    TakeOver(u16, Takeover),
    /// It is not started, for this reason.
    HoldBack(String),
}

/// Decides it, for a server that has been down since a moment.
///
/// What must never be: a primary that comes back empty while its shard has another copy. Replicas would copy the emptiness.
/// So a server whose data are not on disk is not started before another one is the primary, if there is another at all.
pub(crate) fn revive(view: &View<'_>, node: NodeId, seen: &NodeObservation, since: Timestamp) -> Revival {
    let Some(shard) = view.record.shard_of(node).filter(|_| view.is(Phase::Formed)) else { return Revival::Start };
    if let Some(takeover) = view.record.takeovers.get(&shard).filter(|takeover| takeover.from == node) {
        return Revival::HoldBack(format!("node {} is taking its shard over.", takeover.by));
    }
    let Some(last) = seen.last.as_ref().filter(|last| last.primary) else { return Revival::Start };
    // Somebody else is the primary now: it comes back as a replica.
    if view.primary_of(shard).is_some_and(|primary| primary.node != node) {
        return Revival::Start;
    }
    let asked = seen.asked.as_ref().filter(|asked| asked.at >= since);
    if asked.is_some_and(|asked| asked.answer.is_ok()) {
        return Revival::Start;
    }
    let wanted = view.record.spec.on_crash == OnCrash::Failover || !last.persistent;
    let fresh = since.duration_since(last.at) <= LAST_LOOK_MAX;
    if wanted
        && fresh
        && asked.is_none()
        && let Some(replica) = best_replica(view, shard, last)
    {
        return if view.record.spec.shards >= 3 {
            Revival::Ask(replica)
        } else {
            let takeover = Takeover { by: replica, from: node, cleared: true, at: view.now };
            Revival::TakeOver(shard, takeover)
        };
    }
    if last.persistent {
        return Revival::Start;
    }
    without_its_data(view, shard, node, since)
}

/// A dead primary whose data died with it. Whoever has a copy takes over, however far behind: there is nothing better. Where
/// the servers elect somebody themselves, they are given the time for it.
fn without_its_data(view: &View<'_>, shard: u16, node: NodeId, since: Timestamp) -> Revival {
    if !copy_elsewhere(view, shard, node) {
        return Revival::Start;
    }
    let hold = Revival::HoldBack("its data were not on disk, and a copy of them may be elsewhere.".to_owned());
    let unseen = view.shard(shard).any(|(other, _)| view.why_unseen(other).is_some());
    if unseen || view.record.spec.shards >= 3 && view.age(since) < ELECTION_PATIENCE {
        return hold;
    }
    let follows = |one: &Serving<'_>| one.member.seat.shard == shard && view.primary_known_to(*one) == Some(node);
    let best = view.serving().filter(follows).max_by_key(|one| (one.server.offset, one.node));
    best.map_or(hold, |best| {
        Revival::TakeOver(shard, Takeover { by: best.node, from: node, cleared: true, at: view.now })
    })
}

/// The replica that had come furthest when the primary was last seen, if it was close enough.
fn best_replica(view: &View<'_>, shard: u16, last: &LastRole) -> Option<NodeId> {
    let linked = last.replicas.iter().filter(|replica| replica.online && replica.lag_bytes <= FAILOVER_LAG_MAX);
    let members = linked.filter_map(|replica| {
        let (node, _) = view.shard(shard).find(|(_, member)| member.client == replica.at)?;
        Some((replica.lag_bytes, node))
    });
    members.min().map(|(_, node)| node)
}

/// Whether another member of the shard may have the data. Unknown is not absent: only a node that is seen without data has none.
fn copy_elsewhere(view: &View<'_>, shard: u16, dead: NodeId) -> bool {
    view.shard(shard).filter(|(node, _)| *node != dead).any(|(node, _)| match view.observation.nodes.get(&node) {
        Some(Seen::Known(seen)) => match &seen.server {
            // Its data died with it, unless they are on disk.
            ServerState::Down { .. } | ServerState::Stopped => seen.last.as_ref().is_none_or(|last| last.persistent),
            // It was started without data and has received none: its offset is 0, or 1 as Redis counts.
            ServerState::Running(server) if server.bus.is_some() && !server.persistent => server.offset > 1,
            ServerState::Running(_) | ServerState::Starting { .. } | ServerState::Hung { .. } => true,
        },
        Some(Seen::Unknown { .. }) | None => true,
    })
}
