//! The Record, agreed by a majority of a cluster's agents.
//!
//! The agents of one cluster are a Raft group of the library `openraft`, with its log in one `redb` file, over tonic with
//! pinned mutual TLS. Everybody else sees only [`RecordStore`]: get, read, compare-and-set, watch.
//!
//! The one invariant: **a change that was answered "taken" is in every later Record of its epoch, and of two changes of one
//! generation at most one is ever taken** - whoever is killed, cut off or asleep, and whenever.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | [`RecordStore`], and why a change may not be taken |
//! | [`standing`] | [`Standing`]: how this agent stands to the group |
//! | [`voters`] | who votes: a pure function of the Record |
//! | [`group`] | [`Group`]: open, invite, found, re-found, close |
//! | `types` | what is agreed on: commands, verdicts, who a voter is |
//! | `disk` | the file: log, vote, snapshot, invitation, copy |
//! | `log`, `machine` | what the library wants of a store: the log, and what its entries do |
//! | `calls`, `network`, `service` | calls to other agents, and calls from them |
//! | `roster` | who is known, and who may call |
//! | `change`, `lead` | compare-and-set and reading, from any agent, answered by the one that leads |
//! | `found`, `refound` | how a group begins, and begins again |
//! | `keeper` | the library's core: started, watched, started again |
//! | `judge`, `settle`, `follow` | how this agent stands, who votes, and how those who do not vote keep up |

pub mod group;
pub mod standing;
pub mod store;
pub mod voters;

mod calls;
mod change;
mod disk;
mod follow;
mod found;
mod judge;
mod keeper;
mod lead;
mod log;
mod machine;
mod network;
mod refound;
mod roster;
mod service;
mod settle;
mod types;

pub use group::{Group, GroupConfig};
pub use service::GroupService;
pub use standing::Standing;
pub use store::{RecordStore, StoreError};
pub use voters::voters;

// The tests that look inside use the same world as those that look from outside.
#[cfg(test)]
extern crate self as justmanage_record;
#[cfg(test)]
mod traps;
#[cfg(test)]
#[allow(dead_code, clippy::duplicate_mod)]
#[path = "../tests/it/world.rs"]
mod world;
