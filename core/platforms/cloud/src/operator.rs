//! Whoever enrols agents, has them do to their machines what they are told, and signs what is remembered of them: the holder of the operator key,
//! which this crate never sees.

use std::net::SocketAddr;

use async_trait::async_trait;
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_model::{Claim, EnrolmentToken, Version};
use justmanage_platforms::{Download, Limits, PlatformError};

use crate::boot::Fetch;

/// Signs what is remembered of machines.
pub trait Signer: Send + Sync {
    /// Signs a text, so that operators who are trusted know later that one of them wrote it. At most [`SIGNATURE_MAX`] bytes.
    ///
    /// # Errors
    /// The operator key cannot be used.
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PlatformError>;

    /// Whether a trusted operator has signed a text.
    fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool;

    /// Whether somebody has who will be trusted from now on, too. What others have signed has to be signed anew while they still are.
    fn lasts(&self, text: &[u8], signature: &[u8]) -> bool;
}

/// The operator (docs/decisions/0028-enrolment.md, docs/decisions/0034-machines-without-a-shell.md). The core implements it with the operator key.
#[async_trait]
pub trait Operator: Signer {
    /// The token that the agent of a claim is born with: the same whenever it is asked for.
    ///
    /// # Errors
    /// The operator key cannot be used.
    fn token(&self, claim: &Claim) -> Result<EnrolmentToken, PlatformError>;

    /// Enrols the agent at an address, once more if it was before: its own word for itself.
    ///
    /// # Errors
    /// [`NotEnrolled`].
    async fn enrol(&self, agent: SocketAddr, claim: &Claim) -> Result<AgentInfo, NotEnrolled>;

    /// What a machine has, by its agent.
    ///
    /// # Errors
    /// The agent does not answer, or refuses.
    async fn programs(&self, agent: &AgentInfo) -> Result<Inventory, PlatformError>;

    /// Has a machine keep a server program below [`crate::KEPT`], and answers with what it is there. One that it has is not sent again.
    ///
    /// # Errors
    /// It is not kept. [`PlatformError::Conflict`]: another one is on its way there.
    async fn keep(&self, agent: &AgentInfo, program: &Download) -> Result<ServerProgram, PlatformError>;

    /// A server program that a machine keeps.
    ///
    /// # Errors
    /// It does not keep it, or it does not arrive.
    async fn read(&self, agent: &AgentInfo, program: &ServerProgram) -> Result<Download, PlatformError>;

    /// Has a machine fetch a build, and puts it in the place of its agent; one that is as new, or newer, stays. Answers with the version
    /// that runs then.
    ///
    /// # Errors
    /// The build did not come up, and the one before runs; or it was not placed.
    async fn replace(&self, agent: &AgentInfo, build: &Fetch, version: Version) -> Result<Version, PlatformError>;

    /// Limits what the server of a machine may use. Answers with what is not in force before its next start, a sentence each.
    ///
    /// # Errors
    /// What kept it from being done; calling again goes on.
    async fn limit(&self, agent: &AgentInfo, limits: &Limits) -> Result<Vec<String>, PlatformError>;
}

/// What a machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Server programs that it keeps.
    pub kept: Vec<ServerProgram>,
    /// What `uname -m` calls its processor.
    pub machine: String,
}

/// Longest signature, with all that is needed to check it: a public key of 44 bytes (Ed25519, in its envelope) and 64 bytes, and some.
pub const SIGNATURE_MAX: usize = 128;

/// Why an agent was not enrolled.
#[derive(Debug)]
pub enum NotEnrolled {
    /// It does not answer yet; calling again may help.
    NotYet(String),
    /// Calling again does not help.
    Never(PlatformError),
}
