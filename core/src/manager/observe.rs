//! Inspecting a cluster.

use justmanage_model::{Failure, Phase};
use tracing::debug;

use super::Manager;
use super::look::{Answer, Looked};
use crate::agents::AgentError;
use crate::{ClusterView, Locator};

/// What a look at a cluster gave.
#[derive(Clone, Debug)]
pub enum Observed {
    /// It does not exist, and the platform says so with authority.
    Gone,
    /// It exists.
    Here(Box<ClusterView>),
    /// It exists, and nobody can say how it is.
    Unreachable(Failure),
}

impl Manager {
    /// How a cluster is. Whoever looks presents its id: a cluster that was not presented before becomes a claimed one.
    ///
    /// # Errors
    /// The platform could not be asked, or the agents do not obey this operator.
    pub async fn observe(&self, locator: &Locator) -> Result<Observed, Failure> {
        let looked = self.look(&locator.query()).await?;
        let Some(first) = looked.first() else { return Ok(Observed::Gone) };
        let mut id = locator.clone();
        id.cluster = Some(first.machine.claim.cluster);
        if let Some((info, status)) = looked.iter().find_map(|l| match &l.answer {
            Answer::Status(info, status) => Some((info, status)),
            _ => None,
        }) {
            if status.record.as_ref().is_some_and(|r| r.unclaimed && r.phase == Phase::Formed) {
                debug!(%id, "presented for the first time");
                self.change(info, |record| record.unclaimed = false).await?;
            }
            return Ok(Observed::Here(Box::new(ClusterView::of(id, status))));
        }
        if looked.iter().all(|l| matches!(l.answer, Answer::Stopped)) {
            return Ok(Observed::Here(Box::new(stopped(id, looked.len()))));
        }
        match looked.iter().find_map(failure) {
            Some((AgentError::Denied, one)) => Err(AgentError::Denied.failure_of(&one.machine.claim.node)),
            Some((error, one)) => Ok(Observed::Unreachable(error.failure_of(&one.machine.claim.node))),
            None => Ok(Observed::Here(Box::new(ClusterView::unseen(id)))),
        }
    }
}

fn failure(looked: &Looked) -> Option<(&AgentError, &Looked)> {
    match &looked.answer {
        Answer::Failed(error) => Some((error, looked)),
        _ => None,
    }
}

/// All its machines are there and none of its agents runs: this machine was restarted.
fn stopped(id: Locator, nodes: usize) -> ClusterView {
    ClusterView {
        waiting_on: vec![format!("the agents of {nodes} node(s) do not run; an apply starts them again")],
        ..ClusterView::unseen(id)
    }
}
