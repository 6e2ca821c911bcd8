//! Where the binary of a release is, and what it must be.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::from_hex;

/// A server binary on a node: where it is, and what its content must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ArtefactText", into = "ArtefactText")]
pub struct Artefact {
    server: PathBuf,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct ArtefactText {
    server: PathBuf,
    sha256: String,
}

impl Artefact {
    /// The binary at an absolute path, with the SHA-256 of its content in 64 lowercase hexadecimal digits.
    ///
    /// # Errors
    /// The path is relative (to which directory?) or not UTF-8, or the digest is not one.
    pub fn new(server: impl Into<PathBuf>, sha256: impl Into<String>) -> Result<Self, Invalid> {
        let (server, sha256) = (server.into(), sha256.into());
        let invalid = |detail, hint| Err(Invalid::new("Server binary not valid", detail, hint));
        if !server.is_absolute() || server.to_str().is_none() {
            return invalid(format!("{server:?} is not an absolute path in UTF-8."), "Name the file from the root.");
        }
        if from_hex::<32>(&sha256).is_none() {
            return invalid(format!("{sha256:?} is not a SHA-256 digest."), "Give 64 lowercase hexadecimal digits.");
        }
        Ok(Self { server, sha256 })
    }

    /// Absolute path of the server binary on the node.
    #[must_use]
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// SHA-256 of that file: 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl TryFrom<ArtefactText> for Artefact {
    type Error = Invalid;

    fn try_from(text: ArtefactText) -> Result<Self, Invalid> {
        Self::new(text.server, text.sha256)
    }
}

impl From<Artefact> for ArtefactText {
    fn from(artefact: Artefact) -> Self {
        Self { server: artefact.server, sha256: artefact.sha256 }
    }
}
