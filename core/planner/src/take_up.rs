//! Upgrades that a cluster takes by itself: what its catalog has for it, and when it goes over.

use justmanage_model::{MaintenanceWindow, Offer, Phase, Record, RecordChange, Seen, Upcoming, Waiting};
use justmanage_releases::hop;

use crate::draft::Draft;
use crate::safety;
use crate::view::View;
use crate::window;

/// Notes what the catalog has, withdraws what is not wanted any more, and goes over when nothing is in the way: the window is open,
/// every node has the program, and nothing else is under way.
pub(crate) fn take_up(view: &View<'_>, draft: &mut Draft) {
    let record = view.record;
    if !view.is(Phase::Formed) {
        return;
    }
    let Some((window, upcoming)) = wanted(record) else {
        // Whoever has gone over already stays: then the others follow, or a person says otherwise.
        let nobody_has = view.serving().all(|one| view.is_behind(one)) && record.grant.is_none();
        if record.upcoming.is_some() && (record.taken_up().is_none() || nobody_has) {
            return draft.change(RecordChange::Withdraw);
        }
        return note(view, draft);
    };
    if record.previous.is_some() {
        return;
    }
    // A list that is of no use now does not keep back what a good one has said.
    let calm = draft.is_calm();
    note(view, draft);
    // The same release came by another way.
    if upcoming.program.release.version <= record.release.version {
        return draft.change(RecordChange::Withdraw);
    }
    if let Some(waiting) = window::why_not_take_up(view, window, upcoming) {
        return draft.wait(waiting);
    }
    let at_rest = calm && record.halt.is_none() && record.grant.is_none() && record.reshaping.is_none();
    let way = hop(&record.release, &upcoming.program.release).is_ok_and(|hop| !hop.empties);
    if at_rest && way && safety::why_not_disturb(view).is_none() {
        draft.change(RecordChange::TakeUp);
    }
}

/// The release that is taken next, with the window that wants it.
fn wanted(record: &Record) -> Option<(&MaintenanceWindow, &Upcoming)> {
    let window = record.spec.maintenance_window.as_ref()?;
    record.upcoming.as_ref().filter(|upcoming| window.wants(upcoming)).map(|upcoming| (window, upcoming))
}

/// Writes down what the catalog has now.
fn note(view: &View<'_>, draft: &mut Draft) {
    let record = view.record;
    let offers = view.observation.nodes.values().filter_map(Seen::known).filter_map(|seen| seen.offer.as_ref());
    let Some(offer) = offers.max_by_key(|offer| offer.as_ref().map(|offer| offer.serial).unwrap_or_default()) else {
        return;
    };
    let offer = match offer {
        Ok(offer) => offer,
        Err(why) => {
            let what = "upgrades by themselves".to_owned();
            return draft.wait(Waiting::Pending { what, why: format!("no newer release is known of: {why}") });
        }
    };
    if offer.serial >= record.catalog_serial && is_new(record, offer) {
        draft.change(RecordChange::NoteOffer(Box::new(offer.clone())));
    }
}

/// Whether it says something that is not known. What is there already was offered to the release before.
fn is_new(record: &Record, offer: &Offer) -> bool {
    let newer = |upcoming: &Upcoming| upcoming.program.release.version > record.release.version;
    if !offer.upcoming.as_ref().is_none_or(newer) {
        return false;
    }
    offer.serial > record.catalog_serial || offer.upcoming != record.upcoming
}
