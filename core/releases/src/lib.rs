//! What is known about releases of Redis and Valkey: pure data with questions.
//!
//! The one invariant: **no answer is a guess.** What the data does not say is `None`, or says that it is not certain; a line
//! that nobody looked at is never treated like one that was.
//!
//! | module | what it answers |
//! |---|---|
//! | [`catalogue`] | which lines and patches there are, until when they are kept up |
//! | [`config`] | which configuration keys there are, how they change, which values they take, which are ours |
//! | [`hops`] | between which releases a cluster can go, and what that takes |
//! | [`restores`](mod@restores) | into which lines the data of a backup can be loaded |
//! | [`upgrades`](mod@upgrades) | which patches stand between a version and the newest of its line, and what each closes |
//! | [`vulnerabilities`](mod@vulnerabilities) | which known holes a release has, and where they are closed |
//! | [`published`] | catalogs that somebody serves: which release a cluster takes next by itself |
//! | [`remedy`] | what would close them: a package, a patch, a newer line |
//!
//! The data is embedded ([`data/`](https://github.com/justmanage/terraform-provider-justmanage/tree/main/core/releases/data)):
//! no question ever needs the network.

pub mod catalogue;
pub mod config;
pub mod hops;
pub mod published;
pub mod remedy;
pub mod restores;
pub mod upgrades;
pub mod vulnerabilities;

pub use catalogue::{
    as_of, check_engine, check_target, end_of_life, is_known, latest_patch, lines, newest_line, released,
};
pub use config::{Change, ConfigKey, Drift, KeyCheck, check_config, check_config_key, drift, restarts, same_value};
pub use hops::{Hop, NoHop, hop};
pub use published::{Candidate, NotBelieved, PUBLISHED_BYTES_MAX, Published};
pub use remedy::{Cure, Remedy, remedies};
pub use restores::restores;
pub use upgrades::{Upgrade, upgrades};
pub use vulnerabilities::{Vulnerabilities, Vulnerability, vulnerabilities};
