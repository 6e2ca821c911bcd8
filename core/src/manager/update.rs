//! Making a cluster that exists as it is wanted: its agents run, its members have machines, its spec is the one asked for.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::node::AgentInfo;
use justmanage_model::spec::NODES_MAX;
use justmanage_model::{BusView, ClusterSpec, Failure, FieldPath, NodeId, Phase, Record, Seat, ServerState, Shape};
use justmanage_platforms::Limits;
use tokio_util::sync::CancellationToken;

use super::ask::unfounded;
use super::fit::{Usage, refuse_fit, refuse_unseen};
use super::look::{Answer, Looked};
use super::upgrade::outdated;
use super::{Manager, Unfinished, from_platform, together};
use crate::agents::Note;
use crate::classify::newest;
use crate::{ClusterView, Locator};

/// What a cluster is to become.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// What its user asks for.
    pub(super) spec: &'a ClusterSpec,
    /// What the user thinks it is: it is changed from that, and from nothing else; `None`: from whatever it is.
    pub(super) from: Option<&'a ClusterSpec>,
    /// Somebody has saved its id: it is claimed.
    pub(super) presented: bool,
}

impl Manager {
    /// Makes an existing cluster as `spec` says, starts its agents that do not run, and replaces its machines that are gone.
    ///
    /// # Errors
    /// [`Unfinished`] with the cluster as it is.
    pub async fn update(
        &self,
        locator: &Locator,
        spec: &ClusterSpec,
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        self.bring(locator, Wanted { spec, from: None, presented: true }, cancel).await
    }

    /// The same, if the cluster is still as the user has seen it: a change that was planned from something else would undo what
    /// somebody has changed since, unseen by both.
    ///
    /// # Errors
    /// As there; and it was changed by somebody else.
    pub async fn update_from(
        &self,
        locator: &Locator,
        from: &ClusterSpec,
        spec: &ClusterSpec,
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        self.bring(locator, Wanted { spec, from: Some(from), presented: true }, cancel).await
    }

    /// Brings a cluster from what it is to what is wanted.
    pub(super) async fn bring(
        &self,
        locator: &Locator,
        wanted: Wanted<'_>,
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        let unfinished = |failure| Unfinished { failure, view: Some(ClusterView::unseen(locator.clone())) };
        // First of all: agents that nobody can reach any more can be asked nothing.
        let query = self.query(locator).map_err(unfinished)?;
        self.platform.mend(&query).await.map_err(|error| unfinished(from_platform(&error)))?;
        let Awake { looked, failed, woken } = self.awake(locator).await.map_err(unfinished)?;
        // A machine whose agent we have just started, and which nobody has told anything: there was none any more, and we made it.
        let blank = |one: &Looked| {
            let untold = one.reply().is_some_and(|(_, reply)| reply.record.is_none() && !reply.founded);
            untold && woken.contains(&one.machine.claim.node)
        };
        if looked.iter().all(blank) && failed.is_empty() {
            self.remove(looked.into_iter().map(|one| one.machine.reference).collect()).await.map_err(unfinished)?;
            return Err(Unfinished::nothing(gone(locator)));
        }
        let known = known(&looked).map_err(|failure| unfinished(failed.values().next().cloned().unwrap_or(failure)))?;
        // Whoever is to go need not start before it does.
        let failed = failed.into_iter().find(|(node, _)| !known.retired.contains(node)).map(|(_, failure)| failure);
        let staying = |mut looked: Vec<Looked>| {
            looked.retain(|one| !known.retired.contains(&one.machine.claim.node));
            looked
        };
        let looked = staying(looked);
        let stay = |failure: Failure| {
            let waiting_on = vec![failure.detail.clone()];
            let view = ClusterView { record: Some(known.clone()), waiting_on, ..ClusterView::unseen(locator.clone()) };
            Unfinished { failure, view: Some(view) }
        };
        if let Some(refusal) =
            refuse_change(&known.spec, wanted.spec).or_else(|| refuse_shape(&known, wanted.spec, &looked))
        {
            return Err(stay(refusal));
        }
        let over = self.way(&known, wanted.spec, field_ttls(&looked), &looked).await.map_err(stay)?;
        self.relocate(&known, &looked, &by_use(&looked)).await.map_err(stay)?;
        self.invite_unaware(&known, &looked).await.map_err(stay)?;
        // First the agents: an older one would drop what it does not know of a newer configuration.
        let own = self.agent_version().await.map_err(stay)?;
        let looked = match (outdated(&looked, own).is_empty(), &failed) {
            (true, _) => looked,
            (false, Some(failure)) => return Err(stay(failure.clone())),
            (false, None) => staying(self.renewed(locator, &known, looked, own, cancel).await.map_err(stay)?),
        };
        let (before, after) = (Limits::from(&known.spec), Limits::from(wanted.spec));
        let limited = || looked.iter().map(|one| &one.machine);
        self.limit(limited(), before.wider(after)).await.map_err(stay)?;
        let agents = by_use(&looked);
        let operator = self.operator.existing().map_err(stay)?.pin();
        let record = self
            .change(&agents, &Note::new("The cluster's configuration was applied."), |record| {
                if !wanted.is_from(&record.spec) {
                    return;
                }
                record.unclaimed &= !wanted.presented;
                record.set_operators(operator, &wanted.spec.operator_keys);
                record.set_spec(wanted.spec.clone());
                if let Some(program) = &over {
                    record.go_over_to(program.clone());
                }
                // Whoever applies has seen why the agents stopped, and says: go on.
                record.halt = None;
            })
            .await
            .map_err(stay)?;
        if record.spec != *wanted.spec {
            return Err(stay(changed_meanwhile()));
        }
        if before.wider(after) != after {
            self.limit(limited(), after).await.map_err(stay)?;
        }
        let (record, agents) = self.replace_lost(record, &looked, agents, cancel).await.map_err(stay)?;
        let record = self.announce(record, &agents).await.map_err(stay)?;
        let record = self.note_zones(record, &agents).await.map_err(stay)?;
        match failed {
            // All that could be done without it is done; what keeps it from starting is what the user has to hear.
            Some(failure) => Err(stay(failure)),
            None => {
                let view = self.converge(locator, record.generation, agents, cancel).await?;
                match view.record.as_ref().is_none_or(|record| record.spec == *wanted.spec) {
                    true => Ok(view),
                    false => Err(Unfinished { failure: changed_meanwhile(), view: Some(view) }),
                }
            }
        }
    }

    /// All machines of a cluster with their agents' answers; agents that do not run are started first.
    ///
    /// # Errors
    /// The machines could not be looked at. An agent that could not be started is no error here.
    pub(super) async fn awake(&self, locator: &Locator) -> Result<Awake, Failure> {
        let all = self.look(&self.query(locator)?).await?;
        let (mut looked, mut asleep): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| !matches!(one.answer, Answer::Stopped));
        // Whoever is to go is not started any more: it may think that it still has a place.
        if let Ok(record) = known(&looked) {
            asleep.retain(|one| !record.retired.contains(&one.machine.claim.node));
        }
        if asleep.is_empty() {
            return Ok(Awake { looked, failed: BTreeMap::new(), woken: BTreeSet::new() });
        }
        let operator = self.operator.existing()?.pin();
        let nodes: Vec<NodeId> = asleep.iter().map(|one| one.machine.claim.node).collect();
        let woken = self.wake(asleep.into_iter().map(|one| one.machine).collect(), operator).await;
        let (mut machines, mut failed) = (Vec::new(), BTreeMap::new());
        for (node, woken) in nodes.iter().zip(woken) {
            match woken {
                Ok(machine) => machines.push(machine),
                Err(failure) => drop(failed.insert(*node, failure)),
            }
        }
        looked.extend(together(machines, |machine| self.look_at(machine)).await);
        Ok(Awake { looked, failed, woken: nodes.into_iter().collect() })
    }
}

impl Wanted<'_> {
    /// Whether a cluster with this spec is one that is to be changed: it is as the user has seen it, or as it is to be.
    fn is_from(&self, spec: &ClusterSpec) -> bool {
        self.from.is_none_or(|from| spec == from || spec == self.spec)
    }
}

pub(super) fn changed_meanwhile() -> Failure {
    Failure::new(
        "Cluster was changed by somebody else",
        "Its configuration is not the one any more from which this change was planned: another run has changed it meanwhile.",
    )
    .next("Nothing of theirs was undone. Plan again to see what they changed, then apply.")
}

/// A cluster whose agents were started.
pub(super) struct Awake {
    /// The machines whose agents run, with their answers.
    pub(super) looked: Vec<Looked>,
    /// Why some could not be started, if some could not.
    pub(super) failed: BTreeMap<NodeId, Failure>,
    /// The nodes whose agents did not run.
    pub(super) woken: BTreeSet<NodeId>,
}

/// The agents that answer, those that belong to the group first: a machine that an earlier apply left may know of none.
pub(super) fn by_use(looked: &[Looked]) -> Vec<AgentInfo> {
    let mut agents: Vec<_> = looked.iter().filter_map(Looked::reply).collect();
    agents.sort_by_key(|(info, reply)| (!reply.founded, info.claim.seat.is_none(), info.claim.seat));
    agents.into_iter().map(|(info, _)| info.clone()).collect()
}

/// How many keys have fields that expire, as far as primaries were seen.
fn field_ttls(looked: &[Looked]) -> Option<u64> {
    let servers = looked.iter().filter_map(Looked::reply).filter_map(|(_, reply)| match &reply.node.server {
        ServerState::Running(server) => Some(server),
        _ => None,
    });
    let primaries = servers.filter(|server| server.bus.as_ref().is_some_and(BusView::is_primary));
    primaries.filter_map(|server| server.field_ttls).reduce(|sum, keys| sum + keys)
}

/// The newest Record that anybody knows.
fn known(looked: &[Looked]) -> Result<Record, Failure> {
    let replies = || looked.iter().filter_map(Looked::reply).map(|(_, reply)| reply);
    let founded = replies().filter(|reply| reply.founded).filter_map(|reply| reply.record.as_ref());
    if let Some(record) = newest(founded) {
        return Ok(record.clone());
    }
    Err(looked.iter().find_map(Looked::failure).unwrap_or_else(unfounded))
}

/// Why a running cluster cannot be changed from one spec to another, if it cannot, whatever releases and data there are.
pub fn refuse_change(from: &ClusterSpec, to: &ClusterSpec) -> Option<Failure> {
    if from.place != to.place {
        let about = to.place.attribute();
        let detail =
            "A cluster stays on the platform that it was made on; it holds data, so it is not replaced either.";
        let hint =
            "Put the old platform back. To move, make a second cluster on the other one, and bring the data over.";
        return Some(
            Failure::at(FieldPath::of(about), "Change not possible in place", detail)
                .hint(hint)
                .next("Nothing was changed."),
        );
    }
    let meanwhile: BTreeSet<Seat> = Shape::of(from).seats().chain(Shape::of(to).seats()).collect();
    let meanwhile = meanwhile.len() + usize::from(from.spares.max(to.spares));
    if meanwhile > NODES_MAX as usize {
        let about = if from.shards < to.shards { "shards" } else { "replicas_per_shard" };
        let detail = format!(
            "Nodes are added before others go: meanwhile there would be {meanwhile} of them, and {NODES_MAX} are possible."
        );
        return Some(
            Failure::at(FieldPath::of(about), "Too many nodes on the way", detail)
                .hint("Take away shards or replicas first, and add the others by another apply.")
                .next("Nothing was changed."),
        );
    }
    (from.testing != to.testing).then(|| {
        Failure::new(
            "Testing switches differ",
            "The cluster was made with other switches in the provider's `testing` than those that are set now.",
        )
        .hint("Set `testing` of the provider to what it was when the cluster was made.")
        .next("Nothing was changed.")
    })
}

/// Why a cluster cannot go over to another shape, or to less memory, as it is found, if it cannot. What was decided before is not
/// asked again: a change that was begun is seen through.
fn refuse_shape(record: &Record, to: &ClusterSpec, looked: &[Looked]) -> Option<Failure> {
    let from = &record.spec;
    if record.phase != Phase::Formed && Shape::of(from) != Shape::of(to) {
        let about = if from.shards == to.shards { "replicas_per_shard" } else { "shards" };
        let detail = "The cluster was never made to the end, and cannot be given another shape before it is.";
        return Some(
            Failure::at(FieldPath::of(about), "Cluster has not formed", detail)
                .hint("Put the old value back and apply; or destroy it, which holds no data.")
                .next("Nothing was changed."),
        );
    }
    if (from.shards, from.memory) == (to.shards, to.memory) {
        return None;
    }
    // Of a change that was begun, data may still be where they were.
    let from = ClusterSpec { shards: record.most_shape().shards, ..from.clone() };
    let usage = Usage::of_looked(record, looked);
    refuse_unseen(&from, to, &usage).or_else(|| refuse_fit(&from, to, &usage))
}

pub(super) fn gone(locator: &Locator) -> Failure {
    Failure::new("Cluster not found", format!("There is no cluster {locator} any more."))
        .next("Plan again: Terraform will then propose to make it anew.")
}
