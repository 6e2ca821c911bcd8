//! Backups of real servers on loopback: one of every release line that can be had, over TLS wherever it was built in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

// Servers, nodes and clusters are those of the engine's own tests, which use more of them.
#[allow(dead_code, reason = "the engine's tests use it")]
#[path = "../../../../core/engine/tests/it/authority.rs"]
mod authority;
#[allow(dead_code, reason = "the engine's tests use it")]
#[path = "../../../../core/engine/tests/it/cluster.rs"]
mod cluster;
#[allow(dead_code, reason = "the engine's tests use it")]
#[path = "../../../../core/engine/tests/it/node.rs"]
mod node;
#[path = "../../../../core/engine/tests/it/ports.rs"]
mod ports;
#[allow(dead_code, unused_imports, unused_macros, reason = "the engine's tests use it")]
#[path = "../../../../core/engine/tests/it/servers.rs"]
mod servers;
#[path = "../../../../core/engine/tests/it/wait.rs"]
mod wait;

mod breaks;
mod data;
mod inner;
mod kills;
mod memory;
mod page;
mod round_trip;
mod shelf;
mod spoilt;
mod stores;
