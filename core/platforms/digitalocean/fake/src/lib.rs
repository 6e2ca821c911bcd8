//! DigitalOcean's API v2 for tests: droplets, volumes, firewalls, tags, sizes and VPCs, in memory behind a port of this machine.
//!
//! The one invariant: **it refuses what the real one refuses, and promises no more.** Droplets of one name can be many; their disks show
//! when they are made; lists come late; what is attached is not taken away; a tag that is taken away is taken from all that bear it.
//! Its wire format is kept honest by a stranger: the official client in Python runs against it (`../tests/it/stranger.rs`).
//!
//! | module | what it holds |
//! |---|---|
//! | [`fake`] | [`Fake`]: the server, as a test has it |
//! | [`wrong`] | [`Wrong`]: what goes wrong |
//! | [`world`] | what is there, and how time passes |
//! | `answer` | answers, refusals and pages |
//! | `routes` | which call is which, and what scopes it needs |
//! | `droplets`, `volumes`, `firewalls`, `tags`, `catalogue` | the calls |

pub mod fake;
pub mod world;
pub mod wrong;

mod answer;
mod catalogue;
mod droplets;
mod firewalls;
mod routes;
mod tags;
mod volumes;

pub use fake::Fake;
pub use world::{Droplet, Firewall, Volume};
pub use wrong::Wrong;
