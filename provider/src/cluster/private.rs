//! What is kept beside the state, unseen by the user: what a refresh saw and a plan wants to say.

use justmanage_core::ClusterView;
use justmanage_model::{Release, Seat};

use super::Context;

/// Seats whose machines were gone at the last look.
const MISSING: &str = "missing";
/// How many spares there were less than are asked for.
const SPARES: &str = "spares_missing";
/// How many machines were to go.
const RETIRED: &str = "retired";
/// What runs, with the package that it is of: servers do not know that themselves.
const RELEASE: &str = "release";
/// What servers come from, as long as not all run what they go over to.
const PREVIOUS: &str = "previous";
/// It is on its way from one shape to another: nodes will come or go.
const RESHAPING: &str = "reshaping";

/// Keeps what was seen.
pub(super) fn keep(cx: &Context, view: &ClusterView) {
    let seats: Vec<Seat> = view.missing.iter().map(|(_, seat)| *seat).collect();
    match serde_json::to_vec(&seats) {
        Ok(text) if !seats.is_empty() => cx.set_private(MISSING, text),
        _ => cx.remove_private(MISSING),
    }
    let Some(record) = &view.record else { return };
    for (name, count) in [(SPARES, view.spares_missing), (RETIRED, record.retired.len())] {
        match count {
            0 => cx.remove_private(name),
            _ => cx.set_private(name, count.to_string().into_bytes()),
        }
    }
    if let Ok(text) = serde_json::to_vec(&record.release) {
        cx.set_private(RELEASE, text);
    }
    match record.previous.as_ref().map(|previous| serde_json::to_vec(&previous.release)) {
        Some(Ok(text)) => cx.set_private(PREVIOUS, text),
        _ => cx.remove_private(PREVIOUS),
    }
    match record.reshaping.is_some() || !record.retired.is_empty() {
        true => cx.set_private(RESHAPING, b"true".to_vec()),
        false => cx.remove_private(RESHAPING),
    }
}

/// Whether nodes were about to come or go at the last look.
pub(super) fn reshaping(cx: &Context) -> bool {
    cx.private(RESHAPING).is_some()
}

/// How many spares there were less than are asked for at the last look.
pub(super) fn spares_missing(cx: &Context) -> usize {
    number(cx, SPARES)
}

/// How many machines were to go at the last look.
pub(super) fn retired(cx: &Context) -> usize {
    number(cx, RETIRED)
}

fn number(cx: &Context, name: &str) -> usize {
    cx.private(name).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Seats whose machines were gone at the last look.
pub(super) fn missing(cx: &Context) -> Vec<Seat> {
    cx.private(MISSING).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// What runs, or is gone over to, if it was seen.
pub(super) fn release(cx: &Context) -> Option<Release> {
    cx.private(RELEASE).and_then(|text| serde_json::from_slice(&text).ok())
}

/// What servers come from, if not all have gone over.
pub(super) fn previous(cx: &Context) -> Option<Release> {
    cx.private(PREVIOUS).and_then(|text| serde_json::from_slice(&text).ok())
}
