//! Nodes on instances of AWS EC2: the calls of [`Api`](justmanage_platform_cloud::Api) as EC2 has them. All else is in `cloud`, for all
//! clouds.
//!
//! The one invariant: **everything of ours bears its tags from the call on that makes it**, instances, their disks and interfaces, and the
//! security group of each cluster, whose name is there once in a network and so locks the cluster's. No type of the SDK leaves this crate.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | [`AwsSettings`]: where, what, and who gets in |
//! | [`aws`] | [`Aws`]: the calls |
//! | `client` | the SDK's client, with ring and without retries of its own |
//! | `refusal` | what EC2's error codes mean |
//! | `network` | subnets, their zones and their network |
//! | `types` | types of instances |
//! | `instances` | instances and their disks |
//! | `groups` | security groups |
//! | `rules` | who gets in, as a set |

pub mod aws;
pub mod settings;

mod client;
mod groups;
mod instances;
mod network;
mod refusal;
mod rules;
mod types;

pub use aws::Aws;
pub use settings::{AwsSettings, Image, Keys, Subnets};
pub use types::USUAL;
