//! The calls of a cloud, as DigitalOcean has them.

use std::net::IpAddr;

use async_trait::async_trait;
use justmanage_platform_cloud::{Api, ApiError, Firewall, Instance, Launch, Room, Tags};
use justmanage_platforms::{CloudKind, MachineRef, PlatformKind};
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::launch::Spare;
use crate::network::{self, Network};
use crate::settings::DigitalOceanSettings;
use crate::{droplets, firewalls, launch, sizes, tags};

/// DigitalOcean, at one region and VPC.
#[derive(Debug)]
pub struct DigitalOcean {
    settings: DigitalOceanSettings,
    client: OnceCell<Client>,
    network: OnceCell<Network>,
    spare: Spare,
}

impl DigitalOcean {
    /// DigitalOcean with these settings. Nobody is asked yet.
    #[must_use]
    pub fn new(settings: DigitalOceanSettings) -> Self {
        Self { settings, client: OnceCell::new(), network: OnceCell::new(), spare: Spare::default() }
    }

    async fn client(&self) -> Result<&Client, ApiError> {
        self.client.get_or_try_init(async || Client::new(&self.settings)).await
    }

    /// The VPC, which never changes.
    async fn network(&self) -> Result<&Network, ApiError> {
        let client = self.client().await?;
        let ask = async || {
            let DigitalOceanSettings { tags, allowed_tags, .. } = &self.settings;
            if let Some(wrong) = tags.iter().find(|tag| tags::is_ours(tag)) {
                return Err(ApiError::Invalid(format!("{wrong:?} begins as tags of Just Manage's own do")));
            }
            if let Some(wrong) = tags.iter().chain(allowed_tags).find(|tag| !tags::is_tag(tag)) {
                return Err(ApiError::Invalid(format!(
                    "{wrong:?} is no tag: those have 1 to 255 letters, digits, underscores, hyphens and colons"
                )));
            }
            network::network(client, &self.settings).await
        };
        self.network.get_or_try_init(ask).await
    }

    async fn vpc(&self) -> Result<&str, ApiError> {
        Ok(self.network().await?.vpc.as_str())
    }
}

/// Tags for something that is made for a claim: ours, and the user's.
pub(crate) fn tags_of(settings: &DigitalOceanSettings, vpc: &str, all: &Tags) -> Vec<String> {
    let mut flat = vec![tags::of_vpc(vpc)];
    if let Some(claim) = all.claim() {
        flat.push(tags::of_cluster(claim.cluster));
        flat.extend(tags::own(claim.node, all));
    }
    flat.extend(settings.tags.iter().cloned());
    flat
}

/// Whether a text is a number, as droplets have it.
fn is_number(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number > 0 && number.to_string() == text)
}

/// Whether a text is a UUID, as firewalls have it.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(is_hex)
}

#[async_trait]
impl Api for DigitalOcean {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Cloud { cloud: CloudKind::DigitalOcean, place: self.settings.region.clone() }
    }

    fn is_instance(&self, reference: &MachineRef) -> bool {
        is_number(&reference.0)
    }

    fn is_firewall(&self, reference: &MachineRef) -> bool {
        is_uuid(&reference.0)
    }

    async fn instances(&self) -> Result<Vec<Instance>, ApiError> {
        droplets::list(self.client().await?, &tags::of_vpc(self.vpc().await?)).await
    }

    async fn instance(&self, id: &str) -> Result<Option<Instance>, ApiError> {
        droplets::one(self.client().await?, self.vpc().await?, id).await
    }

    async fn room(&self) -> Result<Room, ApiError> {
        sizes::room(self.client().await?, &self.settings).await
    }

    async fn toward(&self) -> Result<Option<IpAddr>, ApiError> {
        Ok(Some(self.network().await?.toward))
    }

    async fn launch(&self, launch: &Launch) -> Result<Instance, ApiError> {
        launch::launch(self.client().await?, &self.settings, self.vpc().await?, &self.spare, launch).await
    }

    async fn start(&self, id: &str) -> Result<(), ApiError> {
        droplets::start(self.client().await?, id).await
    }

    async fn terminate(&self, id: &str) -> Result<(), ApiError> {
        droplets::terminate(self.client().await?, id).await
    }

    async fn sweep(&self, tags: &Tags) -> Result<(), ApiError> {
        droplets::sweep(self.client().await?, &self.settings, tags).await
    }

    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), ApiError> {
        droplets::tag(self.client().await?, &self.settings, self.vpc().await?, id, tags).await
    }

    async fn firewalls(&self) -> Result<Vec<Firewall>, ApiError> {
        firewalls::list(self.client().await?, &self.settings, self.vpc().await?).await
    }

    async fn make_firewall(&self, tags: &Tags) -> Result<String, ApiError> {
        firewalls::make(self.client().await?, &self.settings, self.vpc().await?, tags).await
    }

    async fn open(&self, firewall: &Firewall) -> Result<(), ApiError> {
        firewalls::open(self.client().await?, &self.settings, self.vpc().await?, firewall).await
    }

    async fn drop_firewall(&self, id: &str) -> Result<(), ApiError> {
        firewalls::drop(self.client().await?, &self.settings, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_anything_else() {
        for (text, number, uuid) in [
            ("3164444", true, false),
            ("0", false, false),
            ("007", false, false),
            ("-1", false, false),
            ("bb4b2611-3d72-467b-8602-280330ecd65c", false, true),
            ("bb4b2611-3d72-467b-8602-280330ecd65", false, false),
            ("BB4B2611-3d72-467b-8602-280330ecd65c", false, false),
            ("i-0123456789abcdef0", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_number(text), is_uuid(text)), (number, uuid), "{text}");
        }
    }
}
