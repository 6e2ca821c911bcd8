//! Agents that listen elsewhere than the Record says: the machines of the cluster have other addresses than they had.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, NodeAddresses, NodeId, Record};
use tracing::{info, warn};

use super::look::Looked;
use super::{Manager, together};
use crate::agents::Note;

impl Manager {
    /// Tells all agents, and then the Record, where those are that have moved. Nobody among them could: whoever has moved is called where
    /// it was, and if most have, there is nobody to agree on anything.
    pub(super) async fn relocate(
        &self,
        record: &Record,
        looked: &[Looked],
        agents: &[AgentInfo],
    ) -> Result<(), Failure> {
        let moved = moved(record, looked);
        if moved.is_empty() {
            return Ok(());
        }
        let places: BTreeMap<NodeId, SocketAddr> = moved.iter().map(|(node, at)| (*node, at.agent)).collect();
        info!(nodes = moved.len(), "agents listen elsewhere than the cluster knows");
        let places = &places;
        let told =
            together(agents, |agent| async move { (agent.claim.node, self.agents.relocate(agent, places).await) });
        for (node, told) in told.await {
            // It hears of it by the Record, if enough others agree on that.
            told.unwrap_or_else(
                |error| warn!(%node, error = error.to_string(), "an agent was not told where others are"),
            );
        }
        let why = match moved.len() {
            1 => "The machine of a node has another address.".to_owned(),
            count => format!("The machines of {count} nodes have other addresses."),
        };
        self.change(agents, &Note::new(why), |record| record.move_to(&moved)).await.map(drop)
    }
}

/// Who is elsewhere than the Record says, by the agents' own words.
fn moved(record: &Record, looked: &[Looked]) -> BTreeMap<NodeId, NodeAddresses> {
    let agents = looked.iter().filter_map(Looked::reply).map(|(info, _)| info);
    let places = agents.filter_map(|info| {
        let node = info.claim.node;
        let (known, was) = (record.agent(node)?, record.addresses(node)?);
        (known.pin == info.pin && info.addresses() != was).then_some((node, info.addresses()))
    });
    places.collect()
}
