//! The engine against real servers on loopback: one of every release line that can be had, over TLS wherever it was built in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod authority;
mod client;
mod cluster;
mod node;
mod ports;
mod servers;
mod traffic;
mod wait;

mod calls;
mod failover;
mod files;
mod forming;
mod givers;
mod large_keys;
mod links;
mod moving;
mod probe;
mod programs;
mod stalls;
mod tables;
