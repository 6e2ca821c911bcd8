//! Taking a cluster down at the user's word.

use justmanage_model::{NodeStep, Phase, ServerState};

use crate::draft::Draft;
use crate::view::View;

/// Stops every server that runs. Machines and data are removed by whoever has the hands for that.
pub(crate) fn leave(view: &View<'_>, draft: &mut Draft) {
    if !view.is(Phase::Leaving) {
        return;
    }
    for (node, seen) in view.known() {
        match seen.server {
            ServerState::Stopped | ServerState::Down { .. } => {}
            ServerState::Starting { .. } | ServerState::Running(_) | ServerState::Hung { .. } => {
                draft.act(node, NodeStep::StopServer);
            }
        }
    }
}
