//! Secrets of the cluster, sealed for its members: nobody else can read them, and the Record can be shown to anyone.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::failure::Invalid;
use crate::text::{from_hex, serde_as_text, to_hex};

/// The public half of the key with which an agent opens what is sealed for it (X25519).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x25519:{}", to_hex(&self.0))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SealingKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.strip_prefix("x25519:").and_then(from_hex).map(Self).ok_or_else(|| {
            Invalid::new(
                "Sealing key not valid",
                format!("{text:?} is not a public key to seal for."),
                "It is \"x25519:\" and 64 lowercase hexadecimal digits.",
            )
        })
    }
}

serde_as_text!(SealingKey);

/// The secrets, encrypted once under a key of their own, and that key sealed for each member: a hundred members cost a
/// hundred short seals, not a hundred copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// The secrets under the vault's key; base64.
    pub content: String,
    /// The vault's key, sealed for each member; base64.
    pub keys: BTreeMap<NodeId, String>,
}
