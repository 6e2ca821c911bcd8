//! Passwords and temporary users whose time is over, and releases that have proved to be fit.

use justmanage_model::{Phase, RecordChange};

use crate::draft::Draft;
use crate::start::TRIAL;
use crate::view::View;

/// Takes out of the Record what has ended; the servers then follow as with any other change of users. It waits for nobody: a
/// node that is not seen takes its users from the Record when it is back.
///
/// "Over" is by the clock of whoever leads. Ends are written by the latest clock among the agents ([`justmanage_model::User`]),
/// so a leader whose clock is behind ends late, and none ends early unless its clock was set forward since.
pub(crate) fn expire(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    // The moment of the end and not this one: the same step every time it is planned.
    if let Some(by) = view.record.ended_by(view.now) {
        draft.change(RecordChange::EndPasswords(by));
    }
    // A clock that was set back would make it longer than it is meant to be.
    let over = |until| view.now >= until || view.now + TRIAL < until;
    if view.record.trial.as_ref().is_some_and(|trial| over(trial.until)) {
        draft.change(RecordChange::EndTrial);
    }
}
