//! The engine against real servers: every one that the tests have, over TLS, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod authority;
mod node;
mod servers;

mod calls;
mod files;
mod programs;
mod tables;
