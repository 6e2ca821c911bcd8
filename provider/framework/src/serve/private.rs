//! The encoding of private state: a small JSON object, so that a person with the state file can see what it is.
//!
//! `{"private": {"key": "base64"}}`. Other members are for the framework's own use in later releases; an unknown one is
//! kept out, not refused. No keys: no bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use super::any::PrivateData;
use crate::Diagnostic;

const MEMBER: &str = "private";

/// Reads what [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Result<PrivateData, Diagnostic> {
    if bytes.is_empty() {
        return Ok(PrivateData::new());
    }
    parse(bytes).ok_or_else(|| {
        Diagnostic::error(
            "Private data not readable",
            "The data that this provider keeps beside the state is not in its format. The state was written by another \
             provider of the same name, or damaged.",
        )
    })
}

fn parse(bytes: &[u8]) -> Option<PrivateData> {
    let json: Json = serde_json::from_slice(bytes).ok()?;
    let Some(entries) = json.as_object()?.get(MEMBER) else { return Some(PrivateData::new()) };
    let entries = entries.as_object()?.iter();
    entries.map(|(key, text)| Some((key.clone(), BASE64.decode(text.as_str()?).ok()?))).collect()
}

/// The bytes for Terraform to keep.
pub(super) fn encode(private: &PrivateData) -> Bytes {
    if private.is_empty() {
        return Bytes::new();
    }
    let entries: Map<String, Json> =
        private.iter().map(|(key, bytes)| (key.clone(), Json::String(BASE64.encode(bytes)))).collect();
    Bytes::from(json!({ MEMBER: entries }).to_string())
}

#[cfg(test)]
mod tests;
