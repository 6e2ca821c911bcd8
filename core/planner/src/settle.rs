//! Finishing what a grant allowed, before anything else is begun.

use justmanage_model::record::Operation;
use justmanage_model::{Grant, NodeId, NodeStep, Phase, RecordChange, ServerObservation, ServerState, Step, Waiting};

use crate::Verdict;
use crate::view::{View, by};

/// Carries a granted restart to its end: stop, start, and the grant given back when nothing needs it any more.
///
/// Nothing remembers how far it came. A server that still runs as it did before is to be stopped; one that is stopped, to be
/// started; one that runs as it is wanted is done. A node that is not known keeps its grant: it may be the one that is down.
pub(crate) fn settle(view: &View<'_>) -> Verdict {
    match &view.record.grant {
        Some(grant) if !view.is(Phase::Leaving) => settle_restart(view, grant),
        _ => Verdict::Pass,
    }
}

fn settle_restart(view: &View<'_>, grant: &Grant) -> Verdict {
    match grant.operation {
        Operation::Restart => {}
    }
    let mut steps = Vec::new();
    let mut reasons = Vec::new();
    for node in &grant.nodes {
        match restart_of(view, *node) {
            Next::Step(step) => steps.push(step),
            Next::Wait(reason) => reasons.push(reason),
            Next::Heal => return Verdict::Pass,
            Next::Done => {}
        }
    }
    match Verdict::of(steps, reasons) {
        Verdict::Pass => Verdict::Act(vec![Step::Record(RecordChange::ClearGrant)]),
        other => other,
    }
}

enum Next {
    Step(Step),
    Wait(Waiting),
    /// The server died or hangs: healing needs no grant, and this one stays until it is done.
    Heal,
    Done,
}

fn restart_of(view: &View<'_>, node: NodeId) -> Next {
    let Some(seen) = view.observation.known(node) else {
        let unseen = view
            .unseen()
            .into_iter()
            .find(|reason| matches!(reason, Waiting::NodeUnknown { node: n, .. } if *n == node));
        // A node that is no member any more took its grant with it.
        return unseen.map_or(Next::Done, Next::Wait);
    };
    match &seen.server {
        ServerState::Running(server) if server.loading => Next::Heal,
        ServerState::Running(server) if view.drift(server).restart.is_empty() => Next::Done,
        ServerState::Running(server) if server.started == Some(view.record.generation) => {
            Next::Wait(in_vain(view, node, server))
        }
        ServerState::Running(_) => Next::Step(by(node, NodeStep::StopServer)),
        ServerState::Stopped => Next::Step(by(node, NodeStep::StartServer)),
        ServerState::Starting { .. } | ServerState::Down { .. } | ServerState::Hung { .. } => Next::Heal,
    }
}

/// The server was started from this very Record, and is still not as it is wanted: another restart would end the same way.
fn in_vain(view: &View<'_>, node: NodeId, server: &ServerObservation) -> Waiting {
    let keys: Vec<String> = view.drift(server).restart.into_iter().map(|key| format!("config[{key:?}]")).collect();
    let what = format!("The server of node {node} was restarted and did not take {}.", keys.join(", "));
    view.stuck(view.now, what, "Give another value, or remove the key.")
}
