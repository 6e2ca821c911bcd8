//! Whether anything may be done at all.

use justmanage_model::{Phase, Waiting};

use crate::draft::Draft;
use crate::view::View;

/// Stops everything for a Record that cannot be right, and as long as no member is known; and leaves servers of a release
/// that nobody asked for alone. A cluster that is leaving is only asked whether anybody is known.
pub(crate) fn guard(view: &View<'_>, draft: &mut Draft) {
    let blind = view.known().next().is_none() && !view.record.members.is_empty();
    if blind {
        return draft.close();
    }
    if view.is(Phase::Leaving) {
        return;
    }
    if let Err(fault) = view.record.check() {
        let hint = "No step is taken from such a record. Apply a correct one.";
        let what = format!("{}.", fault.to_string().trim_end_matches('.'));
        draft.wait(view.stuck(view.now, what, hint));
        return draft.close();
    }
    // A server of another release may read what this one wrote, or may not; where it was not an operator who had servers go over
    // (somebody has put another program in the place of the one that was agreed on), nothing is done to it.
    let wanted = &view.record.release;
    if view.record.previous.is_some() {
        return;
    }
    for one in view.serving().filter(|one| !one.server.release.agrees_with(wanted)) {
        let (running, wanted) = (one.server.release.to_string(), wanted.to_string());
        draft.wait_for(one.node, Waiting::OtherRelease { node: one.node, running, wanted });
    }
}
