//! A release with the program that is it.

use serde::{Deserialize, Serialize};

use super::{Artefact, Release};

/// A server program: what it is, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// What it is.
    pub release: Release,
    /// Where it is, and what its content must be.
    pub artefact: Artefact,
}

impl Program {
    /// Whether it is the same content, wherever it is.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.artefact.sha256() == other.artefact.sha256()
    }
}
