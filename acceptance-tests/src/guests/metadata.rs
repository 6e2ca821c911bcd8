//! What the metadata service says to an instance
//! ([categories](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories)).

use std::collections::BTreeMap;

use super::instance::Instance;
use super::network::{self, SUBNET};

/// Versions of it that a path may begin with. Cloud-init takes the newest that it knows.
const VERSIONS: [&str; 5] = ["latest", "2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04"];

/// What there is, by its path without the version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata(BTreeMap<String, Vec<u8>>);

impl Metadata {
    /// All of it for an instance, which was made with this user data.
    pub(super) fn of(instance: &Instance, user_data: Option<Vec<u8>>) -> Self {
        let mac = network::mac(instance.address);
        let mut all = BTreeMap::new();
        let mut say = |path: String, value: &str| all.insert(path, value.as_bytes().to_vec());
        let own = ["interface-id", "subnet-id", "vpc-id"];
        for (name, value) in instance.facts.iter().filter(|(name, _)| !own.contains(name)) {
            say(format!("meta-data/{name}"), value);
        }
        let address = instance.address.to_string();
        for (name, value) in [("instance-id", &instance.id), ("local-ipv4", &address), ("mac", &mac)] {
            say(format!("meta-data/{name}"), value);
        }
        let interface = format!("meta-data/network/interfaces/macs/{mac}");
        for (name, value) in
            [("device-number", "0"), ("local-ipv4s", &address), ("mac", &mac), ("subnet-ipv4-cidr-block", SUBNET)]
        {
            say(format!("{interface}/{name}"), value);
        }
        for name in own {
            say(format!("{interface}/{name}"), instance.fact(name));
        }
        let document = serde_json::json!({
            "instanceId": instance.id,
            "privateIp": address,
            "region": instance.fact("placement/region"),
            "availabilityZone": instance.fact("placement/availability-zone"),
            "imageId": instance.fact("ami-id"),
            "instanceType": instance.fact("instance-type"),
            "architecture": "x86_64",
        });
        say("dynamic/instance-identity/document".to_owned(), &document.to_string());
        all.extend(user_data.map(|data| ("user-data".to_owned(), data)));
        Self(all)
    }

    /// What is at a path, as it comes in a request: a value, or the names of what is below. `None`: there is no such thing.
    pub(super) fn get(&self, path: &str) -> Option<Vec<u8>> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Some(VERSIONS.join("\n").into_bytes());
        }
        let (version, path) = path.split_once('/').unwrap_or((path, ""));
        if !VERSIONS.contains(&version) {
            return None;
        }
        if let Some(value) = self.0.get(path) {
            return Some(value.clone());
        }
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let rests = self.0.keys().filter_map(|place| place.strip_prefix(&below));
        let mut names: Vec<String> = rests
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => format!("{folder}/"),
                None => rest.to_owned(),
            })
            .collect();
        names.dedup();
        (!names.is_empty()).then(|| names.join("\n").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::instance::tests::instance;
    use super::*;

    #[test]
    fn values_are_found_and_what_is_below_is_listed() {
        let metadata = Metadata::of(&instance("running", 1), Some(b"#!/bin/sh\n".to_vec()));
        let said = |path: &str| metadata.get(path).map(|said| String::from_utf8(said).unwrap());
        for (path, expected) in [
            ("/latest/meta-data/instance-id", Some("i-0123456789abcdef0")),
            ("/2009-04-04/meta-data/instance-id", Some("i-0123456789abcdef0")),
            ("/2021-03-23/meta-data/placement/", Some("availability-zone\nregion")),
            ("/latest/meta-data/network/interfaces/macs/", Some("02:99:00:01:00:44/")),
            ("/latest/user-data", Some("#!/bin/sh\n")),
            ("/latest/", Some("dynamic/\nmeta-data/\nuser-data")),
            ("/latest/dynamic/instance-identity/", Some("document")),
            ("/2099-01-01/meta-data/instance-id", None),
            ("/latest/meta-data/public-keys/", None),
        ] {
            assert_eq!(said(path).as_deref(), expected, "{path}");
        }
        assert!(said("/").unwrap().starts_with("latest\n"));
        assert_eq!(Metadata::of(&instance("running", 1), None).get("/latest/user-data"), None);
    }
}
