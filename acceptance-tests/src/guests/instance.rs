//! What EC2 says of an instance, as far as the machine below it needs to know.

use std::net::Ipv4Addr;

use justmanage_ec2_proxy::ec2::value;

/// An instance, as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    /// What EC2 calls it.
    pub(super) id: String,
    /// Its stage, in EC2's words.
    pub(super) stage: String,
    /// How often it was started: once, when it was made.
    pub(super) boots: u64,
    /// Its address, which it keeps.
    pub(super) address: Ipv4Addr,
    /// What else its metadata service says of it: names as the service has them.
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Instance {
    /// By its item in `DescribeInstances`; `None`: it has no address, so it is nothing that could be booted.
    pub(super) fn read(item: &str, stage: &str, boots: u64) -> Option<Self> {
        let text = |name: &str| value(item, name).unwrap_or_default().to_owned();
        let zone = text("availabilityZone");
        let region = zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase()).to_owned();
        Some(Self {
            id: value(item, "instanceId")?.to_owned(),
            stage: stage.to_owned(),
            boots,
            address: value(item, "privateIpAddress")?.parse().ok()?,
            facts: vec![
                ("ami-id", text("imageId")),
                ("ami-launch-index", text("amiLaunchIndex")),
                ("instance-type", text("instanceType")),
                ("local-hostname", text("privateDnsName")),
                ("hostname", text("privateDnsName")),
                ("placement/availability-zone", zone),
                ("placement/region", region),
                ("interface-id", text("networkInterfaceId")),
                ("subnet-id", text("subnetId")),
                ("vpc-id", text("vpcId")),
            ],
        })
    }

    /// A fact, by its name.
    pub(super) fn fact(&self, name: &str) -> &str {
        self.facts.iter().find(|(of, _)| *of == name).map_or("", |(_, value)| value)
    }
}

/// A disk of an instance, apart from its system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Volume {
    /// What EC2 calls it.
    pub(super) id: String,
    /// Its size.
    pub(super) bytes: u64,
}

/// Those of an instance, by the items of `DescribeVolumes`. A disk for the system is none: that is the image's.
pub(super) fn volumes(items: &[String], instance: &str) -> Vec<Volume> {
    let of = |item: &String| {
        let is_meant = value(item, "instanceId") == Some(instance) && value(item, "device") != Some("/dev/sda1");
        let gib: u64 = value(item, "size")?.parse().ok()?;
        is_meant.then_some(Volume { id: value(item, "volumeId")?.to_owned(), bytes: gib << 30 })
    };
    items.iter().filter_map(of).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As moto writes it, shortened.
    const ITEM: &str = "<item><networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId>\
        <privateIpAddress>10.99.0.68</privateIpAddress></item></networkInterfaceSet><instanceId>i-0123456789abcdef0</instanceId>\
        <imageId>ami-1</imageId><privateDnsName>ip-10-99-0-68.eu-central-1.compute.internal</privateDnsName>\
        <amiLaunchIndex>0</amiLaunchIndex><instanceType>m7i.large</instanceType><placement><availabilityZone>eu-central-1a\
        </availabilityZone></placement><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId></item>";

    /// One in this stage.
    pub(in crate::guests) fn instance(stage: &str, boots: u64) -> Instance {
        Instance::read(ITEM, stage, boots).unwrap()
    }

    #[test]
    fn an_item_is_read() {
        let read = instance("running", 1);
        assert_eq!((read.id.as_str(), read.address), ("i-0123456789abcdef0", Ipv4Addr::new(10, 99, 0, 68)));
        assert_eq!((read.fact("placement/region"), read.fact("interface-id")), ("eu-central-1", "eni-1"));
        assert_eq!(Instance::read("<item><instanceId>i-1</instanceId></item>", "terminated", 1), None);
    }

    #[test]
    fn disks_are_an_instances_own_and_not_its_systems() {
        let volume = |id: &str, of: &str, device: &str| {
            format!(
                "<item><volumeId>{id}</volumeId><size>8</size><attachmentSet><item><instanceId>{of}</instanceId>\
                 <device>{device}</device></item></attachmentSet></item>"
            )
        };
        let all = [
            volume("vol-1", "i-1", "/dev/sda1"),
            volume("vol-2", "i-1", "/dev/sdf"),
            volume("vol-3", "i-2", "/dev/sdf"),
        ];
        assert_eq!(volumes(&all, "i-1"), [Volume { id: "vol-2".into(), bytes: 8 << 30 }]);
    }
}
