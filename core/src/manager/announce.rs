//! The names that clients are told of servers, where the platform has some for its machines.

use std::collections::BTreeMap;

use justmanage_model::node::AgentInfo;
use justmanage_model::{ClusterId, ClusterName, Failure, HostName, NodeId, Record};
use justmanage_platforms::ClaimQuery;
use tracing::info;

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
}
