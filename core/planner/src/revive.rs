//! What becomes of a server whose process is proven dead: it is started again, or a replica takes over first.

use justmanage_model::{
    LastRole, NodeId, NodeObservation, OnCrash, Phase, ReplicaLink, Role, Seen, ServerState, SlotSet, Takeover,
    Timestamp,
};

use crate::view::{Serving, View};

/// How far behind a replica may have been at the last look, in bytes of the replication stream, to take over from a primary
/// that may still have everything on its disk. A mebibyte is some milliseconds of a busy primary's writes, and less than what a
/// lost second of an append-only file holds; a replica further behind is in trouble of its own.
pub const FAILOVER_LAG_MAX: u64 = 1 << 20;

/// How long before its primary's death a replica may have reported last, to take over from it. Replicas report once a second, and
/// nodes are looked at every two; two more are for a machine that is busy. What a replica lacks that was cut off silently within
/// this time is lost, though the dead primary may have it on its disk.
pub const LAST_REPORT_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

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
    // Whoever is followed is the primary, or was when it died: its own agent may not have looked at it since it was elected, and another one's
    // word that it is the primary is of before that.
    let followed = || view.shard(shard).any(|(other, _)| follows(view, other, node));
    let other = view.primary_of(shard).filter(|primary| primary.node != node && !followed());
    let Some(last) = seen.last.as_ref() else {
        // A newcomer, or a replica whose data died with it: whoever is the primary gives it everything. If nobody is seen to be
        // that, it may have become it itself since it was looked at last.
        return match other.is_some() || is_of_no_slots(view, node) {
            true => Revival::Start,
            false => without_its_data(view, shard, node, since),
        };
    };
    // It was a replica; but where its data died with it, and nobody is seen to be the primary, it may have become that since.
    if !last.primary && (last.persistent || other.is_some()) {
        return Revival::Start;
    }
    // Somebody else is the primary now: it comes back as a replica, for slots go to the higher epoch. One of a lower epoch is an
    // older primary that has not heard yet that it is one no more.
    if other.is_some_and(|primary| primary.bus.config_epoch > last.config_epoch) {
        return Revival::Start;
    }
    if let Some(takeover) = view.record.takeovers.get(&shard).filter(|takeover| takeover.by != node) {
        return Revival::HoldBack(format!("node {} has its shard, or takes it over.", takeover.by));
    }
    if let Some(later) = later(view, shard, node, last) {
        return Revival::HoldBack(format!("node {later} has what was written after it."));
    }
    let asked = seen.asked.as_ref().filter(|asked| asked.at >= since);
    if asked.is_some_and(|asked| asked.answer.is_ok()) {
        return Revival::Start;
    }
    // What has just moved here is on its disk, and may be nowhere else yet.
    let moving = view.record.reshard_of(node).is_some();
    let wanted = view.record.spec.on_crash == OnCrash::Failover && !moving || !last.persistent;
    if wanted
        && asked.is_none()
        && let Some(replica) = best_replica(view, shard, (node, since), last)
    {
        return if view.record.least_shape().shards >= 3 {
            Revival::Ask(replica)
        } else {
            let takeover = Takeover { by: replica, from: node, cleared: true, done: false, at: view.now };
            Revival::TakeOver(shard, takeover)
        };
    }
    if last.persistent {
        return Revival::Start;
    }
    without_its_data(view, shard, node, since)
}

/// Whether a member's server copies the one of another node, by its own word.
fn follows(view: &View<'_>, node: NodeId, whom: NodeId) -> bool {
    view.serving_at(node).is_some_and(|one| view.primary_known_to(one) == Some(whom))
}

/// A newcomer that has not found its place yet, of a shard that has no slots: others serve all. It is given some when it has, so it never had
/// any; and had it been elected, which takes longer than to look at those who serve, its shard's would be missing there.
fn is_of_no_slots(view: &View<'_>, node: NodeId) -> bool {
    let newcomer = view.record.members.get(&node).is_some_and(|member| member.bus_id.is_none());
    newcomer && view.served() == SlotSet::all()
}

/// A dead primary whose data died with it. Whoever has a copy takes over, however far behind: there is nothing better. Where
/// the servers elect somebody themselves, they are given the time for it.
fn without_its_data(view: &View<'_>, shard: u16, node: NodeId, since: Timestamp) -> Revival {
    let hold = Revival::HoldBack("its data were not on disk, and a copy of them may be elsewhere.".to_owned());
    if !copy_elsewhere(view, shard, node) {
        // A server that runs may have got its first copy since its agent looked at it, a moment before this one died.
        let runs = |other: NodeId| {
            let server = view.observation.known(other).map(|seen| &seen.server);
            matches!(server, Some(ServerState::Running(_) | ServerState::Starting { .. }))
        };
        // A clock that was set back would hold it for as long as that.
        let lately = view.now >= since
            && view.age(since) < LAST_REPORT_MAX
            && view.shard(shard).any(|(other, _)| other != node && runs(other));
        return if lately { hold } else { Revival::Start };
    }
    let unseen = view.shard(shard).any(|(other, _)| view.why_unseen(other).is_some());
    if unseen || view.record.least_shape().shards >= 3 && view.age(since) < ELECTION_PATIENCE {
        return hold;
    }
    let copies = |one: &Serving<'_>| one.has_copy() && view.primary_known_to(*one) == Some(node);
    let best = view.serving().filter(copies).max_by_key(|one| (one.server.offset, one.node));
    match best {
        Some(best) => {
            Revival::TakeOver(shard, Takeover { by: best.node, from: node, cleared: true, done: false, at: view.now })
        }
        // Nobody copies it any more, and others serve all: its shard has no slots, whoever of it was elected in its place.
        None if view.served() == SlotSet::all() => Revival::Start,
        None => hold,
    }
}

/// A member that was the primary later than this one, and is dead, too; or that followed such a one, which may be no member any
/// more: it has what was written last.
fn later(view: &View<'_>, shard: u16, dead: NodeId, last: &LastRole) -> Option<NodeId> {
    let members = view.shard(shard).filter_map(|(node, _)| Some((node, view.observation.known(node)?.last.as_ref()?)));
    let copied = |node: NodeId, other: &LastRole| match view.serving_at(node) {
        Some(one) => view.primary_known_to(one) != Some(dead),
        None => other.persistent,
    };
    let mut later = members.filter(|(_, other)| other.config_epoch > last.config_epoch);
    later.find(|(node, other)| other.primary || copied(*node, other)).map(|(node, _)| node)
}

/// The replica that had come furthest when the primary was last seen, if it was close enough.
fn best_replica(view: &View<'_>, shard: u16, (dead, died): (NodeId, Timestamp), last: &LastRole) -> Option<NodeId> {
    let looked = died.duration_since(last.at);
    let reported = |lag_s: u64| looked.checked_add(jiff::SignedDuration::from_secs(lag_s.try_into().ok()?));
    let recently = |lag_s: u64| !looked.is_negative() && reported(lag_s).is_some_and(|age| age <= LAST_REPORT_MAX);
    let close = |replica: &&ReplicaLink| replica.lag_bytes <= FAILOVER_LAG_MAX && recently(replica.lag_s);
    let linked = last.replicas.iter().filter(|replica| replica.online).filter(close);
    let members = linked.filter_map(|replica| {
        let (node, _) = view.shard(shard).find(|(_, member)| member.client == replica.at)?;
        may_still(view, dead, node).then_some((replica.lag_bytes, node))
    });
    members.min().map(|(_, node)| node)
}

/// Whether a replica is what it was at the last look, as far as it can be seen.
fn may_still(view: &View<'_>, dead: NodeId, node: NodeId) -> bool {
    view.observation.known(node).is_none()
        || view.serving_at(node).is_some_and(|one| one.has_copy() && view.primary_known_to(one) == Some(dead))
}

/// Whether another member of the shard may have the data. Unknown is not absent: only a node that is seen without data has none.
pub(crate) fn copy_elsewhere(view: &View<'_>, shard: u16, dead: NodeId) -> bool {
    // What was receiving its first copy at the last look may have it by now.
    let receives = |node: NodeId| {
        let from = |one: Serving<'_>| view.primary_known_to(one) == Some(dead);
        let link = |one: Serving<'_>| matches!(&one.bus.role, Role::Replica { link, .. } if link.up || link.syncing);
        view.serving_at(node).is_some_and(|one| from(one) && link(one))
    };
    view.shard(shard).filter(|(node, _)| *node != dead).any(|(node, _)| match view.observation.nodes.get(&node) {
        Some(Seen::Known(seen)) if seen.last.is_none() => receives(node),
        Some(Seen::Known(seen)) => match &seen.server {
            // Its data died with it, unless they are on disk.
            ServerState::Down { .. } | ServerState::Stopped => seen.last.as_ref().is_some_and(|last| last.persistent),
            ServerState::Running(_) | ServerState::Starting { .. } | ServerState::Hung { .. } => true,
        },
        Some(Seen::Unknown { .. }) | None => true,
    })
}
