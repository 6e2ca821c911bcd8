//! Warrants: what an operator has signed for root to do on one machine, where nobody logs in.
//!
//! Signing and checking is `justmanage_identity`'s; what comes of it, and why it is signed at all, stands in
//! docs/decisions/0034-machines-without-a-shell.md.

use serde::{Deserialize, Serialize};

use crate::{ClusterId, Limits, NodeId, Timestamp, Version};

/// What an operator allows, and their signature: worth as much in whoever's hands it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warrant {
    /// The [`Terms`] as JSON, byte for byte as they were signed.
    pub terms: String,
    /// The operator's public key (Ed25519), 64 hexadecimal digits.
    pub key: String,
    /// Its signature, 128 hexadecimal digits.
    pub signature: String,
}

/// What is allowed, where, and when that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Only on a machine of this cluster,
    pub cluster: ClusterId,
    /// and of this node.
    pub node: NodeId,
    /// When it was signed, by the operator's clock. Of two for the same purpose the later one counts.
    pub issued: Timestamp,
    /// For what.
    pub purpose: Purpose,
}

/// What root is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// Put this build in the place of the agent that runs.
    Agent {
        /// SHA-256 of the program, 64 hexadecimal digits.
        sha256: String,
        /// What it says that it is.
        version: Version,
    },
    /// Limit the server so.
    Limits(Limits),
}

/// `replaced.json` beside the agent's programs, written by root: what became of the last build that was to take the agent's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// SHA-256 of the build.
    pub sha256: String,
    /// Its version.
    pub version: Version,
    /// How far it is.
    pub state: Replaced,
    /// In words, where it did not end well; otherwise empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// How far a replacement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replaced {
    /// The build is in place, and the service is being restarted; or whoever saw to that was killed, and the next start decides.
    Begun,
    /// It runs, and stays.
    Done,
    /// It did not come up; the one before it runs again.
    PutBack,
    /// It did not come up, and neither did the one before.
    Down,
}
