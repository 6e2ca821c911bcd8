//! Processes that are recognised again: by pid, start time and boot, never by pid alone.
//!
//! A pid is reused, so every process that outlives a call is a [`ProcessIdentity`](justmanage_model::node::ProcessIdentity)
//! on disk and a [`Watched`] (a pidfd) in memory: signals go to the process that was meant, or to none.

mod find;
mod identity;
mod launch;
mod lock;
mod stat;
mod watched;

pub use find::{Workplaces, find_agent, leftovers};
pub use identity::{boot_id, identity};
pub use launch::{Confinement, Launch, Launcher, Refusal};
pub use lock::LockGuard;
pub use watched::{Ending, Watched};
