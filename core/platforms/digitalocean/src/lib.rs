//! Nodes on droplets of DigitalOcean: the calls of [`Api`](justmanage_platform_cloud::Api) as its API v2 has them. All else is in `cloud`,
//! for all clouds.
//!
//! The one invariant: **a droplet is made by whoever has made its disk, once.** DigitalOcean has no tokens, and makes as many droplets
//! of one name as it is asked for. But of a volume's name there is one in a region, so the disk for data of a claim is made by one of all
//! who try; it is named in one creating call, and a droplet without it never becomes a node
//! (docs/decisions/0039-digitalocean.md).
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | [`DigitalOceanSettings`]: where, what, and who gets in |
//! | [`digitalocean`] | [`DigitalOcean`]: the calls |
//! | [`scopes`] | what a token has to be allowed |
//! | `client` | HTTP, pages, and the server's time |
//! | `refusal` | what a refusal means |
//! | `wire` | answers, as much of them as is needed |
//! | `network` | the VPC |
//! | `sizes` | sizes of droplets |
//! | `tags` | our tags as flat texts |
//! | `droplets` | droplets, looked at and changed |
//! | `launch` | the creating call |
//! | `disks` | volumes |
//! | `firewalls` | cloud firewalls |
//! | `rules` | who gets in, as a set |

pub mod digitalocean;
pub mod scopes;
pub mod settings;
pub mod tags;

mod client;
mod disks;
mod droplets;
mod firewalls;
mod launch;
mod network;
mod refusal;
mod rules;
mod sizes;
mod wire;

pub use digitalocean::DigitalOcean;
pub use scopes::SCOPES;
pub use settings::DigitalOceanSettings;
