//! The simulation: seeds that found something, a slice of others, and whether it sees what it is to see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod seeds;
mod watch;
