//! A node's place on its machine: its ports.

mod berth;

pub use berth::{BERTHS, Berth, BerthError};
