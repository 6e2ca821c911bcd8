//! What passes between a platform and an agent on the same machine: files and the agent's answers, all JSON.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Claim, EnrolmentToken, Member, NodeAddresses, PeerNames, Pin, Release, Seat, Spare};

/// `order.json` in a node's directory: what the agent is born with. The only secret in it is the token, which is worth nothing once it
/// was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeOrder {
    /// Whose node it is.
    pub claim: Claim,
    /// Operators that the agent obeys until a Record names others; they alone can enrol it. With a token there may be none: then
    /// whoever knows the token is the operator.
    pub operators: BTreeSet<Pin>,
    /// The address that it announces and listens on; with `peer_names`, only as long as its own name leads nowhere.
    pub address: IpAddr,
    /// By which names the members find each other, where their addresses may change; `None`: each keeps its address for life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_names: Option<PeerNames>,
    /// By which the agent is enrolled over the network, where nobody can log in to its machine to ask for its key. `None`: it answers
    /// nobody whom it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<EnrolmentToken>,
}

impl NodeOrder {
    /// The node's own name, if it has one: a spare has none where names are made of places.
    #[must_use]
    pub fn own_name(&self) -> Option<String> {
        self.peer_names.as_ref()?.of(self.claim.node, self.claim.seat)
    }
}

/// `agent.json` in a node's directory, written by the agent when it listens; also what `justmanage-agent start` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// Whose node it is.
    pub claim: Claim,
    /// The agent's public key.
    pub pin: Pin,
    /// The key to seal secrets for the agent with.
    pub sealing: crate::SealingKey,
    /// Where it listens.
    pub agent: SocketAddr,
    /// Where clients will reach the server.
    pub client: SocketAddr,
    /// The cluster bus port.
    pub bus_port: u16,
    /// Version of the agent's software.
    pub version: String,
    /// The process.
    pub process: ProcessIdentity,
}

impl AgentInfo {
    /// It as a member of its cluster in a place, which has not joined yet.
    #[must_use]
    pub const fn member(&self, seat: Seat) -> Member {
        self.spare().seated(seat)
    }

    /// Where it is.
    #[must_use]
    pub const fn addresses(&self) -> NodeAddresses {
        NodeAddresses { agent: self.agent, client: self.client, bus_port: self.bus_port }
    }

    /// It as a spare.
    #[must_use]
    pub const fn spare(&self) -> Spare {
        let Self { pin, sealing, agent, client, bus_port, .. } = *self;
        Spare { pin, sealing, agent, client, bus_port }
    }
}

/// A process, recognisable again: a pid alone is reused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: clock ticks from boot to its start.
    pub start_time: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
}

/// What `justmanage-agent status --dir DIR` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Whose node it is.
    pub claim: Claim,
    /// The agent, if it is running; proven by its lock and its process identity.
    pub agent: Option<AgentInfo>,
    /// Whether a database process of this node runs.
    pub server_running: bool,
}

/// A server program that a machine has, as `justmanage-agent inspect` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerProgram {
    /// Absolute path.
    pub path: PathBuf,
    /// What it says it is.
    pub release: Release,
    /// Whether it was built with TLS; without, we do not run it.
    pub tls: bool,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}
