//! The plugin process from outside: providers as processes, driven by the test host and by real Terraform.

#![allow(clippy::unwrap_used, unreachable_pub)] // in tests, also in their helpers

mod debug;
mod handshake;
mod identity;
mod kitchen;
mod life;
mod messages;
mod moves;
mod output;
mod streams;
mod support;
mod terraform;
mod tls;
