//! Members whose machines are gone get new ones, each in the seat of the old; seats that nobody has yet get theirs; and what an
//! earlier try left finds its use.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::node::AgentInfo;
use justmanage_model::{Claim, Failure, HostName, NodeId, Record, Seat};
use justmanage_platforms::{ClaimQuery, MachineRef};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::look::{Answer, Looked};
use super::machines::new_node;
use super::{Manager, from_platform, spares};
use crate::agents::Note;

/// A seat that needs a machine, and the member that had it, if one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vacancy {
    seat: Seat,
    gone: Option<NodeId>,
}

impl Manager {
    /// Replaces members whose machines the platform says do not exist: a machine in the same seat, then for each
    /// one compare-and-set that takes the old member out and the new one in, and the new agent is invited. Seats of the shape that is to be
    /// which nobody ever had get machines in the same way; of those that have no place in it, whoever is lost is not replaced.
    /// Spares that are missing are made, and those that are too many taken out. Answers with the Record and the agents as they are then.
    ///
    /// `looked` are all machines of the cluster whose agents run; those that could not be started are in it as well.
    ///
    /// # Errors
    /// What kept it from being done. Calling again goes on: a machine that is no member yet is found by its claim and used.
    pub(super) async fn replace_lost(
        &self,
        record: Record,
        looked: &[Looked],
        mut agents: Vec<AgentInfo>,
        cancel: &CancellationToken,
    ) -> Result<(Record, Vec<AgentInfo>), Failure> {
        let there: BTreeSet<NodeId> = self.still_there(&record).await?;
        let vacancies = vacancies(&record, &there);
        let mut claims =
            vacancies.iter().map(|vacancy| claim(&record, vacancy.seat, looked)).collect::<Result<Vec<_>, _>>()?;
        claims.extend(spares::claims(&record, &there, looked)?);
        let used: BTreeSet<NodeId> = claims.iter().map(|claim| claim.node).collect();
        let operator = self.operator.existing()?.pin();
        let new = self.ensure(claims, &record.artefact, (&record.spec).into(), operator, cancel).await?;
        // With the node, or for a moment there would be a member without a name among others, and clients would be told addresses.
        let names = if new.is_empty() { BTreeMap::new() } else { self.names(&record.name, record.cluster).await? };
        let record = self.retire_lost(record, &there, &agents).await?;
        let mut record = self.drop_spares(record, &there, &agents).await?;
        agents.retain(|agent| !record.retired.contains(&agent.claim.node));
        let mut late = BTreeSet::new();
        // One after the other: a member that knows of nothing yet counts for the majority, and answers to nobody.
        let places = vacancies.iter().map(Some).chain(std::iter::repeat(None));
        for (vacancy, info) in places.zip(new) {
            record = match vacancy {
                Some(vacancy) => self.seat(&agents, *vacancy, &info, names.get(&info.claim.node)).await?,
                None => self.enter_spare(&agents, &info, names.get(&info.claim.node)).await?,
            };
            if record.belongs(info.claim.node) {
                self.invite(std::iter::once(&info), &record).await?;
                agents.push(info);
            } else {
                late.insert(info.claim.node);
            }
        }
        self.clear(&record, looked, &used, late).await?;
        Ok((record, agents))
    }

    /// Takes a new node into the Record in the place of the old one, unless somebody else has filled the seat meanwhile.
    async fn seat(
        &self,
        agents: &[AgentInfo],
        vacancy: Vacancy,
        new: &AgentInfo,
        name: Option<&HostName>,
    ) -> Result<Record, Failure> {
        let node = new.claim.node;
        let why = match vacancy.gone {
            Some(old) => format!("The machine of node {old} does not exist any more; node {node} takes its place."),
            None => format!("Node {node} takes an empty seat."),
        };
        info!(%node, shard = vacancy.seat.shard, ordinal = vacancy.seat.ordinal, "a new node takes its seat");
        self.change(agents, &Note::new(why), |record| {
            let holder = record.members.iter().find(|(_, member)| member.seat == vacancy.seat).map(|(node, _)| *node);
            if holder != vacancy.gone {
                return;
            }
            if let Some(old) = vacancy.gone {
                record.members.remove(&old);
                record.end_grant_of(old);
            }
            record.members.insert(node, new.member(vacancy.seat));
            record.call(node, name);
        })
        .await
    }

    /// Removes machines that never belonged to the cluster and are of no use to it. One that did, by an old Record, may hold the
    /// only copy of something, so it stays for a person to look at.
    async fn clear(
        &self,
        record: &Record,
        looked: &[Looked],
        used: &BTreeSet<NodeId>,
        late: BTreeSet<NodeId>,
    ) -> Result<(), Failure> {
        let mut useless: Vec<MachineRef> = Vec::new();
        for one in looked {
            let node = one.machine.claim.node;
            if record.belongs(node) || (used.contains(&node) && !late.contains(&node)) {
                continue;
            }
            // It goes when all is at rest without it.
            if record.retired.contains(&node) {
                continue;
            }
            match &one.answer {
                Answer::Reply(reply) if !reply.1.founded || !knows_itself(reply.1.record.as_ref(), node) => {
                    useless.push(one.machine.reference.clone());
                }
                Answer::Reply(..) | Answer::Failed(_) | Answer::Stopped => {
                    warn!(%node, "a machine bears the cluster's claim and is no member any more; look at its data, then remove it");
                }
            }
        }
        if !late.is_empty() {
            let machines = self.platform.find(&query(record)).await.map_err(|error| from_platform(&error))?;
            let late = machines.into_iter().filter(|machine| late.contains(&machine.claim.node));
            useless.extend(late.map(|machine| machine.reference));
        }
        useless.sort();
        useless.dedup();
        self.remove(useless).await
    }

    /// The nodes whose machines exist at this moment.
    async fn still_there(&self, record: &Record) -> Result<BTreeSet<NodeId>, Failure> {
        let machines = self.platform.find(&query(record)).await.map_err(|error| from_platform(&error))?;
        Ok(machines.into_iter().map(|machine| machine.claim.node).collect())
    }
}

/// All machines of a cluster.
pub(super) fn query(record: &Record) -> ClaimQuery {
    ClaimQuery { name: record.name.clone(), cluster: Some(record.cluster) }
}

/// Whether a node counts itself among the members.
fn knows_itself(record: Option<&Record>, node: NodeId) -> bool {
    record.is_some_and(|record| record.belongs(node))
}

/// The seats whose machine is gone, or that nobody ever had, in their order.
fn vacancies(record: &Record, there: &BTreeSet<NodeId>) -> Vec<Vacancy> {
    let holder = |seat| record.members.iter().find(|(_, member)| member.seat == seat).map(|(node, _)| *node);
    record
        .shape()
        .seats()
        .map(|seat| Vacancy { seat, gone: holder(seat) })
        .filter(|vacancy| vacancy.gone.is_none_or(|node| !there.contains(&node)))
        .collect()
}

/// The claim for a seat: of a machine that an earlier try made for it, or a new one.
fn claim(record: &Record, seat: Seat, looked: &[Looked]) -> Result<Claim, Failure> {
    let left = looked.iter().find(|one| {
        let unused = matches!(&one.answer, Answer::Reply(reply) if !reply.1.founded);
        one.machine.claim.seat == Some(seat) && unused && !record.belongs(one.machine.claim.node)
    });
    match left {
        Some(one) => Ok(one.machine.claim.clone()),
        None => Ok(Claim { cluster: record.cluster, name: record.name.clone(), node: new_node()?, seat: Some(seat) }),
    }
}
