//! Where droplets are made, what they are, and who gets in.

use std::collections::BTreeMap;

use justmanage_model::Secret;

/// How this crate uses DigitalOcean.
#[derive(Clone, Debug)]
pub struct DigitalOceanSettings {
    /// The region: `fra1`. It is all one zone, and nobody can say which droplets stand apart there.
    pub region: String,
    /// Where the API answers, if not where it always does: a test's.
    pub endpoint: Option<String>,
    /// The token, with [`crate::SCOPES`] at least.
    pub token: Secret<String>,
    /// The VPC; `None`: the region's default one.
    pub vpc: Option<String>,
    /// Sizes of droplets that are allowed, in the order in which to try them; none: the smallest that fits of those made for memory or for
    /// general use.
    pub sizes: Vec<String>,
    /// What droplets boot, by what `uname -m` says there: a slug, or the number of an image of one's own.
    pub images: BTreeMap<String, String>,
    /// SSH keys of root, by fingerprint or number. None are needed: port 22 is shut. But without any DigitalOcean sends a password of root
    /// to the account's owner by mail.
    pub ssh_keys: Vec<String>,
    /// Whether droplets have public addresses besides. Nobody gets in there who does not get in anyway; without one a droplet needs a
    /// NAT gateway, or a mirror in its VPC, to fetch what it runs.
    pub public_networking: bool,
    /// From where clients get in.
    pub allowed_cidrs: Vec<String>,
    /// Tags whose droplets get in as clients.
    pub allowed_tags: Vec<String>,
    /// From where operators get to the agents.
    pub operator_cidrs: Vec<String>,
    /// More tags for droplets and volumes, such as whom they are billed to ([`crate::tags::is_tag`]).
    pub tags: Vec<String>,
}

impl DigitalOceanSettings {
    /// Debian 12, as DigitalOcean publishes it. There are no processors but `x86_64`.
    #[must_use]
    pub fn debian() -> BTreeMap<String, String> {
        [("x86_64".to_owned(), "debian-12-x64".to_owned())].into()
    }
}
