//! Nodes on servers that are there already, over SSH.
//!
//! The one invariant: **a server is whose claim says**, and the claim stands on the server itself, in one place, written by one
//! `rename`. Nothing about a server is remembered anywhere else.
//!
//! | module | what it holds |
//! |---|---|
//! | [`facts`] | what a host is made of, and whose it is, read from the host by one script |
//! | [`choose`] | which servers a cluster gets: a pure function |
//! | [`script`] | a script on its way to a host: its parameters, and what comes behind it |
//! | `scripts` | what is done on a server, one script for each change, beside the units that it installs |
//! | [`shell`] | whoever carries scripts out |
//! | `trouble` | what goes wrong on hosts, in words |
//! | `look` | all servers of a pool at one time |
//! | `order`, `ensure` | the server of an order; claimed, and with an agent that answers |
//! | [`programs`], `artefacts` | programs of agents, and of servers |
//! | `reach` | how an agent is reached |
//! | [`platform`] | the trait |

pub mod choose;
pub mod facts;
pub mod platform;
pub mod programs;
pub mod script;
pub mod shell;

mod artefacts;
mod ensure;
mod look;
mod order;
mod packages;
mod reach;
mod scripts;
mod trouble;

pub use choose::{Place, Refusal, choose, sharing};
pub use facts::{Facts, State};
pub use look::together;
pub use platform::Servers;
pub use programs::Programs;
pub use script::Script;
pub use shell::Shell;
