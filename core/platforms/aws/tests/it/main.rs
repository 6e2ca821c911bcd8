//! EC2 as moto plays it, behind the proxy that adds what the real one does: the contract of all platforms, and what is EC2's own.

mod contract;
mod own;
mod spawned;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_cloud_played::{Machines, PlayedClock, PlayedOperator, TRUSTED, agent_of, order_in, settings};
use justmanage_ec2_proxy::Ec2;
use justmanage_ec2_proxy::ec2::{REGION, value};
use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{Claim, ClusterId, NodeId, Pin, Seat, Secret};
use justmanage_platform_aws::{Aws, AwsSettings, Image, Keys, Subnets};
use justmanage_platform_cloud::Cloud;
use justmanage_platforms::MachineOrder;

use crate::spawned::Spawned;

/// Machines of the emulator, with the agents that their first-boot scripts make.
struct Instances(Arc<Ec2>);

#[async_trait]
impl Machines for Instances {
    async fn agent_at(&self, address: SocketAddr) -> Option<(NodeOrder, AgentInfo)> {
        let ip = address.ip().to_string();
        let there = self.0.instances().await;
        let (item, _) =
            there.iter().find(|(item, stage)| stage == "running" && value(item, "privateIpAddress") == Some(&ip))?;
        let id = value(item, "instanceId")?;
        let script = first_boot(&self.0, id).await;
        Some((order_in(&script), agent_of(&script, id, address.ip(), self.0.boots(id))))
    }
}

/// What an instance carries out at its first boot.
async fn first_boot(ec2: &Ec2, id: &str) -> String {
    let asked = [("Action", "DescribeInstanceAttribute"), ("InstanceId", id), ("Attribute", "userData")];
    let answer = ec2.ask(&asked).await;
    let data = value(&answer, "userData").and_then(|data| value(data, "value")).unwrap_or_default();
    String::from_utf8(aws_smithy_types::base64::decode(data).expect("base 64")).expect("a script")
}

fn aws_settings(ec2: &Ec2) -> AwsSettings {
    AwsSettings {
        region: REGION.into(),
        endpoint: Some(ec2.endpoint()),
        keys: Some(Keys { id: "test".into(), secret: Secret::new("test".to_owned()), session: None }),
        network: Subnets::Default,
        instance_types: vec!["m7i.large".into(), "m7g.large".into()],
        image: Image::debian(),
        instance_profile: None,
        kms_key: None,
        allowed_cidrs: vec!["10.0.0.0/8".into()],
        allowed_security_groups: Vec::new(),
        operator_cidrs: vec!["192.0.2.7/32".into()],
        tags: BTreeMap::from([("team".to_owned(), "storage".to_owned())]),
    }
}

/// The platform, as a process has it that knows nothing of those before it.
fn platform(ec2: &Arc<Ec2>) -> Cloud {
    platform_with(ec2, aws_settings(ec2))
}

fn platform_with(ec2: &Arc<Ec2>, own: AwsSettings) -> Cloud {
    let operator = PlayedOperator::new(TRUSTED, Arc::new(Instances(ec2.clone())));
    Cloud::new(
        Arc::new(Spawned(Arc::new(Aws::new(own)))),
        Arc::new(operator),
        Arc::new(PlayedClock::default()),
        settings(),
    )
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
