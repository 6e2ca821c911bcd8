//! Inspecting a cluster.

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, NodeId, Phase};
use justmanage_platforms::{Machine, PlatformError, Visible};
use tracing::debug;

use super::ask::{LOOK_PATIENCE, Said, no_answer, no_majority};
use super::look::Answer;
use super::{Manager, from_platform};
use crate::agents::{AgentError, ClusterStatus, Note};
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
    /// All clusters that have machines here, by name; what is half made or half gone is among them.
    ///
    /// # Errors
    /// The platform could not be asked.
    pub async fn list(&self) -> Result<Vec<Locator>, Failure> {
        let names = self.platform.clusters().await.map_err(|error| from_platform(&error))?;
        Ok(names.into_iter().map(|name| self.somewhere(name)).collect())
    }

    /// How a cluster is, as its majority sees it. Whoever looks presents its id: a cluster that was not presented before becomes
    /// a claimed one.
    ///
    /// # Errors
    /// The platform could not be asked, or the agents do not obey this operator.
    pub async fn observe(&self, locator: &Locator) -> Result<Observed, Failure> {
        let (Visible { machines, silent, amiss }, agents) = match self.machines_seen(locator).await? {
            Ok(seen) => seen,
            // Perhaps all are elsewhere by now, and whoever applies says where.
            Err(error @ PlatformError::Unreachable { .. }) => return Ok(Observed::Unreachable(from_platform(&error))),
            Err(error) => return Err(from_platform(&error)),
        };
        let Some(first) = machines.first() else {
            return Ok(if silent.is_empty() { Observed::Gone } else { Observed::Unreachable(silence_of(&silent)) });
        };
        let mut id = locator.clone();
        id.cluster = Some(first.claim.cluster);
        if agents.is_empty() {
            let view = ClusterView { silent, ..stopped(id, machines.len()) };
            return Ok(Observed::Here(Box::new(view.with_amiss(&amiss))));
        }
        let here =
            |view: ClusterView| Ok(Observed::Here(Box::new(view.with_machines(&machines, &silent).with_amiss(&amiss))));
        match self.ask(&agents, LOOK_PATIENCE.min(self.patience)).await {
            Some(Ok(said)) if said.status.leader.is_some() => {
                self.present(&agents, &said).await;
                let untold = self.untold_spares(&said.status, &machines).await;
                here(ClusterView::of(id, &said.status).with_untold(&untold))
            }
            // Never founded: nobody will ever lead it.
            Some(Ok(said)) if said.status.record.is_none() => here(ClusterView::of(id, &said.status)),
            // Nobody leads. If machines are gone or agents stopped, an apply has something to mend; otherwise nothing is known.
            Some(Ok(said)) => {
                let view = ClusterView::of(id, &said.status).with_machines(&machines, &silent).with_amiss(&amiss);
                if !amiss.is_empty() || lacks(&view, &machines) {
                    return Ok(Observed::Here(Box::new(view)));
                }
                Ok(Observed::Unreachable(no_majority()))
            }
            Some(Err(silence)) if silence.error == AgentError::Denied => Err(silence.failure()),
            // Perhaps that is why nobody is heard.
            Some(Err(_)) | None if !amiss.is_empty() => {
                Ok(Observed::Here(Box::new(ClusterView::unseen(id).with_amiss(&amiss))))
            }
            Some(Err(silence)) => Ok(Observed::Unreachable(silence.failure())),
            None => Ok(Observed::Unreachable(no_answer())),
        }
    }

    /// Spares that nobody sees, and that have not heard that they are any: whoever entered them was killed before he told them. Agents
    /// cannot tell them, and see no more than that they do not answer.
    async fn untold_spares(&self, status: &ClusterStatus, machines: &[Machine]) -> Vec<NodeId> {
        let mut untold = Vec::new();
        let spares = status.record.iter().flat_map(|record| record.spares.keys());
        for node in spares.filter(|node| status.observation.known(**node).is_none()) {
            let Some(machine) = machines.iter().find(|machine| machine.claim.node == *node) else { continue };
            let answer = self.look_at(machine.clone()).await.answer;
            if matches!(&answer, Answer::Reply(reply) if reply.1.record.is_none()) {
                untold.push(*node);
            }
        }
        untold
    }

    /// Notes that somebody has saved the id of a cluster. It is not worth failing for: the next look does it.
    async fn present(&self, agents: &[AgentInfo], said: &Said) {
        if said.status.record.as_ref().is_none_or(|record| !record.unclaimed || record.phase != Phase::Formed) {
            return;
        }
        let note = Note::new("Its id was presented for the first time.");
        if let Err(failure) = self.change(agents, &note, |record| record.unclaimed = false).await {
            debug!(%failure, "could not note that the cluster was presented");
        }
    }
}

/// Whether the platform knows of something that an apply can mend.
fn lacks(view: &ClusterView, machines: &[Machine]) -> bool {
    use justmanage_platforms::MachineState;
    !view.missing.is_empty() || machines.iter().any(|machine| machine.state == MachineState::Stopped)
}

/// None of its machines is seen where anybody answers.
pub(super) fn silence_of(silent: &[String]) -> Failure {
    let detail =
        format!("None of its machines was found, and not everybody was heard who may have some. {}", silent.join(" "));
    Failure::new("Machines not reachable", detail)
}

/// All its machines are there and none of its agents runs: this machine was restarted.
fn stopped(id: Locator, nodes: usize) -> ClusterView {
    ClusterView {
        waiting_on: vec![format!("The agents of {nodes} node(s) do not run; an apply starts them again.")],
        ..ClusterView::unseen(id)
    }
}
