//! Restarts, one node at a time.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::{Grant, Phase, RecordChange};

use crate::draft::Draft;
use crate::handover;
use crate::safety;
use crate::view::{Serving, View};

/// Gives leave for the next restart when nothing else is going on.
///
/// Shard by shard, and in each the replicas before the primary, whoever lags most first. A primary is not stopped while a replica
/// can take its place: that replica takes over first, and is not asked to give it back.
pub(crate) fn roll(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) || !draft.is_calm() {
        return;
    }
    let Some(one) = next(view) else { return };
    if let Some(halt) = &view.record.halt {
        let hint = "Nothing is begun that disturbs a node. Look into it, and apply again to go on.";
        return draft.wait(view.stuck(halt.since, halt.what.clone(), hint));
    }
    if let Some(reason) = safety::why_not_restart(view, one.node) {
        return draft.wait(reason);
    }
    match handover::heir(view, one) {
        handover::Heir::Nobody => give(view, draft, Operation::Restart, one),
        handover::Heir::Ready(heir) => give(view, draft, Operation::Handover, heir),
        handover::Heir::Later(reason) => draft.wait(reason),
    }
}

/// Who is restarted next.
fn next<'a>(view: &View<'a>) -> Option<Serving<'a>> {
    let needs = view.serving().filter(|one| !view.drift(*one).restart.is_empty());
    needs.min_by_key(|one| (one.member.seat.shard, one.owns(), one.server.offset, one.node))
}

fn give(view: &View<'_>, draft: &mut Draft, operation: Operation, to: Serving<'_>) {
    let given = view.record.generation.next();
    draft.change(RecordChange::Give(Grant { operation, nodes: BTreeSet::from([to.node]), given }));
}
