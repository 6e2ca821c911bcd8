//! Releases that a cluster takes by itself: which one is next, and how far it is.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Program;

/// A release that the catalog of a cluster's maintenance window has, and that the window wants taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upcoming {
    /// The release, and where its server program is at each node once the node has it.
    pub program: Program,
    /// Where the program is fetched from.
    pub url: String,
    /// The day on which it came out.
    pub published: Date,
    /// Whether it closes a hole of the release that runs.
    pub security: bool,
    /// The CVE ids of what it closes, as far as they have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closes: Vec<String>,
}

/// What a catalog has for a cluster now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The catalog's number; each newer one has a higher number, and an older one is never believed again.
    pub serial: u64,
    /// What is to be taken next; `None`: nothing.
    pub upcoming: Option<Upcoming>,
}

/// How far a node is with the program of an [`Upcoming`] release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// SHA-256 of the program.
    pub sha256: String,
    /// It is there, whole and verified.
    pub ready: bool,
    /// Why it is not, if something is in the way. It is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl fmt::Display for Upcoming {
    /// What it is for: `closes CVE-2026-23479`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out since {}", self.published)?;
        match &self.closes[..] {
            [] if self.security => f.write_str(", a security release"),
            [] => Ok(()),
            cves => write!(f, ", closes {}", cves.join(", ")),
        }
    }
}
