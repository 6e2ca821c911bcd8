//! Spares: as many machines without a place as are asked for, each entered and told one by one.
//!
//! Which of them takes the place of a node that is lost, and when, is for the agents to decide; whatever became of it meanwhile, an
//! apply only counts what there is.

use std::collections::BTreeSet;

use justmanage_model::node::AgentInfo;
use justmanage_model::{Claim, Failure, HostName, NodeId, Record};
use tracing::info;

use super::Manager;
use super::look::{Answer, Looked};
use super::machines::new_node;
use crate::agents::Note;

/// The claims of spares that are missing: of machines that an earlier try left, then new ones.
pub(super) fn claims(record: &Record, there: &BTreeSet<NodeId>, looked: &[Looked]) -> Result<Vec<Claim>, Failure> {
    let live = record.spares.keys().filter(|node| there.contains(node)).count();
    let unused = looked.iter().filter(|one| {
        let claim = &one.machine.claim;
        let told = !matches!(&one.answer, Answer::Reply(reply) if !reply.1.founded);
        claim.seat.is_none() && !told && !record.belongs(claim.node) && !record.retired.contains(&claim.node)
    });
    let mut left = unused.map(|one| one.machine.claim.clone());
    let claim = |node| Claim { cluster: record.cluster, name: record.name.clone(), node, seat: None };
    let missing = usize::from(record.spec.spares).saturating_sub(live);
    (0..missing).map(|_| left.next().map_or_else(|| new_node().map(claim), Ok)).collect()
}

/// The spares that are too many, and those whose machines do not exist any more.
fn useless(record: &Record, there: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let (live, gone): (BTreeSet<NodeId>, BTreeSet<NodeId>) =
        record.spares.keys().partition(|node| there.contains(node));
    live.into_iter().skip(record.spec.spares.into()).chain(gone).collect()
}

impl Manager {
    /// Takes spares out of the Record that are too many, or whose machines are gone. Their machines go when all is at rest.
    ///
    /// # Errors
    /// As [`Manager::change`].
    pub(super) async fn drop_spares(
        &self,
        record: Record,
        there: &BTreeSet<NodeId>,
        agents: &[AgentInfo],
    ) -> Result<Record, Failure> {
        let nodes = useless(&record, there);
        if nodes.is_empty() {
            return Ok(record);
        }
        info!(nodes = nodes.len(), "spares that nobody needs are taken out");
        let note = Note::new("These spares are gone, or more than are asked for.");
        self.change(agents, &note, |record| {
            let nodes = useless(record, there);
            record.retire(nodes);
        })
        .await
    }

    /// Enters a spare, unless there are enough by now.
    ///
    /// # Errors
    /// As [`Manager::change`].
    pub(super) async fn enter_spare(
        &self,
        agents: &[AgentInfo],
        new: &AgentInfo,
        name: Option<&HostName>,
    ) -> Result<Record, Failure> {
        let node = new.claim.node;
        info!(%node, "a new node is a spare");
        self.change(agents, &Note::new(format!("Node {node} is a spare.")), |record| {
            if record.spares_missing() > 0 {
                record.spares.insert(node, new.spare());
                record.call(node, name);
            }
        })
        .await
    }
}
