//! The provisioning library: it makes, inspects, changes and removes clusters of Redis and Valkey.
//!
//! `core` moves machines, agents move Redis. A [`Manager`] finds machines by their claims, makes those that are missing,
//! founds the cluster's Record with their agents, and then only watches: the agents carry the cluster to what the Record
//! says, also when this process dies half-way.
//!
//! The one invariant: **nothing that exists is forgotten, and nothing that holds data is replaced.** What is found decides
//! ([`classify`]); no state is kept here.
//!
//! | module | what it holds |
//! |---|---|
//! | [`locator`] | the id of a cluster: where it lives, its name, its cluster id |
//! | [`operator`] | the operator key |
//! | [`artefacts`] | server programs: found, or fetched and verified |
//! | [`agents`] | calls to agents, behind a trait |
//! | [`cloud`] | machines of clouds: what they are made with, and of which clouds |
//! | [`classify`] | what is to become of what already exists under a name |
//! | [`manager`] | [`Manager`]: apply, observe, destroy, users, credentials |
//! | [`servers`] | servers of a pool: what they are made of, and whose they are |
//! | [`view`] | what a cluster looks like to its user |

pub mod agents;
pub mod artefacts;
pub mod classify;
pub mod cloud;
pub mod locator;
pub mod manager;
pub mod operator;
pub mod servers;
pub mod view;

pub use locator::Locator;
pub use manager::{Manager, Unfinished};
pub use operator::OperatorKey;
pub use view::ClusterView;
