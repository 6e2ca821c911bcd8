//! Calls to agents: what the manager needs of them, behind a trait, so that its decisions can be tested without any.

mod grpc;

use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, NodeId, NodeObservation, Record, Waiting};

pub use grpc::GrpcAgents;

/// What an agent says.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentStatus {
    /// Its copy of the Record, if the cluster was founded.
    pub record: Option<Record>,
    /// Its own node.
    pub node: NodeObservation,
    /// Everything is as the Record wants it.
    pub converged: bool,
    /// Why it is not.
    pub waiting: Vec<Waiting>,
}

/// The outcome of a compare-and-set.
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// Taken.
    Applied(Record),
    /// Somebody was first; this is what they made.
    Conflict(Option<Record>),
}

/// Agents, as the manager sees them.
#[async_trait]
pub trait Agents: Send + Sync {
    /// How it is now.
    async fn status(&self, agent: &AgentInfo) -> Result<AgentStatus, AgentError>;

    /// How it is when it is another than `seen`, or after `within` whatever it is by then. Without `seen`: at once.
    async fn next(
        &self,
        agent: &AgentInfo,
        seen: Option<&AgentStatus>,
        within: Duration,
    ) -> Result<AgentStatus, AgentError>;

    /// Founds a cluster: proposes its first Record.
    async fn found(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError>;

    /// Proposes `after` in place of `before`.
    async fn propose(&self, agent: &AgentInfo, before: &Record, after: &Record) -> Result<Proposal, AgentError>;
}

/// Why a call to an agent failed, by what the caller can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// It does not know our operator key, or it is not the agent whose key we know.
    #[error("it does not accept the operator key")]
    Denied,
    /// It could not be asked; nothing happened.
    #[error("{0}")]
    Unreachable(String),
    /// It was asked and did not answer: nobody knows whether it did what it was asked for.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

impl AgentError {
    /// Whether a change may have been made all the same.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::NoAnswer(_))
    }

    /// As a failure for users.
    pub fn failure(&self, agent: &AgentInfo) -> Failure {
        self.failure_of(&agent.claim.node)
    }

    /// As a failure for users, about the agent of a node.
    pub fn failure_of(&self, node: &NodeId) -> Failure {
        match self {
            Self::Denied => Failure::new(
                "Operator key not accepted",
                format!("The agent of {node} does not know the operator key that this provider uses."),
            )
            .hint(
                "Use the key that made the cluster: the provider's `operator_key`, JUSTMANAGE_OPERATOR_KEY, or \
                 ~/.config/justmanage/operator.key. If it is lost, put the public key of a new one into the agent's \
                 order.json on the machine itself, and restart the agent.",
            ),
            Self::Unreachable(why) | Self::NoAnswer(why) => {
                Failure::new("Agent not reachable", format!("The agent of {node} could not be asked: {why}."))
                    .next("Nothing is known to have changed. Try again when the machine can be reached.")
            }
            Self::Refused(why) => Failure::new("Agent refused", format!("The agent of {node} refused: {why}.")),
        }
    }
}
