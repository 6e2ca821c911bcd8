//! Steps: recorded and deadly in a debug build, and nothing at all in a release build.
#![allow(clippy::unwrap_used, reason = "tests")]

mod rehearsal;
mod release;
