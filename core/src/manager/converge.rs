//! Watching until everything is as it is wanted.

use std::time::Instant;

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, Generation, ServerState};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Manager, Unfinished};
use crate::agents::AgentStatus;
use crate::view::{needs_somebody, sentence};
use crate::{ClusterView, Locator};

impl Manager {
    /// Waits until the agents have made the Record of `generation`, or a later one, so.
    ///
    /// # Errors
    /// [`Unfinished`] with the cluster as it is: no progress for [`super::PATIENCE`], cancelled, or an agent that fell silent.
    pub(super) async fn converge(
        &self,
        locator: &Locator,
        generation: Generation,
        agents: &[AgentInfo],
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        let mut view = ClusterView::unseen(locator.clone());
        for agent in agents {
            let mut last: Option<AgentStatus> = None;
            let mut progressed = Instant::now();
            loop {
                let next = tokio::select! {
                    status = self.agents.next(agent, last.as_ref(), self.patience) => status,
                    () = cancel.cancelled() => return Err(Unfinished { failure: cancelled(), view: Some(view) }),
                };
                let status = match next {
                    Ok(status) => status,
                    Err(error) => return Err(Unfinished { failure: error.failure(agent), view: Some(view) }),
                };
                view = ClusterView::of(locator.clone(), &status);
                if status.converged && status.record.as_ref().is_some_and(|record| record.generation >= generation) {
                    break;
                }
                if last.as_ref().is_none_or(|last| progress(last, &status)) {
                    progressed = Instant::now();
                    info!(node = %agent.claim.node, waiting_on = view.waiting_on.join("; "), "not converged yet");
                } else if progressed.elapsed() >= self.patience {
                    return Err(Unfinished { failure: no_progress(&view), view: Some(view) });
                }
                last = Some(status);
            }
        }
        info!(id = %locator, "converged");
        Ok(view)
    }
}

/// Whether something moved from one status to the next; figures that always move, such as memory in use, do not count,
/// except while a server loads its data: then they are the progress.
fn progress(before: &AgentStatus, after: &AgentStatus) -> bool {
    let generation = |status: &AgentStatus| status.record.as_ref().map(|record| record.generation);
    if generation(before) != generation(after) || before.waiting != after.waiting {
        return true;
    }
    match (&before.node.server, &after.node.server) {
        (ServerState::Running(a), ServerState::Running(b)) => b.loading && a.used_memory != b.used_memory,
        (a, b) => std::mem::discriminant(a) != std::mem::discriminant(b),
    }
}

pub(super) fn cancelled() -> Failure {
    Failure::new("Interrupted", "Terraform asked to stop before the cluster was as it is wanted.")
        .next("The agents go on with what is theirs. Apply again to see it through.")
}

fn no_progress(view: &ClusterView) -> Failure {
    Failure::new("Cluster makes no progress", format!("Waiting on: {}.", view.waiting_on.join("; ")))
        .next("What exists stays as it is. Apply again when the cause is gone.")
}

impl ClusterView {
    /// A cluster whose agents have not answered yet.
    pub(super) fn unseen(id: Locator) -> Self {
        Self {
            id,
            record: None,
            converged: false,
            needs_apply: true,
            waiting_on: vec!["its agents have not answered yet".into()],
            version_actual: None,
        }
    }

    /// A cluster as one agent describes it.
    pub(super) fn of(mut id: Locator, status: &AgentStatus) -> Self {
        if let Some(record) = &status.record {
            id.cluster = Some(record.cluster);
        }
        let version_actual = match &status.node.server {
            ServerState::Running(server) => Some(server.release.version.to_string()),
            _ => None,
        };
        let mut waiting_on: Vec<String> = status.waiting.iter().map(sentence).collect();
        if !status.converged && waiting_on.is_empty() {
            waiting_on.push("the agent is at work".into());
        }
        // A cluster without a Record was never founded, and no agent founds one.
        let needs_apply = status.record.is_none() || status.waiting.iter().any(needs_somebody);
        let (record, converged) = (status.record.clone(), status.converged);
        Self { id, record, converged, needs_apply: needs_apply && !converged, waiting_on, version_actual }
    }
}
