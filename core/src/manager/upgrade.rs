//! Agents that are older than this build's are replaced one at a time, the one that leads last; servers run on.

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, NodeId, Record, Seen, Version};
use justmanage_platforms::{Machine, MachineState};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::converge::{Watch, cancelled};
use super::look::Looked;
use super::update::by_use;
use super::{Manager, from_platform};
use crate::Locator;
use crate::agents::ClusterStatus;

impl Manager {
    /// The version of the agent that comes with this build.
    ///
    /// # Errors
    /// Its program is missing or cannot be run.
    pub async fn agent_version(&self) -> Result<Version, Failure> {
        self.platform.agent_version().await.map_err(|error| from_platform(&error))
    }

    /// Replaces the agents of a cluster that are older than this build's, after the machines that are gone: a cluster that lacks
    /// some has no majority to spare. Answers with all machines as they are then.
    ///
    /// # Errors
    /// What kept one from being replaced; calling again goes on.
    pub(super) async fn renewed(
        &self,
        locator: &Locator,
        known: &Record,
        looked: Vec<Looked>,
        own: Version,
        cancel: &CancellationToken,
    ) -> Result<Vec<Looked>, Failure> {
        let (_, agents) = self.replace_lost(known.clone(), &looked, by_use(&looked), cancel).await?;
        self.upgrade_agents(outdated(&looked, own), agents, own, cancel).await?;
        self.look(&self.query(locator)?).await
    }

    /// Replaces the agents of these machines. Before each, every member has to be seen by one who leads: then the agents have their
    /// majority all the while, as far as so many can have one.
    ///
    /// # Errors
    /// What kept one from being replaced. Agents of both versions work together meanwhile, and calling again goes on.
    async fn upgrade_agents(
        &self,
        mut left: Vec<Machine>,
        mut agents: Vec<AgentInfo>,
        own: Version,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let all = left.len();
        while !left.is_empty() {
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            let status = self.until(&agents, cancel, everybody_is_seen).await.map_err(|failure| stopped(&failure))?;
            // The others first: each election is a moment in which nothing can be changed, and this makes one of them.
            let next = left.iter().position(|machine| Some(machine.claim.node) != status.leader).unwrap_or(0);
            let machine = left.remove(next);
            let node = machine.claim.node;
            info!(%node, to = %own, done = all - left.len(), of = all, "its agent is replaced");
            let upgraded = self.platform.upgrade(&machine).await.map_err(|error| stopped(&from_platform(&error)))?;
            if upgraded.state != MachineState::Stopped {
                let reached = self.reach(&upgraded).await.map_err(|error| stopped(&from_platform(&error)))?;
                agents.retain(|agent| agent.claim.node != node);
                agents.push(reached);
            }
            let back = |status: &ClusterStatus| everybody_is_seen(status) && has(status, node, own);
            self.until(&agents, cancel, back).await.map_err(|failure| stopped(&failure))?;
        }
        Ok(())
    }

    /// Waits until a leader says so.
    async fn until(
        &self,
        agents: &[AgentInfo],
        cancel: &CancellationToken,
        so: impl Fn(&ClusterStatus) -> bool,
    ) -> Result<ClusterStatus, Failure> {
        let mut watch = Watch::new(self, agents.to_vec(), cancel);
        loop {
            let status = watch.next().await?;
            if status.leader.is_some() && so(&status) {
                return Ok(status);
            }
        }
    }
}

/// Machines whose agents answer and are older than this build's, in the order of their seats.
pub(super) fn outdated(looked: &[Looked], own: Version) -> Vec<Machine> {
    let older = |one: &&Looked| one.reply().is_some_and(|(info, _)| version(&info.version).is_some_and(|v| v < own));
    let mut machines: Vec<Machine> = looked.iter().filter(older).map(|one| one.machine.clone()).collect();
    machines.sort_by_key(|machine| (machine.claim.seat.is_none(), machine.claim.seat));
    machines
}

/// The version that an agent says it has; `None` for a build that is nobody's release.
pub(crate) fn version(text: &str) -> Option<Version> {
    text.parse().ok()
}

fn everybody_is_seen(status: &ClusterStatus) -> bool {
    let known = |node: NodeId| matches!(status.observation.nodes.get(&node), Some(Seen::Known(_)));
    status.record.as_ref().is_some_and(|record: &Record| record.agents().all(|(node, _)| known(node)))
}

fn has(status: &ClusterStatus, node: NodeId, own: Version) -> bool {
    let seen = status.observation.known(node).and_then(|seen| version(&seen.agent_version));
    seen.is_some_and(|seen| seen >= own)
}

/// Why agents were not replaced.
fn stopped(failure: &Failure) -> Failure {
    let mut stopped = failure.clone();
    stopped.detail = format!("The agents could not all be replaced by those of this provider. {}", failure.detail);
    stopped.next("Servers and the agents that run go on. Apply again to replace those that are left.")
}
