//! Nodes on servers that are there already, over SSH.
//!
//! The one invariant: **a server is whose claim says**, and the claim stands on the server itself, in one place, written by one
//! `rename`. Nothing about a server is remembered anywhere else.
//!
//! | module | what it holds |
//! |---|---|
//! | [`facts`] | what a host is made of, and whose it is, read from the host by one script |
//! | [`choose`] | which servers a cluster gets: a pure function |

pub mod choose;
pub mod facts;

pub use choose::{Needs, Place, Refusal, choose};
pub use facts::{Facts, State};
