//! What is kept beside the state, unseen by the user: what a refresh saw and a plan wants to say.

use justmanage_core::ClusterView;
use justmanage_model::{Release, Seat};

use super::Context;

/// Seats whose machines were gone at the last look.
const MISSING: &str = "missing";
/// What runs, with the package that it is of: servers do not know that themselves.
const RELEASE: &str = "release";

/// Keeps what was seen.
pub(super) fn keep(cx: &Context, view: &ClusterView) {
    let seats: Vec<Seat> = view.missing.iter().map(|(_, seat)| *seat).collect();
    match serde_json::to_vec(&seats) {
        Ok(text) if !seats.is_empty() => cx.set_private(MISSING, text),
        _ => cx.remove_private(MISSING),
    }
    if let Some(Ok(text)) = view.record.as_ref().map(|record| serde_json::to_vec(&record.release)) {
        cx.set_private(RELEASE, text);
    }
}

/// Seats whose machines were gone at the last look.
pub(super) fn missing(cx: &Context) -> Vec<Seat> {
    cx.private(MISSING).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// What runs, if it was seen.
pub(super) fn release(cx: &Context) -> Option<Release> {
    cx.private(RELEASE).and_then(|text| serde_json::from_slice(&text).ok())
}
