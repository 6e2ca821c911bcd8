//! Changing a cluster that exists, and bringing it back after its machine was restarted.

use justmanage_model::node::AgentInfo;
use justmanage_model::{ClusterSpec, Failure, FieldPath, Record};
use justmanage_platforms::MachineState;
use tokio_util::sync::CancellationToken;

use super::look::Answer;
use super::{Manager, Unfinished};
use crate::agents::Proposal;
use crate::{ClusterView, Locator};

/// How often a compare-and-set is tried again after somebody else was first.
const TRIES: usize = 8;

impl Manager {
    /// Makes an existing cluster as `spec` says.
    ///
    /// # Errors
    /// [`Unfinished`] with the cluster as it is.
    pub async fn update(
        &self,
        locator: &Locator,
        spec: &ClusterSpec,
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        let unfinished = |failure| Unfinished { failure, view: Some(ClusterView::unseen(locator.clone())) };
        let agents = self.awake(locator).await.map_err(unfinished)?;
        let first = agents.first().ok_or_else(|| Unfinished::nothing(gone(locator)))?;
        let status = self.agents.status(first).await.map_err(|error| unfinished(error.failure(first)))?;
        let view = ClusterView::of(locator.clone(), &status);
        let stay = |failure| Unfinished { failure, view: Some(view.clone()) };
        let Some(before) = &status.record else { return Err(stay(unfounded(locator))) };
        if let Some(refusal) = refuse_change(&before.spec, spec) {
            return Err(stay(refusal));
        }
        let record = self
            .change(first, |record| {
                record.unclaimed = false;
                record.spec = spec.clone();
            })
            .await
            .map_err(stay)?;
        self.converge(locator, record.generation, &agents, cancel).await
    }

    /// The agents of all machines of a cluster; those that do not run are started.
    pub(super) async fn awake(&self, locator: &Locator) -> Result<Vec<AgentInfo>, Failure> {
        let looked = self.look(&locator.query()).await?;
        if looked.is_empty() {
            return Err(gone(locator));
        }
        let operator = self.operator.existing()?.pin();
        let mut agents = Vec::new();
        for one in looked {
            match one.answer {
                Answer::Status(info, _) => agents.push(info),
                Answer::Failed(error) => return Err(error.failure_of(&one.machine.claim.node)),
                Answer::Stopped => match self.wake(&one.machine, operator).await?.state {
                    MachineState::Running(info) => agents.push(*info),
                    MachineState::Stopped => return Err(gone(locator)),
                },
            }
        }
        Ok(agents)
    }

    /// Changes the Record by compare-and-set: reads, changes, proposes; somebody who was first only means looking again.
    /// A change that changes nothing proposes nothing.
    pub(super) async fn change(&self, agent: &AgentInfo, change: impl Fn(&mut Record)) -> Result<Record, Failure> {
        let mut current = self.agents.status(agent).await.map_err(|error| error.failure(agent))?.record;
        for _ in 0..TRIES {
            let Some(before) = current else {
                return Err(Failure::new("Cluster not founded", "Its agent has no Record yet.").next("Apply again."));
            };
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(before);
            }
            after.generation = before.generation.next();
            current = match self.agents.propose(agent, &before, &after).await {
                Ok(Proposal::Applied(record)) => return Ok(record),
                Ok(Proposal::Conflict(record)) => record,
                // Nobody knows whether it was taken. Reading tells: if it was, the next round finds nothing to change.
                Err(error) if error.outcome_unknown() => {
                    self.agents.status(agent).await.map_err(|error| error.failure(agent))?.record
                }
                Err(error) => return Err(error.failure(agent)),
            };
        }
        Err(Failure::new("Cluster is being changed by somebody else", "Somebody else was first each time.")
            .next("Apply again when the other run has ended."))
    }
}

/// Why a running cluster cannot be changed from one spec to another, if it cannot.
pub fn refuse_change(from: &ClusterSpec, to: &ClusterSpec) -> Option<Failure> {
    let field = |name: &str, from: String, to: String| {
        Failure::at(
            FieldPath::of(name),
            "Change not possible in place",
            format!("`{name}` of a running cluster cannot be changed from {from} to {to} in this version."),
        )
        .hint("Put the old value back; or make a second cluster under another name and move over to it.")
        .next("Nothing was changed.")
    };
    if from.engine != to.engine {
        return Some(field("engine", from.engine.to_string(), to.engine.to_string()));
    }
    if from.version != to.version {
        return Some(field("version", from.version.to_string(), to.version.to_string()));
    }
    if from.shards != to.shards {
        return Some(field("shards", from.shards.to_string(), to.shards.to_string()));
    }
    if from.replicas_per_shard != to.replicas_per_shard {
        return Some(field(
            "replicas_per_shard",
            from.replicas_per_shard.to_string(),
            to.replicas_per_shard.to_string(),
        ));
    }
    None
}

pub(super) fn gone(locator: &Locator) -> Failure {
    Failure::new("Cluster not found", format!("There is no cluster {locator} any more."))
        .next("Plan again: Terraform will then propose to make it anew.")
}

fn unfounded(locator: &Locator) -> Failure {
    Failure::new("Cluster not founded", format!("The agents of {locator} run, but the cluster was never founded."))
        .next("Remove it with `terraform destroy` and apply again; it holds no data.")
}
