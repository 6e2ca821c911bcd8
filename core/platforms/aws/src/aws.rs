//! The calls of a cloud, as EC2 has them.

use async_trait::async_trait;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use justmanage_platform_cloud::{Api, ApiError, Firewall, Instance, Launch, Room, Tags};
use justmanage_platforms::{CloudKind, MachineRef, PlatformKind};
use tokio::sync::OnceCell;

use crate::network::{self, Network};
use crate::settings::{AwsSettings, Subnets};
use crate::{client, groups, instances, types};

/// In front of our tags' keys.
const PREFIX: &str = "jm:";
/// In which VPC something is, as a tag: instances that are gone do not say it any more.
pub(crate) const VPC: &str = "jm:vpc";

/// EC2, at one region and VPC.
#[derive(Debug)]
pub struct Aws {
    settings: AwsSettings,
    client: OnceCell<Client>,
    network: OnceCell<Network>,
}

impl Aws {
    /// EC2 with these settings. Nobody is asked yet, also not for credentials.
    #[must_use]
    pub fn new(settings: AwsSettings) -> Self {
        Self { settings, client: OnceCell::new(), network: OnceCell::new() }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| client::client(&self.settings)).await
    }

    /// Subnets and their VPC, which never change.
    async fn network(&self) -> Result<&Network, ApiError> {
        let client = self.client().await;
        self.network.get_or_try_init(|| network::network(client, &self.settings.network)).await
    }

    /// The VPC that is looked at; `None`: all of the region.
    async fn vpc(&self) -> Result<Option<&str>, ApiError> {
        match self.settings.network {
            Subnets::Anywhere => Ok(None),
            Subnets::Default | Subnets::These(_) => Ok(Some(&self.network().await?.vpc)),
        }
    }
}

/// The key of a tag of ours, by its name for all clouds.
pub(crate) fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Tags for something that is made: ours, the user's, and a name for people.
pub(crate) fn tags_of(kind: ResourceType, settings: &AwsSettings, vpc: Option<&str>, tags: &Tags) -> TagSpecification {
    let tag = |key: String, value: String| Tag::builder().key(key).value(value).build();
    let mut all: Vec<Tag> = vpc.map(|vpc| tag(VPC.to_owned(), vpc.to_owned())).into_iter().collect();
    all.extend(tags.written(PREFIX).map(|(key, value)| tag(key, value.to_owned())));
    if let Some(claim) = tags.claim() {
        let seat = claim.seat.map_or("spare".to_owned(), |seat| format!("{}-{}", seat.shard, seat.ordinal));
        let is_own = |name: &str| settings.tags.contains_key(name);
        let name = match kind {
            ResourceType::SecurityGroup => claim.name.to_string(),
            _ => format!("{}-{seat}", claim.name),
        };
        all.extend((!is_own("Name")).then(|| tag("Name".to_owned(), name)));
        all.extend(settings.tags.iter().map(|(key, value)| tag(key.clone(), value.clone())));
    }
    TagSpecification::builder().resource_type(kind).set_tags(Some(all)).build()
}

/// Our tags among all.
pub(crate) fn tags_read(tags: &[Tag]) -> Tags {
    let pairs = tags.iter().filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
    Tags::read(PREFIX, pairs)
}

/// Whether a text is an id of EC2's with this prefix.
fn is_id(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix);
    digits
        .is_some_and(|digits| [8, 17].contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

#[async_trait]
impl Api for Aws {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Cloud { cloud: CloudKind::Aws, place: self.settings.region.clone() }
    }

    fn is_instance(&self, reference: &MachineRef) -> bool {
        is_id(&reference.0, "i-")
    }

    fn is_firewall(&self, reference: &MachineRef) -> bool {
        is_id(&reference.0, "sg-")
    }

    async fn instances(&self) -> Result<Vec<Instance>, ApiError> {
        instances::list(self.client().await, self.vpc().await?).await
    }

    async fn instance(&self, id: &str) -> Result<Option<Instance>, ApiError> {
        instances::one(self.client().await, id).await
    }

    async fn room(&self) -> Result<Room, ApiError> {
        types::room(self.client().await, &self.settings, self.network().await?).await
    }

    async fn launch(&self, launch: &Launch) -> Result<Instance, ApiError> {
        instances::launch(self.client().await, &self.settings, self.network().await?, launch).await
    }

    async fn start(&self, id: &str) -> Result<(), ApiError> {
        instances::start(self.client().await, id).await
    }

    async fn terminate(&self, id: &str) -> Result<(), ApiError> {
        instances::terminate(self.client().await, id).await
    }

    async fn sweep(&self, tags: &Tags) -> Result<(), ApiError> {
        instances::sweep(self.client().await, tags).await
    }

    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), ApiError> {
        instances::tag(self.client().await, &self.settings, self.vpc().await?, id, tags).await
    }

    async fn console(&self, id: &str) -> Result<Option<String>, ApiError> {
        instances::console(self.client().await, id).await
    }

    async fn firewalls(&self) -> Result<Vec<Firewall>, ApiError> {
        groups::list(self.client().await, &self.settings, self.vpc().await?).await
    }

    async fn make_firewall(&self, tags: &Tags) -> Result<String, ApiError> {
        groups::make(self.client().await, &self.settings, &self.network().await?.vpc, tags).await
    }

    async fn open(&self, firewall: &Firewall) -> Result<(), ApiError> {
        groups::open(self.client().await, &self.settings, &firewall.id).await
    }

    async fn drop_firewall(&self, id: &str) -> Result<(), ApiError> {
        groups::drop(self.client().await, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_anything_else() {
        for (text, is) in [
            ("i-0123456789abcdef0", true),
            ("i-01234567", true),
            ("i-0123456789abcdeg0", false),
            ("i-", false),
            ("sg-01234567", false),
            ("elsewhere", false),
        ] {
            assert_eq!(is_id(text, "i-"), is, "{text}");
        }
    }
}
