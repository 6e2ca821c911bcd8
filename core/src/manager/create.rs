//! Making a cluster, from nothing or from what an earlier try left.

use justmanage_model::node::AgentInfo;
use justmanage_model::record::Announced;
use justmanage_model::{
    Artefact, Claim, ClusterId, ClusterName, ClusterSpec, Epoch, Failure, Pin, Program, Record, Release, Shape,
};
use justmanage_platforms::{ClaimQuery, Machine};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::look::Looked;
use super::machines::{entropy, new_node};
use super::update::{Wanted, changed_meanwhile};
use super::{Manager, Unfinished, from_platform};
use crate::classify::{Existing, classify};
use crate::{ClusterView, Locator};

/// How often what exists is looked at anew before a create gives up: once after waking agents, once after removing what earlier
/// tries left, once more for each of that which this brought to light, and once for somebody who is at it at the same time.
const LOOKS: usize = 6;

/// What a create builds on.
enum Ground {
    /// Nothing that counts: these machines, perhaps none, which no group was founded of.
    Machines(ClusterId, Vec<Looked>),
    /// A group with a Record, which is to become as wanted.
    Group(ClusterId),
}

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
        let key = self.key_for_new().map_err(Unfinished::nothing)?;
        // Before any machine: a version that cannot be had leaves nothing behind.
        let program = self.artefacts.obtain(self.platform.as_ref(), spec, None).await.map_err(Unfinished::nothing)?;
        match self.ground(name, spec, key.pin()).await.map_err(Unfinished::nothing)? {
            Ground::Group(cluster) => {
                let locator = self.locate(name, cluster).await;
                self.bring(&locator, Wanted { spec, from: None, presented: false }, cancel).await
            }
            Ground::Machines(cluster, there) => {
                let claims = claims(name, cluster, spec, &there).map_err(Unfinished::nothing)?;
                let made = self.ensure(claims, &program.1, spec.into(), key.pin(), cancel).await;
                // Only now it is known where they are.
                let locator = self.locate(name, cluster).await;
                let unfinished = |failure| Unfinished { failure, view: Some(ClusterView::unseen(locator.clone())) };
                let agents = made.map_err(unfinished)?;
                self.alone(&locator).await?;
                let mut first = first_record(name, cluster, spec, key.pin(), program, &agents).map_err(unfinished)?;
                let mut names = self.names(name, cluster).await.map_err(unfinished)?;
                names.retain(|node, _| first.belongs(*node));
                first.announced = (!names.is_empty()).then_some(Announced { names, used: true });
                first.stand(&self.zones(name, cluster).await.map_err(unfinished)?);
                first.raise_layout();
                let wanted = first.spec.clone();
                let record = self.found(first, &agents).await.map_err(unfinished)?;
                if record.spec != wanted {
                    // It is theirs; in this run's state, it would be replaced by the next apply.
                    return Err(Unfinished::nothing(changed_meanwhile()));
                }
                self.converge(&locator, record.generation, agents, cancel).await
            }
        }
    }

    /// Decides what happens with what exists, and does away with what must go.
    async fn ground(&self, name: &ClusterName, spec: &ClusterSpec, operator: Pin) -> Result<Ground, Failure> {
        let query = ClaimQuery { name: name.clone(), cluster: None };
        for _ in 0..LOOKS {
            let looked = self.look(&query).await?;
            let found: Vec<_> = looked.iter().map(Looked::found).collect();
            match classify(name.as_str(), spec, operator, &found) {
                Existing::Nothing => return Ok(Ground::Machines(ClusterId::from_entropy(entropy()?), Vec::new())),
                Existing::Resume(cluster) => {
                    info!(%cluster, "going on with the machines that an earlier apply left");
                    return Ok(Ground::Machines(cluster, looked));
                }
                Existing::GoOn(cluster) | Existing::Adopt(cluster) => {
                    info!(%cluster, "going on with the cluster that an earlier apply left");
                    return Ok(Ground::Group(cluster));
                }
                Existing::Wake(nodes) => {
                    let machines = looked.into_iter().map(|one| one.machine);
                    let asleep: Vec<Machine> = machines.filter(|m| nodes.contains(&m.claim.node)).collect();
                    self.wake(asleep, operator).await.into_iter().collect::<Result<Vec<_>, _>>()?;
                }
                Existing::Remove(machines) => {
                    info!(machines = machines.len(), "removing what an unfinished apply left; it never held data");
                    self.remove(machines).await?;
                }
                Existing::Refuse(failure) => return Err(*failure),
            }
        }
        Err(somebody_else(name).next("Nothing was made. Apply again when the other run has ended."))
    }

    /// Makes sure that nobody else made machines of the same name at the same time. Both look after they have made theirs, so at
    /// least one sees the other, and whoever does gives way.
    async fn alone(&self, locator: &Locator) -> Result<(), Unfinished> {
        let query = ClaimQuery { name: locator.name.clone(), cluster: None };
        let stay = |failure| Unfinished { failure, view: Some(ClusterView::unseen(locator.clone())) };
        let machines = self.platform.find(&query).await.map_err(|error| stay(from_platform(&error)))?;
        let (ours, others): (Vec<_>, Vec<_>) =
            machines.into_iter().partition(|machine| Some(machine.claim.cluster) == locator.cluster);
        if others.is_empty() {
            return Ok(());
        }
        self.remove(ours.into_iter().map(|machine| machine.reference).collect()).await.map_err(stay)?;
        Err(Unfinished::nothing(
            somebody_else(&locator.name)
                .next("What this run had made was removed. Apply again when the other has ended."),
        ))
    }
}

fn somebody_else(name: &ClusterName) -> Failure {
    let detail = format!("What exists of \"{name}\" changed each time it was looked at.");
    Failure::new("Cluster is being changed by somebody else", detail)
}

/// The claims of all nodes, those with a seat first: those that exist, and new ones for the seats that have none, and for spares.
fn claims(name: &ClusterName, cluster: ClusterId, spec: &ClusterSpec, there: &[Looked]) -> Result<Vec<Claim>, Failure> {
    let mut existing: Vec<&Claim> =
        there.iter().map(|one| &one.machine.claim).filter(|claim| claim.cluster == cluster).collect();
    let spares = std::iter::repeat_n(None, spec.spares.into());
    Shape::of(spec)
        .seats()
        .map(Some)
        .chain(spares)
        .map(|seat| {
            let found = existing.iter().position(|claim| claim.seat == seat).map(|at| existing.swap_remove(at).node);
            let node = found.map_or_else(new_node, Ok)?;
            Ok(Claim { cluster, name: name.clone(), node, seat })
        })
        .collect()
}

/// The Record that a cluster begins with.
fn first_record(
    name: &ClusterName,
    cluster: ClusterId,
    spec: &ClusterSpec,
    operator: Pin,
    (release, artefact): (Release, Artefact),
    agents: &[AgentInfo],
) -> Result<Record, Failure> {
    Ok(Record {
        spares: agents.iter().filter(|one| one.claim.seat.is_none()).map(|one| (one.claim.node, one.spare())).collect(),
        operators: spec.operator_keys.iter().copied().chain([operator]).collect(),
        members: agents.iter().filter_map(|one| Some((one.claim.node, one.member(one.claim.seat?)))).collect(),
        ..Record::first(
            Epoch::from_entropy(entropy()?),
            cluster,
            name.clone(),
            spec.clone(),
            Program { release, artefact },
        )
    })
}
