//! What is EC2's own: what is asked for, and what becomes of what somebody has edited.

use std::sync::Arc;

use justmanage_ec2_proxy::ec2::{tags, value};
use justmanage_ec2_proxy::{Ec2, Wrong};
use justmanage_platform_aws::{AwsSettings, Subnets};
use justmanage_platforms::{MachineState, Platform, PlatformError};

use crate::{aws_settings, first_boot, order, platform, platform_with};

async fn ec2() -> Arc<Ec2> {
    Arc::new(Ec2::start().await)
}

#[tokio::test]
async fn an_instance_is_asked_for_whole_in_one_call() {
    let ec2 = ec2().await;
    let own = justmanage_platform_aws::AwsSettings {
        instance_profile: Some("nodes".into()),
        kms_key: Some("alias/nodes".into()),
        ..aws_settings(&ec2)
    };
    platform_with(&ec2, own).ensure(&order(1)).await.expect_err("moto knows no such profile, and has been asked");
    let asked = ec2.calls().into_iter().find(|call| call.get("Action").is_some_and(|action| action == "RunInstances"));
    let asked = asked.expect("an instance was asked for");
    for (name, expected) in [
        ("IamInstanceProfile.Name", "nodes"),
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpPutResponseHopLimit", "1"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
        ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
        ("BlockDeviceMapping.1.Ebs.VolumeType", "gp3"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "8"),
        ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
        ("BlockDeviceMapping.1.Ebs.KmsKeyId", "alias/nodes"),
        ("ImageId", "resolve:ssm:/aws/service/debian/release/12/latest/amd64"),
        ("InstanceType", "m7i.large"),
        ("MaxCount", "1"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(expected), "{name}");
    }
    assert_eq!(asked.get("ClientToken").map(String::len), Some(32), "a token of our own");
    assert!(!asked.keys().any(|name| name.starts_with("InstanceMarketOptions")), "never spot");
    for (number, kind) in ["instance", "volume", "network-interface"].iter().enumerate() {
        let prefix = format!("TagSpecification.{}.", number + 1);
        assert_eq!(asked.get(&format!("{prefix}ResourceType")).map(String::as_str), Some(*kind));
        let has = |text: &str| asked.iter().any(|(name, value)| name.starts_with(&prefix) && value == text);
        assert!(has(&order(1).claim.node.to_string()) && has("storage"), "{kind} is tagged at its birth: {asked:?}");
    }
}

#[tokio::test]
async fn nodes_of_a_shard_stand_in_different_zones_and_only_members_and_the_allowed_get_in() {
    let ec2 = ec2().await;
    let platform = platform(&ec2);
    let mut zones = std::collections::BTreeSet::new();
    for node in 0..3 {
        platform.ensure(&order(node)).await.expect("a machine");
    }
    for (item, _) in ec2.instances().await {
        zones.extend(value(&item, "availabilityZone").map(str::to_owned));
        let script = first_boot(&ec2, value(&item, "instanceId").expect("an id")).await;
        assert!(!script.contains("PRIVATE"), "no private key");
    }
    assert_eq!(zones.len(), 3, "{zones:?}");
    let groups = ec2.list("DescribeSecurityGroups", "securityGroupInfo").await;
    let own = groups.iter().find(|item| value(item, "groupName") == Some("justmanage-cache")).expect("a group");
    assert_eq!(tags(own).get("jm:name").map(String::as_str), Some("cache"));
    let id = value(own, "groupId").expect("an id");

    // Somebody lets everybody in; the next ensure sees it, and mends it.
    let open = [
        ("Action", "AuthorizeSecurityGroupIngress"),
        ("GroupId", id),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    let ingress = async || {
        let groups = ec2.list("DescribeSecurityGroups", "securityGroupInfo").await;
        let own =
            groups.into_iter().find(|item| value(item, "groupName") == Some("justmanage-cache")).expect("a group");
        own.split("<ipPermissions>").nth(1).expect("rules").split("</ipPermissions>").next().expect("rules").to_owned()
    };
    let right = ingress().await;
    assert!(right.contains("192.0.2.7/32") && right.contains("10.0.0.0/8") && !right.contains("0.0.0.0/0"), "{right}");
    ec2.ask(&open).await;
    assert!(ingress().await.contains("0.0.0.0/0"), "somebody has opened it");
    platform.ensure(&order(0)).await.expect("the machine that is there");
    assert!(!ingress().await.contains("0.0.0.0/0"), "{}", ingress().await);
    assert_eq!(ec2.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn a_zone_without_room_is_left_for_the_next_and_a_quota_is_said_at_once() {
    let ec2 = ec2().await;
    let subnets = ec2.list("DescribeSubnets", "subnetSet").await;
    let of = |zone: &str| {
        let subnet = subnets.iter().find(|item| value(item, "availabilityZone") == Some(zone)).expect("a zone");
        value(subnet, "subnetId").expect("an id").to_owned()
    };
    ec2.inject(Wrong::NoCapacityIn(of("eu-central-1a").leak()));
    platform(&ec2).ensure(&order(0)).await.expect("a machine in another zone");
    assert!(ec2.heal() > 0, "the first zone was asked");
    let (item, _) = ec2.instances().await.into_iter().next().expect("an instance");
    assert_eq!(value(&item, "availabilityZone"), Some("eu-central-1b"));

    ec2.inject(Wrong::Quota);
    let _before = ec2.calls();
    let refused = platform(&ec2).ensure(&order(1)).await.expect_err("a quota");
    assert!(matches!(&refused, PlatformError::Quota { what, .. } if what.contains("VcpuLimitExceeded")), "{refused:?}");
    let asked =
        ec2.calls().into_iter().filter(|call| call.get("Action").is_some_and(|action| action == "RunInstances"));
    assert_eq!(asked.count(), 1, "a quota is not asked twice, nor in another zone");
}

#[tokio::test]
async fn whoever_knows_the_region_alone_finds_and_removes_and_makes_nothing() {
    let ec2 = ec2().await;
    let made = platform(&ec2).ensure(&order(0)).await.expect("a machine");
    let anywhere = || platform_with(&ec2, AwsSettings { network: Subnets::Anywhere, ..aws_settings(&ec2) });
    let query = justmanage_platforms::ClaimQuery { name: order(0).claim.name, cluster: Some(order(0).claim.cluster) };
    assert_eq!(anywhere().find(&query).await.expect("machines"), std::slice::from_ref(&made));
    let refused = anywhere().ensure(&order(1)).await.expect_err("nobody has said where");
    assert!(matches!(&refused, PlatformError::Invalid { what, .. } if what.contains("than its id")), "{refused:?}");
    anywhere().remove(&made.reference).await.expect("removed");
    assert_eq!(platform(&ec2).find(&query).await.expect("machines"), []);
    assert!(ec2.instances().await.iter().all(|(_, stage)| stage == "terminated"));
    assert_eq!(ec2.broken(), Vec::<String>::new());
}

/// What the guide says that whoever applies has to be granted.
fn granted() -> Vec<String> {
    let policy = include_str!("../../../../../examples/aws/policy.json");
    let policy: serde_json::Value = serde_json::from_str(policy).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements");
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().expect("actions"));
    actions.map(|action| action.as_str().expect("an action").to_owned()).collect()
}

#[tokio::test]
async fn what_the_guide_says_is_granted_is_enough_and_all_of_it_is_needed() {
    let ec2 = ec2().await;
    // Everything that is ever called: making, finding, mending, starting again, removing with what somebody has kept.
    let life = async |ec2: &Arc<Ec2>| -> Result<(), PlatformError> {
        let query = justmanage_platforms::ClaimQuery { name: order(0).claim.name, cluster: None };
        let made = platform(ec2).ensure(&order(0)).await?;
        let items = ec2.list("DescribeSecurityGroups", "securityGroupInfo").await;
        let group = items.iter().find(|item| tags(item).contains_key("jm:cluster")).expect("a group");
        let group = value(group, "groupId").expect("an id").to_owned();
        let open = [("Action", "AuthorizeSecurityGroupIngress"), ("GroupId", &group)];
        let world = [
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "6379"),
            ("IpPermissions.1.ToPort", "6379"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ];
        ec2.ask(&[&open[..], &world].concat()).await;
        platform(ec2).mend(&query).await?;
        ec2.ask(&[("Action", "StopInstances"), ("InstanceId.1", &made.reference.0)]).await;
        platform(ec2).ensure(&order(0)).await?;
        let claim = &order(0).claim;
        let disk = [("Action", "CreateVolume"), ("AvailabilityZone", "eu-central-1a"), ("Size", "1")];
        let (node, cluster) = (claim.node.to_string(), claim.cluster.to_string());
        let tagged = [
            ("TagSpecification.1.ResourceType", "volume"),
            ("TagSpecification.1.Tag.1.Key", "jm:node"),
            ("TagSpecification.1.Tag.1.Value", &node),
            ("TagSpecification.1.Tag.2.Key", "jm:cluster"),
            ("TagSpecification.1.Tag.2.Value", &cluster),
        ];
        ec2.ask(&[&disk[..], &tagged].concat()).await;
        platform(ec2).remove(&made.reference).await
    };
    ec2.grant(granted());
    life(&ec2).await.expect("what is granted is enough");
    // The console is looked at where an agent does not come up, and nothing depends on it.
    let needed = granted().into_iter().filter(|action| action != "ec2:GetConsoleOutput");
    let mut unneeded = Vec::new();
    let calls: Vec<String> =
        ec2.calls().iter().filter_map(|call| Some(format!("ec2:{}", call.get("Action")?))).collect();
    for action in needed {
        if !action.starts_with("ssm:") && !calls.contains(&action) && action != "ec2:CreateTags" {
            unneeded.push(action);
        }
    }
    assert_eq!(unneeded, [""; 0], "granted, and never called");
    for action in ["ec2:RunInstances", "ssm:GetParameters", "ec2:CreateTags", "ec2:DescribeSubnets"] {
        ec2.grant(granted().into_iter().filter(|other| other != action));
        let refused = platform(&ec2).ensure(&order(1)).await.expect_err(action);
        assert!(matches!(&refused, PlatformError::Denied { what, .. } if what.contains(action)), "{refused:?}");
    }
    assert_eq!(ec2.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn whose_tags_are_edited_is_not_believed() {
    let ec2 = ec2().await;
    let first = platform(&ec2).ensure(&order(1)).await.expect("a machine");
    let second = platform(&ec2).ensure(&order(2)).await.expect("a machine");
    // What is remembered of the second one's agent is put on the first.
    let items = ec2.instances().await;
    let theirs = items.iter().find(|(item, _)| value(item, "instanceId") == Some(&second.reference.0)).expect("it");
    for (key, value) in tags(&theirs.0).iter().filter(|(key, _)| key.starts_with("jm:agent-")) {
        ec2.ask(&[
            ("Action", "CreateTags"),
            ("ResourceId.1", &first.reference.0),
            ("Tag.1.Key", key),
            ("Tag.1.Value", value),
        ])
        .await;
    }
    let query = justmanage_platforms::ClaimQuery { name: order(1).claim.name, cluster: None };
    let found = platform(&ec2).find(&query).await.expect("machines");
    let edited = found.iter().find(|machine| machine.reference == first.reference).expect("it is still found");
    assert_eq!(edited.state, MachineState::Stopped, "nobody knows its agent any more");
    assert_eq!(platform(&ec2).ensure(&order(1)).await.expect("enrolled again"), first);
}
