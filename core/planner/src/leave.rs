//! Taking a cluster down at the user's word.

use justmanage_model::{NodeStep, Phase, ServerState};

use crate::Verdict;
use crate::view::{View, by};

/// Stops every server that runs. Machines and data are removed by whoever has the hands for that.
pub(crate) fn leave(view: &View<'_>) -> Verdict {
    if !view.is(Phase::Leaving) {
        return Verdict::Pass;
    }
    let running = view.known().filter(|(_, seen)| match seen.server {
        ServerState::Stopped | ServerState::Down { .. } => false,
        ServerState::Starting { .. } | ServerState::Running(_) | ServerState::Hung { .. } => true,
    });
    let steps = running.map(|(node, _)| by(node, NodeStep::StopServer)).collect();
    Verdict::of(steps, view.unseen())
}
