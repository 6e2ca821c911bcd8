//! Bringing back what has died. Never needs a grant: nothing that still works is disturbed.

use justmanage_model::{NodeId, NodeStep, Phase, ServerState, SlotSet, Step, Timestamp, Waiting};

use crate::Verdict;
use crate::view::{View, by};

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

/// Starts servers that ended, waits for those on their way, and calls for a person where neither helps.
pub(crate) fn heal(view: &View<'_>) -> Verdict {
    if view.is(Phase::Leaving) {
        return Verdict::Pass;
    }
    let mut steps = Vec::new();
    let mut reasons = Vec::new();
    for (node, seen) in view.known() {
        match (&seen.server, view.record.phase) {
            (ServerState::Down { retry_at, .. }, _) if *retry_at <= view.now => steps.push(start(node)),
            (ServerState::Down { since, failures, retry_at, why }, _) => {
                reasons.push(down(view, node, (*since, *retry_at), *failures, why));
            }
            // Before it is formed, a stopped server is one that was never started.
            (ServerState::Stopped, Phase::Formed) => steps.push(start(node)),
            (ServerState::Starting { since }, _) => reasons.push(starting(view, node, *since)),
            (ServerState::Running(server), _) if server.loading => {
                reasons.push(Waiting::ServerStarting { node, since: view.now });
            }
            (ServerState::Hung { since }, _) => reasons.push(hung(view, node, *since)),
            (ServerState::Stopped | ServerState::Running(_), _) => {}
        }
    }
    match Verdict::of(steps, reasons) {
        Verdict::Pass if view.is(Phase::Formed) => whole(view),
        other => other,
    }
}

const fn start(node: NodeId) -> Step {
    by(node, NodeStep::StartServer)
}

/// Whether a formed cluster still serves all of its slots.
///
/// A server that comes back without its slots has lost its data directory. Giving it the slots again would make a working,
/// empty cluster of it, and nobody would be told; so a person decides.
fn whole(view: &View<'_>) -> Verdict {
    let missing = SlotSet::all().difference(&view.served());
    if !missing.is_empty() && view.unseen().is_empty() {
        let what = format!(
            "Slots {missing} belong to no node, though the cluster was formed: a node has lost its data directory."
        );
        let hint = "Put the directory back and restart the node's agent; or, if the data may be lost, destroy the cluster and \
                    apply again.";
        return Verdict::Wait(vec![view.stuck(view.now, what, hint)]);
    }
    let not_ok = view.serving().filter(|(_, server)| !server.cluster_ok);
    Verdict::of(Vec::new(), not_ok.map(|(node, _)| Waiting::ClusterNotOk { node }).collect())
}

fn down(view: &View<'_>, node: NodeId, (since, retry_at): (Timestamp, Timestamp), failures: u32, why: &str) -> Waiting {
    if failures < START_FAILURES_STUCK {
        return Waiting::RestartBackoff { node, retry_at, why: why.to_owned() };
    }
    let what = format!("The server of node {node} has ended {failures} times in a row: {why}");
    view.stuck(since, what, "Read the server's log in the node's directory; it is started again from time to time.")
}

fn starting(view: &View<'_>, node: NodeId, since: Timestamp) -> Waiting {
    if view.now.duration_since(since) < START_PATIENCE {
        return Waiting::ServerStarting { node, since };
    }
    let what = format!("The server of node {node} runs and has not answered since its start.");
    view.stuck(since, what, "Read the server's log in the node's directory.")
}

fn hung(view: &View<'_>, node: NodeId, since: Timestamp) -> Waiting {
    if view.now.duration_since(since) < HANG_PATIENCE {
        return Waiting::ServerHung { node, since };
    }
    let what = format!("The server of node {node} runs and does not answer.");
    let hint = "Look at the machine's disk and memory, and whether the process is stopped. To give up what it has not written \
                yet, kill its process: it is then started again by itself.";
    view.stuck(since, what, hint)
}
