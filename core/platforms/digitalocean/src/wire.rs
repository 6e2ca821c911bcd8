//! Answers of the API, as much of them as is needed.

use serde::{Deserialize, Deserializer};

/// A droplet.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Droplet {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) created_at: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) tags: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) volume_ids: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) networks: Networks,
}

/// Its addresses.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Networks {
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) v4: Vec<Address>,
}

/// An address.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Address {
    pub(crate) ip_address: String,
    /// `private` or `public`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// A volume.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) created_at: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) droplet_ids: Vec<u64>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) tags: Vec<String>,
}

/// A firewall.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CloudFirewall {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) tags: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) inbound_rules: Vec<InboundRule>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) outbound_rules: Vec<OutboundRule>,
}

/// Who gets in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InboundRule {
    pub(crate) protocol: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) ports: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) sources: Ends,
    /// Nothing, `allow`, or `deny`.
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) action: String,
}

/// Who is let out to where.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OutboundRule {
    pub(crate) protocol: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) ports: String,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) destinations: Ends,
    /// As above.
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) action: String,
}

/// The other ends of a rule.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Ends {
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) addresses: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) tags: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) droplet_ids: Vec<u64>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) load_balancer_uids: Vec<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) kubernetes_ids: Vec<String>,
}

/// A tag.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FlatTag {
    pub(crate) name: String,
}

/// A size of droplets.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Size {
    pub(crate) slug: String,
    /// In MiB.
    pub(crate) memory: u64,
    pub(crate) vcpus: u32,
    #[serde(default, deserialize_with = "or_nothing")]
    pub(crate) regions: Vec<String>,
    pub(crate) available: bool,
}

/// A VPC.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Vpc {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) ip_range: String,
    #[serde(default)]
    pub(crate) default: bool,
}

/// What is `null` there is nothing.
fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
