//! A simulated world that drives the real planner.
//!
//! The one invariant: **the same seed tells the same story.** Nothing here reads a clock, a file or a random number; the
//! planner is the real one, everything around it is a model, and what the models must not do is written in [`promises`].
//!
//! | module | what it models |
//! |---|---|
//! | [`chance`], [`shape`] | where chance comes from; what kind of cluster it is |
//! | [`field`] | everything physical, and the passing of time |
//! | [`server`], [`replication`], [`history`] | processes and their disks; copies; what clients wrote and who has it |
//! | [`bus`] | Redis Cluster between the servers |
//! | [`disk`] | what a full disk does |
//! | [`marks`] | slots that others left half-way |
//! | [`network`] | who reaches whom |
//! | [`store`] | the Record, as the majority of agents keeps it |
//! | [`agent`], [`memory`], [`hands`], [`eyes`], [`gather`] | what an agent knows, sees and does |
//! | [`operator`], [`faults`] | what people want, and what breaks |
//! | [`promises`] | what must hold, and what clients may lose for which reason |
//! | `service` | that every slot is served where nothing is broken |
//! | [`world`], [`run`] | all of it together; a seed from beginning to verdict |

pub mod agent;
mod backing_up;
pub mod bus;
pub mod chance;
pub mod data;
pub mod disk;
pub mod eyes;
pub mod faults;
pub mod field;
pub mod gather;
pub mod hands;
pub mod history;
pub mod marks;
pub mod memory;
pub mod moving;
pub mod network;
pub mod operator;
pub mod promises;
pub mod replication;
pub mod run;
pub mod server;
mod service;
pub mod shape;
mod spares;
pub mod store;
pub mod world;

use jiff::SignedDuration;
use justmanage_model::Timestamp;

/// Milliseconds.
pub type Ms = u64;

/// How much time passes at once. Servers look after their bus ten times a second; what is quicker than that happens at the end
/// of the same tick, or in the next one, as chance will have it.
pub const TICK: Ms = 100;

/// A moment by a clock that is so many milliseconds ahead.
#[must_use]
pub fn timestamp(now: Ms, ahead: i64) -> Timestamp {
    let begin = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 20_000);
    begin + SignedDuration::from_millis(i64::try_from(now).unwrap_or(i64::MAX) + ahead)
}
