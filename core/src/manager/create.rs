//! Making a cluster, from nothing or from what an earlier try left.

use std::collections::BTreeMap;

use justmanage_model::node::AgentInfo;
use justmanage_model::record::LAYOUT;
use justmanage_model::{
    Artefact, Claim, ClusterId, ClusterName, ClusterSpec, Epoch, Failure, Generation, Member, NodeId, Phase, Pin,
    Record, Release, Seat,
};
use justmanage_platforms::{ClaimQuery, MachineOrder, MachineState};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::look::Looked;
use super::{Manager, Unfinished, from_platform};
use crate::agents::Proposal;
use crate::classify::{Existing, classify};
use crate::locator::PlatformKind;
use crate::{ClusterView, Locator};

/// How often what exists is looked at anew before a create gives up: once after waking agents, once after removing what an
/// earlier try left, and once more for somebody who is at it at the same time.
const LOOKS: usize = 4;

impl Manager {
    /// Makes a cluster, or finishes one that an earlier create of the same operator left unfinished.
    ///
    /// # Errors
    /// [`Unfinished`], with what exists by then.
    pub async fn create(
        &self,
        name: &ClusterName,
        spec: &ClusterSpec,
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        let key = self.operator.ensure().map_err(Unfinished::nothing)?;
        // Before any machine: a version that cannot be had leaves nothing behind.
        let (release, artefact) = self
            .artefacts
            .obtain(self.platform.as_ref(), spec.engine, spec.version)
            .await
            .map_err(Unfinished::nothing)?;
        let (cluster, existing) = self.settle(name, spec, key.pin()).await?;
        let locator = Locator { platform: PlatformKind::Local, name: name.clone(), cluster: Some(cluster) };
        let unfinished = |failure| Unfinished { failure, view: Some(ClusterView::unseen(locator.clone())) };

        let agents = self.machines(name, &cluster, spec, key.pin(), &existing, cancel).await.map_err(unfinished)?;
        let founded = self.found(name, &cluster, spec, key.pin(), (release, artefact), &agents);
        let record = founded.await.map_err(unfinished)?;
        self.converge(&locator, record.generation, &agents, cancel).await
    }

    /// Decides what happens with what exists, and does away with what must go.
    async fn settle(
        &self,
        name: &ClusterName,
        spec: &ClusterSpec,
        operator: Pin,
    ) -> Result<(ClusterId, Vec<Looked>), Unfinished> {
        let query = ClaimQuery { name: name.clone(), cluster: None };
        for _ in 0..LOOKS {
            let looked = self.look(&query).await.map_err(Unfinished::nothing)?;
            let found: Vec<_> = looked.iter().map(Looked::found).collect();
            match classify(name.as_str(), spec, operator, &found) {
                Existing::Nothing => {
                    return Ok((ClusterId::from_entropy(entropy().map_err(Unfinished::nothing)?), looked));
                }
                Existing::Resume(cluster) | Existing::Adopt(cluster) => {
                    info!(%cluster, "going on with what an earlier apply left");
                    return Ok((cluster, looked));
                }
                Existing::Wake(nodes) => {
                    for one in looked.iter().filter(|l| nodes.contains(&l.machine.claim.node)) {
                        self.wake(&one.machine, operator).await.map_err(Unfinished::nothing)?;
                    }
                }
                Existing::Replace(machines) => {
                    info!(machines = machines.len(), "removing what an unfinished apply left; it never held data");
                    for machine in &machines {
                        self.platform
                            .remove(machine)
                            .await
                            .map_err(|error| Unfinished::nothing(from_platform(&error)))?;
                    }
                }
                Existing::Refuse(failure) => return Err(Unfinished::nothing(*failure)),
            }
        }
        Err(Unfinished::nothing(
            Failure::new(
                "Cluster is being changed by somebody else",
                format!("What exists of \"{name}\" changed each time it was looked at."),
            )
            .next("Nothing was made. Apply again when the other run has ended."),
        ))
    }

    /// One machine for each seat, those that exist included.
    async fn machines(
        &self,
        name: &ClusterName,
        cluster: &ClusterId,
        spec: &ClusterSpec,
        operator: Pin,
        existing: &[Looked],
        cancel: &CancellationToken,
    ) -> Result<Vec<AgentInfo>, Failure> {
        let mut agents = Vec::new();
        for seat in seats(spec) {
            let node = match existing.iter().map(|l| &l.machine.claim).find(|c| c.cluster == *cluster && c.seat == seat)
            {
                Some(claim) => claim.node,
                None => NodeId::from_entropy(entropy()?),
            };
            let claim = Claim { cluster: *cluster, name: name.clone(), node, seat };
            let order = MachineOrder { claim, operators: [operator].into() };
            if cancel.is_cancelled() {
                return Err(super::converge::cancelled());
            }
            let machine = self.platform.ensure(&order).await.map_err(|error| from_platform(&error))?;
            match machine.state {
                MachineState::Running(info) => agents.push(*info),
                MachineState::Stopped => {
                    return Err(Failure::new(
                        "Machine not running",
                        format!("{} was made but does not run.", order.claim.node),
                    ));
                }
            }
        }
        Ok(agents)
    }

    /// Founds the Record with the agents, unless they have one.
    async fn found(
        &self,
        name: &ClusterName,
        cluster: &ClusterId,
        spec: &ClusterSpec,
        operator: Pin,
        (release, artefact): (Release, Artefact),
        agents: &[AgentInfo],
    ) -> Result<Record, Failure> {
        let first =
            agents.first().ok_or_else(|| Failure::new("Cluster without nodes", "The spec asks for no node."))?;
        let record = Record {
            layout: LAYOUT,
            epoch: Epoch::from_entropy(entropy()?),
            generation: Generation::FIRST,
            cluster: *cluster,
            name: name.clone(),
            phase: Phase::Forming,
            unclaimed: true,
            spec: spec.clone(),
            release,
            artefact,
            operators: [operator].into(),
            members: agents.iter().map(|agent| (agent.claim.node, member(agent))).collect(),
            users: BTreeMap::new(),
            ca_certificate: None,
            grant: None,
        };
        match self.agents.found(first, &record).await {
            Ok(Proposal::Applied(record) | Proposal::Conflict(Some(record))) => Ok(record),
            Ok(Proposal::Conflict(None)) => {
                Err(Failure::new("Agent refused the cluster", "It has no Record and took none.").next("Apply again."))
            }
            Err(error) => Err(error.failure(first)),
        }
    }
}

/// Every place in the shape that the spec asks for.
fn seats(spec: &ClusterSpec) -> impl Iterator<Item = Seat> {
    let nodes = spec.replicas_per_shard + 1;
    (0..spec.shards).flat_map(move |shard| (0..nodes).map(move |ordinal| Seat { shard, ordinal }))
}

fn member(agent: &AgentInfo) -> Member {
    Member {
        seat: agent.claim.seat,
        pin: agent.pin,
        agent: agent.agent,
        client: agent.client,
        bus_port: agent.bus_port,
    }
}

/// Random bytes from the operating system.
fn entropy<const N: usize>() -> Result<[u8; N], Failure> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::new("No randomness", "The operating system gave no random numbers."))?;
    Ok(bytes)
}
