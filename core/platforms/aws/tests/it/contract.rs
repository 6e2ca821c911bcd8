//! The contract of all platforms.

use std::sync::Arc;

use async_trait::async_trait;
use justmanage_ec2_proxy::ec2::{tags, value};
use justmanage_ec2_proxy::{Ec2, Wrong};
use justmanage_model::NodeId;
use justmanage_platform_contract::{self as contract, Can, Contents, Fault, Place};
use justmanage_platforms::{Machine, MachineRef, Platform};

use crate::platform;

contract::all!(Played, include_str!("contract.txt"));

/// EC2 as moto and the proxy play it.
struct Played(Arc<Ec2>);

/// What somebody else has tagged theirs with.
const THEIRS: &str = "theirs";

impl Played {
    /// Instances that are not gone: id, tags, stage.
    async fn there(&self) -> Vec<(String, contract::Contents, String)> {
        let seen = self.0.instances().await;
        assert_eq!(self.0.broken(), Vec::<String>::new(), "where moto fails, nothing counts");
        let of = |(item, stage): (String, String)| {
            (value(&item, "instanceId").unwrap_or_default().to_owned(), tags(&item), stage)
        };
        seen.into_iter().map(of).filter(|(_, _, stage)| stage != "terminated").collect()
    }
}

/// What is there of instances, disks and groups: without ids, of which the next ones have others.
async fn contents(place: &Played, is_meant: impl Fn(&Contents) -> bool) -> Contents {
    let mut found = Contents::new();
    for (_, tags, stage) in place.there().await {
        if is_meant(&tags) {
            found.insert(
                format!("instance {:?} {:?}", tags.get("jm:node"), tags.get("Name")),
                format!("{stage} {tags:?}"),
            );
        }
    }
    for (action, list, what) in
        [("DescribeVolumes", "volumeSet", "volume"), ("DescribeSecurityGroups", "securityGroupInfo", "group")]
    {
        for item in place.0.list(action, list).await {
            let tags = tags(&item);
            if is_meant(&tags) {
                let node = (tags.get("jm:node"), tags.get("Name"), value(&item, "groupName"));
                found.insert(format!("{what} {node:?}"), format!("{tags:?}"));
            }
        }
    }
    // What is remembered of an agent is signed, together with the machine's id.
    found.values_mut().for_each(|text| *text = without_agent(text));
    found
}

fn without_agent(text: &str) -> String {
    text.split(", ").filter(|part| !part.contains("jm:agent-")).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Place for Played {
    const NAME: &'static str = "aws, on moto behind a proxy";
    const AT_EACH_WAIT: bool = false;

    async fn new(_room: usize) -> Self {
        Self(Arc::new(Ec2::start().await))
    }

    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(platform(&self.0))
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        let ours = self.there().await.into_iter().filter(|(_, tags, _)| !tags.contains_key(THEIRS));
        ours.map(|(_, tags, _)| tags.get("jm:node").and_then(|node| node.parse().ok())).collect()
    }

    async fn contents(&self) -> Contents {
        contents(self, |_| true).await
    }

    async fn put_foreign(&self) {
        let image = ("ImageId", "ami-785db401");
        let run =
            [("Action", "RunInstances"), image, ("InstanceType", "m7i.large"), ("MinCount", "1"), ("MaxCount", "1")];
        let tag = |kind| [("TagSpecification.1.ResourceType", kind), ("TagSpecification.1.Tag.1.Key", THEIRS)];
        let named = |name| {
            [
                ("TagSpecification.1.Tag.1.Value", name),
                ("TagSpecification.1.Tag.2.Key", "Name"),
                ("TagSpecification.1.Tag.2.Value", name),
            ]
        };
        // Named as ours would be, and with tags like ours, which are no claim.
        self.0.ask(&[&run[..], &tag("instance"), &named("cache-0-0")].concat()).await;
        let like = [("TagSpecification.1.Tag.3.Key", "jm:cluster"), ("TagSpecification.1.Tag.3.Value", "production")];
        self.0.ask(&[&run[..], &tag("instance"), &named("web"), &like].concat()).await;
        let group = [("Action", "CreateSecurityGroup"), ("GroupName", "justmanage"), ("GroupDescription", "theirs")];
        self.0.ask(&[&group[..], &tag("security-group"), &named("cache")].concat()).await;
        let disk = [("Action", "CreateVolume"), ("AvailabilityZone", "eu-central-1a"), ("Size", "1")];
        self.0.ask(&[&disk[..], &tag("volume"), &named("cache-0-0")].concat()).await;
    }

    async fn foreign(&self) -> Contents {
        contents(self, |tags| tags.contains_key(THEIRS)).await
    }

    fn leading_elsewhere(&self, only: &Machine) -> Vec<MachineRef> {
        let near = format!("{}0", &only.reference.0[..only.reference.0.len() - 1]);
        let near = if near == only.reference.0 { "i-0123456789abcdef1".to_owned() } else { near };
        [near.as_str(), "i-0123456789abcdef0", "sg-0123456789abcdef0", "i-", "elsewhere"]
            .map(|text| MachineRef(text.into()))
            .to_vec()
    }

    async fn stop(&self, machine: &Machine) {
        self.0.ask(&[("Action", "StopInstances"), ("InstanceId.1", &machine.reference.0)]).await;
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
        Can::No("the security group of a name is there once in a VPC")
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
