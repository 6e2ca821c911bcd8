//! Whether anything may be done at all.

use justmanage_model::{Phase, Waiting};

use crate::Verdict;
use crate::view::View;

/// Stops everything for a Record that cannot be right, for a shape that this release cannot make, for servers of another
/// release, and as long as no member is known. A cluster that is leaving is only asked for the last.
pub(crate) fn guard(view: &View<'_>) -> Verdict {
    let blind = view.known().next().is_none() && !view.record.members.is_empty();
    if blind {
        return Verdict::Wait(view.unseen());
    }
    if view.is(Phase::Leaving) {
        return Verdict::Pass;
    }
    if let Err(fault) = view.record.check() {
        let hint = "No step is taken from such a record. Apply a correct one.";
        return Verdict::Wait(vec![view.stuck(view.now, format!("{fault}."), hint)]);
    }
    let beyond = view.record.spec.beyond_this_release();
    if !beyond.is_empty() {
        let stuck =
            |failure: justmanage_model::Failure| view.stuck(view.now, failure.detail, failure.hint.unwrap_or_default());
        return Verdict::Wait(beyond.into_iter().map(stuck).collect());
    }
    Verdict::of(Vec::new(), other_releases(view))
}

/// A server of another release may read what this one wrote, or may not; until rolling from one to the other is the planner's,
/// nothing is done to it.
fn other_releases(view: &View<'_>) -> Vec<Waiting> {
    let wanted = &view.record.release;
    view.serving()
        .filter(|(_, server)| !server.release.agrees_with(wanted))
        .map(|(node, server)| Waiting::OtherRelease {
            node,
            running: server.release.to_string(),
            wanted: wanted.to_string(),
        })
        .collect()
}
