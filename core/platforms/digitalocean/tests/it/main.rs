//! DigitalOcean as the fake plays it: the contract of all platforms, what is DigitalOcean's own, and whether the fake is like it.

mod contract;
mod disks;
mod own;
mod scopes;
mod stranger;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_cloud_played::{Machines, PlayedClock, PlayedOperator, TRUSTED, agent_of, order_in, settings};
use justmanage_digitalocean_fake::Fake;
use justmanage_digitalocean_fake::fake::{REGION, TOKEN};
use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{Claim, ClusterId, NodeId, Pin, Seat, Secret};
use justmanage_platform_cloud::Cloud;
use justmanage_platform_digitalocean::{DigitalOcean, DigitalOceanSettings};
use justmanage_platforms::{ClaimQuery, MachineOrder};

/// Droplets of the fake, with the agents that their first-boot scripts make.
struct Droplets(Arc<Fake>);

#[async_trait]
impl Machines for Droplets {
    async fn agent_at(&self, address: SocketAddr) -> Option<(NodeOrder, AgentInfo)> {
        let ip = address.ip().to_string();
        let world = self.0.world();
        // Without its disk the script ends before there is an agent.
        let has_disk = |id: u64| world.volumes.values().any(|volume| volume.droplet == Some(id));
        let droplet = world.droplets.values().find(|droplet| {
            droplet.address == ip && droplet.status == "active" && !droplet.is_ending && has_disk(droplet.id)
        })?;
        let script = &droplet.user_data;
        Some((order_in(script), agent_of(script, &droplet.id.to_string(), address.ip(), droplet.boots)))
    }
}

fn own_settings(fake: &Fake) -> DigitalOceanSettings {
    DigitalOceanSettings {
        region: REGION.into(),
        endpoint: Some(fake.endpoint()),
        token: Secret::new(TOKEN.to_owned()),
        vpc: None,
        sizes: vec!["g-2vcpu-8gb".into(), "m-2vcpu-16gb".into()],
        images: DigitalOceanSettings::debian(),
        ssh_keys: Vec::new(),
        public_networking: true,
        allowed_cidrs: vec!["10.0.0.0/8".into(), "2001:db8::/32".into()],
        allowed_tags: Vec::new(),
        operator_cidrs: vec!["192.0.2.7/32".into()],
        tags: vec!["team:storage".into()],
    }
}

/// The platform, as a process has it that knows nothing of those before it.
fn platform(fake: &Arc<Fake>) -> Cloud {
    platform_with(fake, own_settings(fake))
}

fn platform_with(fake: &Arc<Fake>, own: DigitalOceanSettings) -> Cloud {
    let operator = PlayedOperator::new(TRUSTED, Arc::new(Droplets(fake.clone())));
    Cloud::new(Arc::new(DigitalOcean::new(own)), Arc::new(operator), Arc::new(PlayedClock::default()), settings())
}

async fn fake() -> Arc<Fake> {
    Arc::new(Fake::start().await)
}

fn order(node: u8) -> MachineOrder {
    let claim = Claim {
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("a name"),
        node: NodeId::from_entropy([node; 10]),
        seat: Some(Seat { shard: 0, ordinal: node.into() }),
    };
    MachineOrder::new(claim, [Pin::from_digest([7; 32])].into())
}

fn named(name: &str) -> ClaimQuery {
    ClaimQuery { name: name.parse().expect("a name"), cluster: None }
}

/// How many calls of this method came to this path.
fn count(calls: &[(String, String, serde_json::Value)], method: &str, path: &str) -> usize {
    calls.iter().filter(|(of, at, _)| of == method && at.split('?').next() == Some(path)).count()
}
