//! Bringing back what has died. Never needs a grant: nothing that still works is disturbed.

use justmanage_model::{
    NodeId, NodeObservation, NodeStep, Phase, RecordChange, ServerState, SlotSet, Timestamp, Waiting,
};

use crate::draft::Draft;
use crate::revive::{Revival, revive};
use crate::view::View;
use crate::{form, safety, start};

/// How long a hang is waited for before a person is called. A long command, a fork of a large process or a slow disk can
/// silence a server for seconds; a minute is far beyond those.
///
/// Past it the server is *not* killed: it may hold writes that are nowhere else, a stopped process (`SIGSTOP`) goes on where it
/// was, and a stalled disk would stall the next one too. With replicas, the cluster's own election takes over meanwhile.
pub const HANG_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// How long a process may run without answering after its start. Reading its data is not part of that: a server that reads
/// answers, and says so.
pub const START_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// After so many failed starts in a row the cluster is called stuck, so that an apply ends with the reason instead of with a
/// time limit. Starts go on: what is missing (a file, memory, a port) may come back.
pub const START_FAILURES_STUCK: u32 = 5;

/// How long a server is held back before a person is called: three times as long as anybody takes to become the primary of its
/// shard, where anybody can.
pub const HELD_PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Starts servers that ended, lets replicas take over, waits for those on their way, and calls for a person where nothing helps.
pub(crate) fn heal(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    let free: Vec<_> = view.known().filter(|(node, _)| draft.is_free(*node)).collect();
    for (node, seen) in free {
        if let Some(change) = start::put_back(view, node, seen) {
            draft.wait_for(node, Waiting::PuttingBack { node });
            draft.change(change);
            continue;
        }
        if let Some(change) = start::halt(view, node, seen).or_else(|| start::go_over(view, node, seen)) {
            draft.change(change);
        }
        match (&seen.server, view.record.phase) {
            (ServerState::Down { since, failures, retry_at, why }, _) => {
                // A clock that was set back would make the rest as long as that.
                let rests = *retry_at > view.now && view.now >= *since;
                let reason = || down(view, node, (*since, *retry_at), *failures, why);
                ended(view, draft, (node, seen), *since, rests.then(reason));
            }
            // Before it is formed, a stopped server is one that was never started.
            (ServerState::Stopped, Phase::Formed) if is_hollow(view, node, seen) => {
                let since = seen.last.as_ref().map_or(view.now, |last| last.at);
                ended(view, draft, (node, seen), since, None);
            }
            (ServerState::Stopped, Phase::Formed) => {
                if let Some(reason) = form::why_not_start(view, node) {
                    draft.wait_for(node, reason);
                } else {
                    begin(view, draft, node, seen);
                }
            }
            (ServerState::Starting { since }, _) => draft.wait_for(node, starting(view, node, *since)),
            (ServerState::Running(server), _) if server.loading => {
                draft.wait_for(node, Waiting::ServerStarting { node, since: view.now });
            }
            (ServerState::Hung { since }, _) => draft.wait_for(node, hung(view, node, *since)),
            (ServerState::Stopped | ServerState::Running(_), _) => {}
        }
    }
    if view.is(Phase::Formed) {
        whole(view, draft);
    }
}

/// Whether a server was a primary when it was told to end, and nobody knows that it has saved what it had: its machine has moved, and it
/// was killed. It is no better off than one that crashed.
fn is_hollow(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> bool {
    let others = view.record.shard_of(node).is_some_and(|shard| view.has_others(shard));
    others && seen.last.as_ref().is_some_and(|last| last.primary && !last.persistent)
}

/// What becomes of a server that has ended since then, unless it `rests`.
fn ended(
    view: &View<'_>,
    draft: &mut Draft,
    (node, seen): (NodeId, &NodeObservation),
    since: Timestamp,
    rests: Option<Waiting>,
) {
    match (revive(view, node, seen, since), rests) {
        (Revival::Ask(replica), _) => draft.act(node, NodeStep::AskFailover(replica)),
        (Revival::TakeOver(shard, takeover), _) => {
            draft.wait_for(node, Waiting::TakingOver { shard, by: takeover.by });
            draft.change(RecordChange::TakeOver(shard, takeover));
        }
        (Revival::HoldBack(why), _) => draft.wait_for(node, held_back(view, node, since, why)),
        (Revival::Start, Some(reason)) => draft.wait_for(node, reason),
        (Revival::Start, None) => begin(view, draft, node, seen),
    }
}

fn begin(view: &View<'_>, draft: &mut Draft, node: NodeId, seen: &NodeObservation) {
    match start::start(view, node, seen) {
        Ok(step) => draft.act(node, step),
        Err(reason) => draft.wait_for(node, reason),
    }
}

/// Whether a formed cluster serves all of its slots, and all of its nodes agree.
///
/// A server that comes back without its slots has lost its data directory. Giving it the slots again would make a working,
/// empty cluster of it, and nobody would be told; so a person decides.
fn whole(view: &View<'_>, draft: &mut Draft) {
    let missing = SlotSet::all().difference(&view.served()).difference(&view.on_their_way());
    let everybody = view.serving().count() == view.record.members.len();
    let over = view.record.takeovers.values().all(|takeover| takeover.done);
    if !missing.is_empty() && everybody && over {
        let what = format!(
            "Slots {missing} belong to no node, though the cluster was formed: a node has lost its data directory."
        );
        let hint = "Put the directory back and restart the node's agent; or, if the data may be lost, destroy the cluster and \
                    apply again.";
        draft.wait(view.stuck(view.now, what, hint));
    }
    safety::unrest(view).into_iter().for_each(|reason| draft.wait(reason));
}

fn held_back(view: &View<'_>, node: NodeId, since: Timestamp, why: String) -> Waiting {
    if view.age(since) < HELD_PATIENCE {
        return Waiting::HeldBack { node, why };
    }
    let what = format!("The server of node {node} is not started: {why}");
    let hint = "It is started when another one is its shard's primary. To do without what only this node may have, remove it: \
                another takes its place.";
    view.stuck(since, what, hint)
}

fn down(view: &View<'_>, node: NodeId, (since, retry_at): (Timestamp, Timestamp), failures: u32, why: &str) -> Waiting {
    if failures < START_FAILURES_STUCK {
        return Waiting::RestartBackoff { node, retry_at, why: why.to_owned() };
    }
    let what = format!("The server of node {node} has ended {failures} times in a row: {why}");
    view.stuck(since, what, "Read the server's log in the node's directory; it is started again from time to time.")
}

fn starting(view: &View<'_>, node: NodeId, since: Timestamp) -> Waiting {
    if view.age(since) < START_PATIENCE {
        return Waiting::ServerStarting { node, since };
    }
    let what = format!("The server of node {node} runs and has not answered since its start.");
    view.stuck(since, what, "Read the server's log in the node's directory.")
}

fn hung(view: &View<'_>, node: NodeId, since: Timestamp) -> Waiting {
    if view.age(since) < HANG_PATIENCE {
        return Waiting::ServerHung { node, since };
    }
    let what = format!("The server of node {node} runs and does not answer.");
    let hint = "Look at the machine's disk and memory, and whether the process is stopped. To give up what it has not written \
                yet, kill its process: it is then started again by itself.";
    view.stuck(since, what, hint)
}
