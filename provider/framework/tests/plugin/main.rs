//! The plugin process from outside: providers as processes, driven by the test host and by real Terraform.

#![allow(clippy::unwrap_used, unreachable_pub)] // in tests, also in their helpers

mod debug;
mod handshake;
mod kitchen;
mod life;
mod messages;
mod output;
mod support;
mod terraform;
mod tls;
