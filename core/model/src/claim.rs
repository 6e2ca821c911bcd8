//! Who owns a machine.

use serde::{Deserialize, Serialize};

use crate::{ClusterId, ClusterName, NodeId};

/// Goes into the creating call of a machine itself (tags, labels, a file on a host): for finding and owning, never for state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// The node.
    pub node: NodeId,
    /// The place in the cluster's shape that the machine was made for; none for a spare. Where the Record says otherwise, the
    /// Record is right: a spare that has taken a place keeps the claim that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<Seat>,
}

/// A place in the shape of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seat {
    /// Shard, from 0.
    pub shard: u16,
    /// Node within the shard, from 0. Not a role: roles change.
    pub ordinal: u16,
}
