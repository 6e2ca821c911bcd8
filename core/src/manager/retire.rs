//! Nodes that nobody needs any more: taken out of the Record first, and when all is at rest, their machines are removed.
//!
//! Killed in between, the next apply goes on: what is still to be removed is in the Record ([`Record::retired`]), and its machine is
//! found by its claim. A node is taken off that list when its machine is seen to be gone, and not before.

use std::collections::BTreeSet;

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, Generation, NodeId, Record, Waiting};
use justmanage_platforms::MachineRef;
use tracing::info;

use super::replace::query;
use super::{Manager, from_platform};
use crate::agents::{ClusterStatus, Note};

impl Manager {
    /// Takes members out of the Record of which whoever leads said, at this generation, that they hold nothing any more. If it is
    /// another generation by now, nothing is taken out: somebody may need them again.
    ///
    /// # Errors
    /// As [`Manager::change`].
    pub(super) async fn retire(&self, agents: &[AgentInfo], surplus: &Surplus) -> Result<Record, Failure> {
        let Surplus { at, nodes } = surplus;
        info!(nodes = nodes.len(), "nodes that nobody needs any more are taken out");
        let note = Note::new(format!("Nobody needs these nodes any more, and they hold nothing: {}.", list(nodes)));
        self.change(agents, &note, |record| {
            let surplus: BTreeSet<NodeId> = record.surplus().collect();
            if record.generation == *at && nodes.is_subset(&surplus) {
                record.retire(nodes.iter().copied());
            }
        })
        .await
    }

    /// Takes members out that have no place in the shape that is asked for and whose machines do not exist any more: nobody is put
    /// in their place.
    ///
    /// # Errors
    /// As [`Manager::change`].
    pub(super) async fn retire_lost(
        &self,
        record: Record,
        there: &BTreeSet<NodeId>,
        agents: &[AgentInfo],
    ) -> Result<Record, Failure> {
        let lost = |record: &Record| record.surplus().filter(|node| !there.contains(node)).collect::<BTreeSet<_>>();
        let nodes = lost(&record);
        if nodes.is_empty() {
            return Ok(record);
        }
        let note = Note::new(format!("The machines of nodes that have no place any more are gone: {}.", list(&nodes)));
        self.change(agents, &note, |record| {
            let nodes = lost(record);
            record.retire(nodes);
        })
        .await
    }

    /// Removes the machines of nodes that were taken out, then takes them off the list of those that are to be removed.
    ///
    /// # Errors
    /// A machine could not be removed, or as [`Manager::change`].
    pub(super) async fn remove_retired(&self, record: &Record, agents: &[AgentInfo]) -> Result<Record, Failure> {
        let nodes = record.retired.clone();
        let machines = self.platform.find(&query(record)).await.map_err(|error| from_platform(&error))?;
        let useless = machines.into_iter().filter(|machine| nodes.contains(&machine.claim.node));
        let useless: Vec<MachineRef> = useless.map(|machine| machine.reference).collect();
        info!(machines = useless.len(), "machines that nobody needs any more are removed");
        self.remove(useless).await?;
        let note = Note::new(format!("The machines of these nodes are removed: {}.", list(&nodes)));
        self.change(agents, &note, |record| record.retired.retain(|node| !nodes.contains(node))).await
    }
}

/// Members that hold nothing any more and have no place in the shape that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Surplus {
    /// The generation of the Record by which that was said.
    at: Generation,
    nodes: BTreeSet<NodeId>,
}

impl Surplus {
    /// As whoever leads says.
    pub(super) fn said(status: &ClusterStatus) -> Option<Self> {
        let record = status.record.as_ref().filter(|_| status.leader.is_some())?;
        let nodes = status.waiting.iter().find_map(|waiting| match waiting {
            Waiting::MembersSurplus { nodes } if !nodes.is_empty() => Some(nodes.iter().copied().collect()),
            _ => None,
        });
        Some(Self { at: record.generation, nodes: nodes? })
    }
}

fn list(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
