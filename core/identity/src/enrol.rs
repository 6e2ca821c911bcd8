//! Enrolment: how an agent and an operator who have never met prove to each other that both know one token.
//!
//! Each proof is an HMAC under the token over both keys, as its sender saw them in the TLS handshake. So a proof is worth nothing on
//! any other connection: who stands between the two shows each of them a key of their own, and the sums differ. Neither proof
//! can be passed off as the other, because what they are about is written in front.

use justmanage_model::{ClusterId, EnrolmentToken, NodeId, Pin};
use ring::hmac;
use zeroize::Zeroizing;

use crate::{IdentityError, KeyPair};

/// What an operator's secret for tokens is derived for. Another text, another secret.
const SECRET: &[u8] = b"justmanage enrolment secret 1";
/// What a token is derived for.
const TOKEN: &[u8] = b"justmanage enrolment token 1";
/// Before the keys in the operator's proof.
const OPERATOR: &[u8] = b"justmanage enrol operator 1";
/// Before the keys in the agent's proof.
const AGENT: &[u8] = b"justmanage enrol agent 1";

/// How long a proof is, in bytes.
pub const PROOF_BYTES: usize = 32;

/// The token of a node. It is derived, so that an apply that was killed and is repeated with the same operator key knows it again
/// without having kept anything; and one-way, so that whoever reads it in a machine's first-boot data learns nothing of the
/// operator's key, nor of the token of any other node.
///
/// # Errors
/// [`IdentityError::NotAKey`], if the key has no secret to derive from; then it could not have been loaded.
pub fn token(operator: &KeyPair, cluster: ClusterId, node: NodeId) -> Result<EnrolmentToken, IdentityError> {
    let secret = Zeroizing::new(sum(operator.secret()?.as_ref(), &[SECRET]));
    // Both ids have a fixed length, so there is one way only to read the two together.
    let token = sum(secret.as_ref(), &[TOKEN, cluster.to_string().as_bytes(), node.to_string().as_bytes()]);
    Ok(EnrolmentToken::new(token))
}

/// Both ends of a connection, as one of them sees them: its own key, and the one that the other has proven in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Whoever wants to be the agent's operator.
    pub operator: Pin,
    /// The agent.
    pub agent: Pin,
}

impl Ends {
    /// By which an operator proves to the agent at the other end that they know the token.
    #[must_use]
    pub fn operator_proof(&self, token: &EnrolmentToken) -> [u8; PROOF_BYTES] {
        sum(token.expose(), &self.of_operator())
    }

    /// By which an agent proves the same to the operator.
    #[must_use]
    pub fn agent_proof(&self, token: &EnrolmentToken) -> [u8; PROOF_BYTES] {
        sum(token.expose(), &self.of_agent())
    }

    /// Whether an operator has proven it. In constant time: how long it takes says nothing of how much of it was right.
    #[must_use]
    pub fn is_operator_proof(&self, token: &EnrolmentToken, proof: &[u8]) -> bool {
        is_sum(token, &self.of_operator(), proof)
    }

    /// Whether an agent has proven it, in constant time.
    #[must_use]
    pub fn is_agent_proof(&self, token: &EnrolmentToken, proof: &[u8]) -> bool {
        is_sum(token, &self.of_agent(), proof)
    }

    const fn of_operator(&self) -> [&[u8]; 3] {
        [OPERATOR, self.operator.as_bytes(), self.agent.as_bytes()]
    }

    const fn of_agent(&self) -> [&[u8]; 3] {
        [AGENT, self.agent.as_bytes(), self.operator.as_bytes()]
    }
}

/// HMAC-SHA256 of these parts, one after the other.
fn sum(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat()).as_ref());
    sum
}

fn is_sum(token: &EnrolmentToken, parts: &[&[u8]], proof: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.expose());
    hmac::verify(&key, &parts.concat(), proof).is_ok()
}
