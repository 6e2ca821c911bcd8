//! The planner as a whole: reviewed scripts, and properties over simulated clusters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop there")]

mod properties;
mod script;
mod show;
mod stage;
