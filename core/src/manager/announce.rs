//! What the Record says of machines: the names that clients are told of servers, and zones, where the platform has some.

use std::collections::BTreeMap;

use justmanage_model::node::AgentInfo;
use justmanage_model::pool::Zone;
use justmanage_model::record::RecordFault;
use justmanage_model::{ClusterId, ClusterName, Failure, HostName, NodeId, Record};
use justmanage_platforms::ClaimQuery;
use tracing::{info, warn};

use super::{Manager, from_platform};
use crate::agents::Note;

impl Manager {
    /// The names of a cluster's nodes, of those whose machines are seen.
    pub(super) async fn names(
        &self,
        name: &ClusterName,
        cluster: ClusterId,
    ) -> Result<BTreeMap<NodeId, HostName>, Failure> {
        let query = ClaimQuery { name: name.clone(), cluster: Some(cluster) };
        self.platform.announced(&query).await.map_err(|error| from_platform(&error))
    }

    /// Has clients told what the platform says of members and spares; addresses, where it says nothing.
    pub(super) async fn announce(&self, record: Record, agents: &[AgentInfo]) -> Result<Record, Failure> {
        let mut names = self.names(&record.name, record.cluster).await?;
        names.retain(|node, _| record.belongs(*node));
        let mut after = record.clone();
        after.announce(&names);
        if after.announced == record.announced {
            return Ok(record);
        }
        let why = match names.is_empty() {
            true => "Clients are told the addresses of servers.",
            false => "Clients are told names of servers.",
        };
        info!(names = names.len(), why);
        self.change(agents, &Note::new(why), |record| record.announce(&names)).await
    }

    /// The zones of a cluster's nodes, of those whose machines are seen.
    pub(super) async fn zones(
        &self,
        name: &ClusterName,
        cluster: ClusterId,
    ) -> Result<BTreeMap<NodeId, Option<Zone>>, Failure> {
        let query = ClaimQuery { name: name.clone(), cluster: Some(cluster) };
        self.platform.zones(&query).await.map_err(|error| from_platform(&error))
    }

    /// Notes where members and spares stand: agents that put a spare into a place choose by that.
    pub(super) async fn note_zones(&self, record: Record, agents: &[AgentInfo]) -> Result<Record, Failure> {
        let zones = self.zones(&record.name, record.cluster).await?;
        let mut after = record.clone();
        after.stand(&zones);
        if after.zones == record.zones {
            return Ok(record);
        }
        after.raise_layout();
        if let Err(fault @ RecordFault::TooMany { .. }) = after.check() {
            // No cluster stands still for want of room for what is only good to know.
            warn!(%fault, "zones of nodes are not noted: spares are taken wherever they stand");
            return Ok(record);
        }
        info!(nodes = after.zones.len(), "it is noted in which zones nodes stand");
        let note = Note::new("It is noted in which zones nodes stand.");
        self.change(agents, &note, |record| record.stand(&zones)).await
    }
}
