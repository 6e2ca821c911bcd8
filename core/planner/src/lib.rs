//! The pure function that decides what happens next to a cluster.
//!
//! The one invariant: **the same Record, Observation and moment always give the same answer**, and nothing else does. No IO,
//! no clock, no state: whoever drives may stop at any point, and whoever goes on from there comes to the same end.
//!
//! One file per concern; the order in which they are asked is the policy. The first that has something to say decides, so
//! what stands earlier never waits for what stands later. `rebalance`, `roll` and `back_up` take their places between these
//! when clusters have more than one node.
//!
//! | concern | what it decides |
//! |---|---|
//! | [`guard`] | whether anything may be done at all |
//! | [`settle`] | finishing what a grant allowed |
//! | [`heal`] | bringing back what has died; never needs a grant |
//! | [`form`] | making a cluster out of members |
//! | [`leave`] | taking it down at the user's word |
//! | [`tune`] | configuration, users and certificates as they are wanted |
//!
//! Questions of safety ([`safety`]) answer with a reason, never with a bool, and the reason reaches the user unchanged.

mod form;
mod guard;
mod heal;
mod leave;
mod safety;
mod settle;
mod tune;
mod view;

use justmanage_model::{Observation, Plan, Record, Step, Timestamp, Waiting};

pub use heal::{HANG_PATIENCE, START_FAILURES_STUCK, START_PATIENCE};
pub use tune::RENEW_BEFORE;
use view::View;

/// What one concern has to say.
enum Verdict {
    /// Nothing: ask the next.
    Pass,
    /// Do this.
    Act(Vec<Step>),
    /// Nothing can be done now, neither by this concern nor by those after it.
    Wait(Vec<Waiting>),
}

impl Verdict {
    /// Steps if there are any, else reasons if there are any.
    fn of(steps: Vec<Step>, reasons: Vec<Waiting>) -> Self {
        match (steps.is_empty(), reasons.is_empty()) {
            (false, _) => Self::Act(steps),
            (true, false) => Self::Wait(reasons),
            (true, true) => Self::Pass,
        }
    }
}

/// What is to happen next.
///
/// Run the steps, each of which is safe to run twice, then observe and ask again. `Converged` is said only of a cluster of
/// which every member was seen.
#[must_use]
pub fn plan(record: &Record, observation: &Observation, now: Timestamp) -> Plan {
    let view = View { record, observation, now };
    let policy = [guard::guard, settle::settle, heal::heal, form::form, leave::leave, tune::tune];
    for concern in policy {
        match concern(&view) {
            Verdict::Pass => {}
            Verdict::Act(steps) => return Plan::Act(steps),
            Verdict::Wait(reasons) => return Plan::Wait(reasons),
        }
    }
    let unseen = view.unseen();
    if unseen.is_empty() { Plan::Converged } else { Plan::Wait(unseen) }
}
