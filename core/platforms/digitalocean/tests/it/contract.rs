//! The contract of all platforms.

use std::sync::Arc;

use async_trait::async_trait;
use justmanage_digitalocean_fake::{Fake, Wrong};
use justmanage_model::NodeId;
use justmanage_platform_contract::{self as contract, Can, Contents, Fault, Place};
use justmanage_platforms::{Machine, MachineRef, Platform};
use serde_json::json;

use crate::{fake, platform};

contract::all!(Played, include_str!("contract.txt"));

/// DigitalOcean as the fake plays it.
struct Played(Arc<Fake>);

/// What somebody else has tagged theirs with.
const THEIRS: &str = "theirs";

/// Tags, without what is remembered of an agent: it is signed, together with the droplet's number.
fn without_agent(tags: &[String]) -> Vec<&String> {
    tags.iter().filter(|tag| !tag.contains(":agent-")).collect()
}

/// The node of a droplet, by its tags.
fn node_of(tags: &[String]) -> Option<NodeId> {
    tags.iter().find_map(|tag| tag.strip_prefix("jm:node:")?.split(':').next()?.parse().ok())
}

/// What is there of droplets, volumes and firewalls: without ids, of which the next ones have others. Tags that nothing bears are
/// nothing.
fn contents(fake: &Fake, is_meant: impl Fn(&str, &[String]) -> bool) -> Contents {
    let world = fake.world();
    let mut found = Contents::new();
    for droplet in world.droplets.values().filter(|droplet| is_meant(&droplet.name, &droplet.tags)) {
        let (status, size, tags) = (droplet.status, &droplet.size, without_agent(&droplet.tags));
        found.insert(format!("droplet {}", droplet.name), format!("{status} {} {size} {tags:?}", droplet.is_ending));
    }
    for volume in world.volumes.values().filter(|volume| is_meant(&volume.name, &volume.tags)) {
        let (is_at, tags) = (volume.droplet.is_some(), without_agent(&volume.tags));
        found.insert(format!("volume {}", volume.name), format!("{} {is_at} {tags:?}", volume.gigabytes));
    }
    for firewall in world.firewalls.values() {
        let tags: Vec<String> = serde_json::from_value(firewall.body["tags"].clone()).unwrap_or_default();
        if is_meant(&firewall.name, &tags) {
            found.insert(format!("firewall {}", firewall.name), firewall.body.to_string());
        }
    }
    found
}

fn is_foreign(name: &str, tags: &[String]) -> bool {
    name.ends_with(THEIRS) || tags.iter().any(|tag| tag == THEIRS)
}

#[async_trait]
impl Place for Played {
    const NAME: &'static str = "digitalocean, on a fake of it";

    async fn new(_room: usize) -> Self {
        Self(fake().await)
    }

    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(platform(&self.0))
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        let world = self.0.world();
        let ours = world.droplets.values().filter(|droplet| !is_foreign(&droplet.name, &droplet.tags));
        ours.map(|droplet| node_of(&droplet.tags)).collect()
    }

    async fn contents(&self) -> Contents {
        contents(&self.0, |_, _| true)
    }

    async fn put_foreign(&self) {
        let vpc = self.0.ask("GET", "/v2/vpcs", json!(null))["vpcs"][0]["id"].as_str().expect("a VPC").to_owned();
        let droplet = |name: &str, tags: &[&str]| {
            let body = json!({
                "name": name, "region": "fra1", "size": "g-2vcpu-8gb", "image": "debian-12-x64", "tags": tags,
            });
            self.0.ask("POST", "/v2/droplets", body);
        };
        // Named as ours would be; and with tags like ours, which are no claim.
        droplet("cache-0-0", &[THEIRS]);
        droplet("web", &[THEIRS, &format!("jm:vpc:{vpc}"), "jm:cluster:production", "jm:node:one:name:cache"]);
        self.0.world().droplets.values_mut().for_each(|droplet| droplet.status = "active");
        for name in ["cache-0-0", "justmanage-theirs"] {
            let body = json!({ "name": name, "region": "fra1", "size_gigabytes": 8, "tags": [THEIRS] });
            self.0.ask("POST", "/v2/volumes", body);
        }
        let own = &vpc[vpc.len() - 12..];
        for name in ["justmanage-cache-theirs".to_owned(), format!("justmanage-{own}-theirs")] {
            let all = json!([{ "protocol": "tcp", "ports": "443", "sources": { "addresses": ["0.0.0.0/0"] } }]);
            self.0.ask("POST", "/v2/firewalls", json!({ "name": name, "tags": [THEIRS], "inbound_rules": all }));
        }
    }

    async fn foreign(&self) -> Contents {
        let mut found = contents(&self.0, is_foreign);
        let world = self.0.world();
        let tags = [THEIRS, "jm:cluster:production", "jm:node:one:name:cache"];
        found
            .extend(tags.iter().filter(|tag| world.tags.contains(**tag)).map(|tag| ((*tag).to_owned(), String::new())));
        found
    }

    fn leading_elsewhere(&self, only: &Machine) -> Vec<MachineRef> {
        let world = self.0.world();
        let number: u64 = only.reference.0.parse().expect("a number");
        let droplets = world.droplets.values().filter(|droplet| droplet.id != number).map(|droplet| droplet.id);
        let mut all: Vec<String> = droplets.chain([number + 1]).map(|id| id.to_string()).collect();
        all.extend(world.firewalls.keys().chain(world.volumes.keys()).cloned());
        all.extend(["bb4b2611-3d72-467b-8602-280330ecd65c", "i-0123456789abcdef0", "elsewhere"].map(str::to_owned));
        all.into_iter().map(MachineRef).collect()
    }

    async fn stop(&self, machine: &Machine) {
        let mut world = self.0.world();
        let droplet = world.droplets.get_mut(&machine.reference.0.parse().expect("a number"));
        droplet.expect("a droplet").status = "off";
    }

    fn can(fault: Fault) -> Can {
        match fault {
            Fault::AnswerLost
            | Fault::Throttled
            | Fault::NoCapacity
            | Fault::Quota
            | Fault::NotVisible
            | Fault::Killed => Can::Yes,
        }
    }

    fn namesakes() -> Can {
        Can::No("the cloud firewall of a name is there once in a VPC")
    }

    async fn inject(&self, fault: Fault, number: usize) {
        self.0.inject(match fault {
            Fault::AnswerLost => Wrong::AnswerLost(number),
            Fault::Throttled => Wrong::Throttled(number),
            Fault::NoCapacity => Wrong::NoCapacity,
            Fault::Quota => Wrong::Quota,
            Fault::NotVisible => Wrong::NotVisible(number),
            Fault::Killed => Wrong::CutOff(number),
        });
    }

    async fn heal(&self) -> usize {
        self.0.heal()
    }
}
