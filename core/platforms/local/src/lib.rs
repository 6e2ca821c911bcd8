//! The platform `local`: nodes are processes of this machine, one directory each.
//!
//! `<root>/<cluster name>/<node id>/` is a machine; `order.json` in it is its claim. A directory appears whole, by one
//! rename, so a claim that can be read is complete. Everything that concerns processes (starting, recognising, stopping)
//! is done by the agent's own commands, the same that other platforms run on their machines.
//!
//! The one invariant: **two operators never change the root at the same time**: each holds its lock while it creates or
//! removes. The lock is on the directory itself, so that nothing stays behind when the last cluster goes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`root`] | the directory of all local clusters: layout, lock, claims |
//! | [`agent`] | running the agent's commands |
//! | [`platform`] | the trait's four verbs |

pub mod agent;
pub mod platform;
mod programs;
pub mod root;

pub use agent::AgentBinary;
pub use platform::Local;
pub use root::Root;
