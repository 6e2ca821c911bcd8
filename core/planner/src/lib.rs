//! The pure function that decides what happens next to a cluster.
//!
//! The one invariant: **the same Record, Observation and moment always give the same answer**, and nothing else does. No IO,
//! no clock, no state: whoever drives may stop at any point, and whoever goes on from there comes to the same end.
//!
//! Every agent runs it over what it can see, and carries out the steps of its own node. An agent that sees only its own node
//! still gets all that its node needs; what needs a look at the whole cluster, a change of the Record, is carried out by the
//! agent that leads.
//!
//! One file per concern; the order in which they are asked is the policy. A node about which an earlier concern has something
//! to say is left alone by the later ones; other nodes go on.
//!
//! | concern | what it decides |
//! |---|---|
//! | [`guard`] | whether anything may be done at all |
//! | [`locate`] | where members are that have moved |
//! | [`settle`] | finishing what a grant or a takeover allowed |
//! | [`heal`] | bringing back what has died; never needs a grant |
//! | [`fence`] | who may decide on a primary where there is no majority of primaries |
//! | [`form`] | making a cluster out of members |
//! | [`replace`] | whether a spare takes the place of a node that is lost |
//! | [`leave`] | taking it down at the user's word |
//! | [`rebalance`] | which slots move, and who is not needed any more, when another shape is asked for |
//! | [`expire`] | passwords and temporary users whose time is over, and the time in which a release proves to be fit |
//! | [`rotate`] | certificates, their authority and the replication password that are replaced by new ones |
//! | [`tune`] | configuration, users and certificates as they are wanted, in running servers |
//! | [`back_up`] | when a backup is made, from which servers, and what becomes of it |
//! | [`roll`] | what needs a restart: one node at a time, primaries after they have handed over |
//! | [`take_up`] | which newer release the cluster goes over to by itself, and when |
//!
//! Questions of safety ([`safety`]) answer with a reason, never with a bool, and the reason reaches the user unchanged.

mod back_up;
mod draft;
mod expire;
mod fence;
mod form;
mod guard;
mod handover;
mod heal;
mod leave;
mod locate;
mod rebalance;
mod replace;
mod reshard;
mod restart;
mod revive;
mod roll;
mod rotate;
mod safety;
mod settle;
mod start;
mod take_up;
mod tune;
mod view;
mod window;

use justmanage_model::{Observation, Plan, Record, Timestamp};

pub use back_up::{BACKUP_PATIENCE, BACKUP_PAUSES};
use draft::Draft;
pub use fence::TAKEOVER_PATIENCE;
pub use handover::{HANDOVER_PATIENCE, HANDOVER_TRIES};
pub use heal::{HANG_PATIENCE, HELD_PATIENCE, START_FAILURES_STUCK, START_PATIENCE};
pub use locate::CALLED_IN_VAIN;
pub use rebalance::UNEVEN_PERCENT;
pub use reshard::MOVE_PATIENCE;
pub use revive::{ELECTION_PATIENCE, FAILOVER_LAG_MAX, LAST_REPORT_MAX};
pub use rotate::renewed_at;
pub use settle::FENCE_PATIENCE;
pub use start::TRIAL;
use view::View;
pub use window::{CLOCKS_APART_MAX_S, PREPARATION, STEP_USUAL, waits_for_window};

/// What is to happen next.
///
/// Run the steps, each of which is safe to run twice, then observe and ask again. `Converged` is said only of a cluster of
/// which every member and every spare was seen.
#[must_use]
pub fn plan(record: &Record, observation: &Observation, now: Timestamp) -> Plan {
    let view = View::new(record, observation, now);
    let mut draft = Draft::default();
    let policy = [
        guard::guard,
        locate::locate,
        settle::settle,
        heal::heal,
        fence::fence,
        form::form,
        replace::replace,
        leave::leave,
        rebalance::rebalance,
        expire::expire,
        rotate::rotate,
        tune::tune,
        back_up::back_up,
        roll::roll,
        take_up::take_up,
    ];
    for concern in policy {
        concern(&view, &mut draft);
        if draft.is_closed() {
            break;
        }
    }
    draft.finish(view.unseen_with_spares())
}
