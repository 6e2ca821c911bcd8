//! Real Terraform, real servers: what the behaviour tests in `tests/it/` stand on.
//!
//! One invariant: **a test leaves nothing behind**. Each has a [`Workspace`]: a directory that is HOME, data, settings
//! and temporary directory of everything it starts. When it goes, also by a panic, processes that still live in it are
//! killed by pid and the directory is removed; and unless the test was failing anyway, anything that was left makes it fail.
//!
//! Nothing here sleeps for a fixed time: [`wait_until`] waits for a condition with a deadline.
//!
//! | module | what it holds |
//! |---|---|
//! | [`workspace`] | the directory, Terraform in it, its end |
//! | [`terraform`] | what Terraform said: diagnostics, plans, state |
//! | [`attribute`] | from a place in a configuration to the attribute that stands there |
//! | [`processes`] | what runs in a directory, and which ports are listened on |
//! | [`sightings`] | what processes showed of themselves: arguments and environment, watched |
//! | [`logs`] | agents' logs, followed; WARN and ERROR are failures unless expected |
//! | [`redis_client`] | a client over TLS as an ACL user |
//! | [`load`] | clients of a whole cluster that write all the time |
//! | [`clients`] | the same by redis-py and ioredis |
//! | [`binaries`] | provider and agent as cargo built them |
//! | [`steps`] | steps of provider and agents, recorded and deadly |
//! | [`servers`] | the cache's Redis and Valkey |
//! | [`hosts`] | servers of their own on this machine, over SSH |
//! | [`guests`] | a cloud on this machine: EC2, and a virtual machine for each instance |
//! | [`secrets`] | secrets, and a search for them in every form |
//! | [`repeat`] | something that is done again and again beside the test |
#![allow(clippy::unwrap_used, reason = "a harness fails its test by panicking")]

pub mod attribute;
pub mod binaries;
mod bridge;
pub mod clients;
pub mod guests;
pub mod hosts;
pub mod load;
pub mod logs;
pub mod processes;
mod recipe;
pub mod redis_client;
pub mod repeat;
pub mod secrets;
pub mod servers;
pub mod sightings;
pub mod steps;
pub mod terraform;
mod wait;
pub mod workspace;

pub use redis_client::Login;
pub use terraform::{Diagnostic, Plan, Run, Severity};
pub use wait::{DEADLINE, wait_for, wait_until};
pub use workspace::Workspace;
