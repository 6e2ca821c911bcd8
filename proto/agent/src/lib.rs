//! The API of an agent, as generated messages, client and server.
//!
//! There is no logic here. The one invariant: what is released stays readable. Fields are added, never renumbered; a
//! change that an older side would misread is a new package (`v2`).

/// Version 1 of the API: package `justmanage.agent.v1`.
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, rustdoc::all)]
pub mod v1 {
    tonic::include_proto!("justmanage.agent.v1");
}
