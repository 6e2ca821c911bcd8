//! Tags: whose something is, as the cloud keeps it beside it.
//!
//! Within the limits of all clouds: keys of lowercase letters, digits and hyphens, values of at most 63 of the same, and underscores.
//! Google's labels take nothing else (and no colon in a key), DigitalOcean's tags are one text of key and value, and Azure's keys have no
//! case. Each cloud puts a prefix of its own in front of the keys, `jm:` or `jm-`.

use std::collections::BTreeMap;

use justmanage_model::{Claim, Seat};

/// Longest value (Google's labels).
pub const VALUE_MAX: usize = 63;
/// Longest key, without a prefix.
pub const KEY_MAX: usize = 16;

const CLUSTER: &str = "cluster";
const NAME: &str = "name";
const NODE: &str = "node";
const SEAT: &str = "seat";

/// By which everything of ours is found: the key that all of it has.
pub const MARK: &str = CLUSTER;

/// Tags of ours, without the cloud's prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// A claim as tags. A spare has an empty seat: no cloud takes an absent one back.
    #[must_use]
    pub fn of(claim: &Claim) -> Self {
        let Claim { cluster, name, node, seat } = claim;
        let seat = seat.map_or(String::new(), |Seat { shard, ordinal }| format!("{shard}-{ordinal}"));
        let tags = [(CLUSTER, cluster.to_string()), (NAME, name.to_string()), (NODE, node.to_string()), (SEAT, seat)];
        Self(tags.map(|(key, value)| (key.to_owned(), value)).into())
    }

    /// The claim that they are, if they are one.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        let seat = match self.get(SEAT)? {
            "" => None,
            text => {
                let (shard, ordinal) = text.split_once('-')?;
                Some(Seat { shard: shard.parse().ok()?, ordinal: ordinal.parse().ok()? })
            }
        };
        let (cluster, name, node) = (self.get(CLUSTER)?, self.get(NAME)?, self.get(NODE)?);
        Some(Claim { cluster: cluster.parse().ok()?, name: name.parse().ok()?, node: node.parse().ok()?, seat })
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets a tag.
    pub(crate) fn set(&mut self, key: String, value: String) {
        self.0.insert(key, value);
    }

    /// As a cloud writes them, with its prefix in front of each key.
    pub fn written<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        self.0.iter().map(move |(key, value)| (format!("{prefix}{key}"), value.as_str()))
    }

    /// Those of somebody's tags that have the prefix.
    pub fn read<'a>(prefix: &str, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = tags.into_iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
        Self(ours.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// Sets all of these, and leaves the others.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

#[cfg(test)]
pub(crate) use tests::check_limits;

#[cfg(test)]
mod tests {
    use justmanage_model::{ClusterId, NodeId};

    use super::*;

    fn claim(seat: Option<Seat>) -> Claim {
        Claim {
            cluster: ClusterId::from_entropy([0xff; 10]),
            name: "n".repeat(40).parse().expect("a name"),
            node: NodeId::from_entropy([0xab; 10]),
            seat,
        }
    }

    #[test]
    fn a_claim_goes_into_tags_and_comes_back() {
        for seat in [None, Some(Seat { shard: 0, ordinal: 0 }), Some(Seat { shard: u16::MAX, ordinal: u16::MAX })] {
            let tags = Tags::of(&claim(seat));
            assert_eq!(tags.claim(), Some(claim(seat)));
            for prefix in ["jm:", "jm-"] {
                let written: Vec<_> = tags.written(prefix).collect();
                let read = written.iter().map(|(key, value)| (key.as_str(), *value)).chain([("Name", "theirs")]);
                assert_eq!(Tags::read(prefix, read), tags);
            }
        }
    }

    #[test]
    fn what_is_no_claim_is_none() {
        let whole = Tags::of(&claim(None));
        for (key, value) in [(CLUSTER, "x"), (NAME, "UPPER"), (NODE, ""), (SEAT, "1"), (SEAT, "a-b"), (SEAT, "1-2-3")] {
            let mut tags = whole.clone();
            tags.set(key.to_owned(), value.to_owned());
            assert_eq!(tags.claim(), None, "{key}={value}");
        }
        for key in [CLUSTER, NAME, NODE, SEAT] {
            let mut tags = whole.clone();
            tags.0.remove(key);
            assert_eq!(tags.claim(), None, "without {key}");
        }
    }

    #[test]
    fn tags_are_within_the_limits_of_every_cloud() {
        check_limits(&Tags::of(&claim(Some(Seat { shard: u16::MAX, ordinal: u16::MAX }))));
    }

    /// Google's, which are the strictest for keys and values; DigitalOcean's, which are one text.
    pub(crate) fn check_limits(tags: &Tags) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        for (key, value) in &tags.0 {
            assert!(key.starts_with(|c: char| c.is_ascii_lowercase()), "{key}");
            assert!(key.len() <= KEY_MAX && key.chars().all(allowed), "{key}");
            assert!(value.len() <= VALUE_MAX && value.chars().all(allowed), "{key}={value}");
        }
        let flat = tags.written("jm:").map(|(key, value)| format!("{key}:{value}"));
        assert!(flat.into_iter().all(|tag| tag.len() <= 255));
    }
}
