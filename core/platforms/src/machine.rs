//! What platforms are asked for and what they answer.

use std::collections::BTreeSet;

use justmanage_model::node::AgentInfo;
use justmanage_model::{Claim, ClusterId, ClusterName, Pin};

/// Which machines are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimQuery {
    /// The cluster's name, unique within a place.
    pub name: ClusterName,
    /// Only machines of this cluster; without it, of every cluster that ever bore the name here.
    pub cluster: Option<ClusterId>,
}

impl ClaimQuery {
    /// Whether a claim is meant.
    pub fn matches(&self, claim: &Claim) -> bool {
        claim.name == self.name && self.cluster.as_ref().is_none_or(|cluster| *cluster == claim.cluster)
    }
}

/// What a machine is born with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineOrder {
    /// Who owns it, and which place in the cluster it takes.
    pub claim: Claim,
    /// The operators that its agent obeys until a Record names others.
    pub operators: BTreeSet<Pin>,
}

/// A machine's address on its platform: an instance id, a host name, a directory. Only its platform reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MachineRef(pub String);

/// A machine that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its address on the platform.
    pub reference: MachineRef,
    /// Who owns it.
    pub claim: Claim,
    /// Whether its agent runs.
    pub state: MachineState,
}

/// Whether a machine's agent runs, as far as the platform can tell with authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineState {
    /// The agent runs; what it says of itself.
    Running(Box<AgentInfo>),
    /// The agent does not run: the machine was restarted, or the agent was killed. [`crate::Platform::ensure`] starts it.
    Stopped,
}

/// How to dial an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// What the agent says of itself; its key in `pin` is what the connection must prove.
    pub agent: AgentInfo,
}

/// A server program that was fetched and whose digest was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// `redis-server` or `valkey-server`.
    pub file_name: String,
    /// SHA-256 of `content`, 64 hexadecimal digits.
    pub sha256: String,
    /// The program.
    pub content: Vec<u8>,
}
