//! Processes that are recognised again: by pid, start time and boot, never by pid alone.
//!
//! A pid is reused, so every process that outlives a call is a [`ProcessIdentity`](justmanage_model::node::ProcessIdentity)
//! on disk and a [`Watched`] (a pidfd) in memory: signals go to the process that was meant, or to none.

mod find;
mod identity;
mod launch;
mod launcher;
mod lock;
mod service;
mod stat;
mod unit;
mod watched;

pub use find::{Workplaces, find_agent, leftovers};
pub use identity::{boot_id, identity};
pub use launch::{Confinement, Launch, Refusal};
pub use launcher::{Launcher, SERVICE_SOCKET};
pub use lock::LockGuard;
pub use service::launch_from_stdin;
pub(crate) use unit::said;
pub use watched::{Ending, Watched};
