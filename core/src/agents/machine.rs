//! Machines through their agents, for platforms without a shell: what is asked, and what can go wrong.

use std::fmt;
use std::sync::Arc;

use justmanage_model::Replacement;
use justmanage_model::node::ServerProgram;
use justmanage_platforms::PlatformError;

use super::AgentError;

/// A build of the agent.
#[derive(Clone)]
pub enum Program {
    /// Which we have, and send.
    Content {
        /// Of its content, 64 hexadecimal digits.
        sha256: String,
        /// The program.
        content: Arc<[u8]>,
    },
    /// Which the machine fetches itself.
    At {
        /// Of the program, 64 hexadecimal digits.
        sha256: String,
        /// Where it is: http or https. It may have credentials in it.
        url: String,
    },
}

impl Program {
    pub(crate) fn sha256(&self) -> &str {
        match self {
            Self::Content { sha256, .. } | Self::At { sha256, .. } => sha256,
        }
    }
}

/// Neither the content nor where it is: an address may have a password in it.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.sha256()).finish()
    }
}

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Server programs that it was told to keep, and that run there.
    pub kept: Vec<ServerProgram>,
    /// The version of the agent that answers.
    pub agent_version: String,
    /// What `uname -m` calls the machine's processor.
    pub machine: String,
    /// What became of the last build that was to be its agent.
    pub replacement: Option<Replacement>,
}

/// Why something was not done to a machine, by what the caller can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// The agent could not be asked, or refused.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The machine's disk: no room, or no permission.
    #[error("{0}")]
    Disk(String),
    /// A build did not come up.
    #[error("the new agent did not come up: {why}. The one before, {version}, runs")]
    PutBack {
        /// Of the agent that runs.
        version: String,
        /// What was seen.
        why: String,
    },
}

impl MachineError {
    /// As a platform says it of one of its machines.
    #[must_use]
    pub fn of(&self, machine: &str) -> PlatformError {
        let what = format!("{machine}: {}", self.to_string().trim_end_matches('.'));
        let again = "Nothing else was changed. Apply again.".to_owned();
        match self {
            Self::Agent(AgentError::Denied) => PlatformError::Denied {
                what,
                hint: "Use the operator key that made the cluster, or one of its `operator_keys`.".into(),
            },
            Self::Agent(AgentError::Unreachable(_) | AgentError::NoAnswer(_)) => PlatformError::Unreachable {
                what,
                hint: "See whether the machine runs and can be reached, and apply again: what was begun is found."
                    .into(),
            },
            Self::Agent(AgentError::NotNow(_)) => PlatformError::Conflict { what, hint: again },
            Self::Agent(AgentError::Refused(_)) => {
                PlatformError::Failed { what, hint: "Mend what the machine names, and apply again.".into() }
            }
            Self::Disk(_) => PlatformError::Quota { what, hint: again },
            Self::PutBack { .. } => PlatformError::Failed {
                what,
                hint: "Use the provider's version before, and report this with what is said here.".into(),
            },
        }
    }
}
