//! Why a call to an agent failed.

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, NodeId};

/// Why a call to an agent failed, by what the caller can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// It does not know our operator key, or it is not the agent whose key we know.
    #[error("it does not accept the operator key")]
    Denied,
    /// It could not be asked; nothing happened. Another agent may be asked.
    #[error("{0}")]
    Unreachable(String),
    /// It was asked and did not answer: nobody knows whether it did what it was asked for.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// It cannot now, and nothing happened: the agents have no majority, or are electing a leader. Trying again may help.
    #[error("{0}")]
    NotNow(String),
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
                 ~/.config/justmanage/operator.key. If it is lost, let another one in as the owner of a node's directory: \
                 `justmanage-agent admit --dir NODE --operator sha256:DIGEST`, where DIGEST is what `openssl pkey -in KEY \
                 -pubout -outform der | sha256sum` prints.",
            ),
            Self::Unreachable(why) | Self::NoAnswer(why) => {
                Failure::new("Agent not reachable", format!("The agent of {node} could not be asked: {why}."))
                    .next("Nothing is known to have changed. Try again when the machine can be reached.")
            }
            Self::NotNow(why) => Failure::new(
                "Agents cannot decide now",
                format!("The agent of {node} answers: {}.", why.trim_end_matches('.')),
            )
            .next("Nothing was changed. Apply again when most of the cluster's agents can reach each other."),
            Self::Refused(why) => {
                Failure::new("Agent refused", format!("The agent of {node} refused: {}.", why.trim_end_matches('.')))
                    .next("This call changed nothing. Mend what the agent names, and apply again.")
            }
        }
    }
}
