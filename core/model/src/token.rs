//! The one-time token with which an agent is born whose machine nobody can log in to.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Secret;
use crate::text::{from_hex, to_hex};

/// By it an agent and its operator, who have never met, recognise each other once; then it is worth nothing
/// (docs/decisions/0028-enrolment.md). 256 bits, so that nobody guesses it, however often they may try.
///
/// Debug shows nothing of it. Unlike other secrets it can be serialised, as 64 hexadecimal digits: the order that a machine is born
/// with has to carry it. It never travels between agent and operator, who only prove that they know it.
#[derive(Clone)]
pub struct EnrolmentToken(Secret<[u8; 32]>);

impl EnrolmentToken {
    /// The token of these bytes, which the caller derived.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Its bytes: to prove that one knows it, never for a message.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// For comparing orders. Nobody who could measure the time is compared by it: what strangers send are proofs, and those are
/// compared in constant time.
impl PartialEq for EnrolmentToken {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for EnrolmentToken {}

impl Serialize for EnrolmentToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(self.expose()))
    }
}

impl<'de> Deserialize<'de> for EnrolmentToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        // The text is not repeated: one digit too many does not make it less of a secret.
        from_hex(&text)
            .map(Self::new)
            .ok_or_else(|| D::Error::custom("an enrolment token is 64 lowercase hexadecimal digits"))
    }
}
