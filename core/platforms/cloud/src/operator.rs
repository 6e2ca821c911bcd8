//! Whoever enrols agents and signs what is remembered of them: the holder of the operator key, which this crate never sees.

use std::net::SocketAddr;

use async_trait::async_trait;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Claim, EnrolmentToken};
use justmanage_platforms::PlatformError;

/// The operator (docs/decisions/0028-enrolment.md). The core implements it with the operator key.
#[async_trait]
pub trait Operator: Send + Sync {
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

    /// Signs a text, so that operators who are trusted know later that one of them wrote it. At most [`SIGNATURE_MAX`] bytes.
    ///
    /// # Errors
    /// The operator key cannot be used.
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PlatformError>;

    /// Whether a trusted operator has signed a text.
    fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool;
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
