//! Our tags as flat texts: DigitalOcean's have no keys.
//!
//! `jm:cluster:ID` is what a cluster's firewall goes by, `jm:vpc:ID` what everything here is found by. All else of a machine is in texts of
//! its own that begin with its node, as many pairs in one as there is room for: a tag is a thing of the account's, made and taken away
//! with two calls, and whoever takes one away takes it from all who have it.

use justmanage_model::{ClusterId, NodeId};
use justmanage_platform_cloud::{ApiError, Tags};
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, encoded, gone};
use crate::wire::FlatTag;

/// Longest tag.
const TAG_MAX: usize = 255;
const PREFIX: &str = "jm:";
/// In front of a VPC's id.
const VPC: &str = "jm:vpc:";
/// In front of the claim that a firewall has: a tag that nothing else bears.
const FIREWALL: &str = "jm-firewall:";
/// In front of a droplet's number and its claim: a tag that nothing bears, and that says of a droplet that is gone whose it was. The API
/// knows nothing of it any more, and whoever was killed while they took it away has left the rest.
const GONE: &str = "jm-gone:";
/// Keys of a claim, besides its node.
const CLAIM: [&str; 3] = ["cluster", "name", "seat"];

/// Whether a text can be a tag.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['_', '-', ':'].contains(&c);
    (1..=TAG_MAX).contains(&text.len()) && text.chars().all(allowed)
}

/// What all machines of a cluster bear.
pub(crate) fn of_cluster(cluster: ClusterId) -> String {
    format!("{PREFIX}cluster:{cluster}")
}

/// What everything of ours in a VPC bears.
pub(crate) fn of_vpc(vpc: &str) -> String {
    format!("{VPC}{vpc}")
}

/// What every tag that is one machine's own begins with.
pub(crate) fn of_node(node: NodeId) -> String {
    format!("{PREFIX}node:{node}:")
}

/// Tags of a machine that are its own: its claim in one, the rest in as few as can be.
pub(crate) fn own(node: NodeId, tags: &Tags) -> Vec<String> {
    let head = of_node(node);
    let mut claim = String::new();
    let mut rest: Vec<String> = Vec::new();
    for (key, value) in tags.written("").filter(|(key, _)| key != "node") {
        let pair = format!("{key}:{value}");
        if CLAIM.contains(&key.as_str()) {
            claim = if claim.is_empty() { format!("{head}{pair}") } else { format!("{claim}:{pair}") };
            continue;
        }
        match rest.last_mut().filter(|text| text.len() + 1 + pair.len() <= TAG_MAX) {
            Some(text) => *text = format!("{text}:{pair}"),
            None => rest.push(format!("{head}{pair}")),
        }
    }
    Some(claim).filter(|claim| !claim.is_empty()).into_iter().chain(rest).collect()
}

/// The claim that a firewall was made for.
pub(crate) fn of_firewall(tags: &Tags) -> String {
    let pairs: Vec<String> = tags.written("").map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{FIREWALL}{}", pairs.join(":"))
}

/// What is left to say of a droplet that goes, with the disk that it had.
pub(crate) fn of_gone(droplet: &str, disk: Option<&str>, tags: &Tags) -> String {
    let pairs: Vec<String> = tags.written("").map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{GONE}droplet:{droplet}:disk:{}:{}", disk.unwrap_or("none"), pairs.join(":"))
}

/// What it says of a droplet; `None`: it is another's, or none at all.
pub(crate) fn read_gone(droplet: &str, flat: &str) -> Option<Tags> {
    let rest = flat.strip_prefix(GONE)?.strip_prefix("droplet:")?.strip_prefix(droplet)?.strip_prefix(':')?;
    let tags = pairs("", [&rest.to_owned()]);
    tags.claim().map(|claim| Tags::of(&claim))
}

/// Whether it says this of a droplet: `node:ID`, `cluster:ID`, `disk:ID`.
pub(crate) fn is_of_gone(pair: &str, flat: &str) -> bool {
    flat.starts_with(GONE) && flat.contains(&format!(":{pair}:"))
}

/// Whether a tag is of ours, and so nobody else's to give.
#[must_use]
pub fn is_ours(text: &str) -> bool {
    [PREFIX, FIREWALL, GONE].iter().any(|prefix| text.starts_with(prefix))
}

/// Ours among a machine's tags.
pub(crate) fn read<'a>(flat: impl IntoIterator<Item = &'a String>) -> Tags {
    pairs(PREFIX, flat.into_iter().filter(|text| !text.starts_with(VPC)))
}

/// Ours among a firewall's.
pub(crate) fn read_firewall<'a>(flat: impl IntoIterator<Item = &'a String>) -> Tags {
    pairs(FIREWALL, flat)
}

/// Whether two flat tags of a machine speak of the same.
pub(crate) fn share_a_key(one: &str, other: &str) -> bool {
    let (one, other) = (keys(one), keys(other));
    one.iter().any(|key| other.contains(key))
}

/// All tags of the account.
pub(crate) async fn all(client: &Client) -> Result<Vec<String>, ApiError> {
    let tags = client.list::<FlatTag>("/v2/tags", "tags", "").await?.is;
    Ok(tags.into_iter().map(|tag| tag.name).collect())
}

/// Makes a tag, if it is not there.
pub(crate) async fn make(client: &Client, tag: &str) -> Result<(), ApiError> {
    match client.tell(Method::POST, "/v2/tags", Some(json!({ "name": tag }))).await {
        Ok(()) | Err(ApiError::Taken(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes a tag away, from whatever bears it.
pub(crate) async fn drop(client: &Client, tag: &str) -> Result<(), ApiError> {
    gone(client.tell(Method::DELETE, &format!("/v2/tags/{}", encoded(tag)), None).await)
}

fn keys(flat: &str) -> Vec<&str> {
    let Some(text) = flat.strip_prefix(PREFIX) else { return Vec::new() };
    text.split(':').step_by(2).filter(|key| *key != "node").collect()
}

fn pairs<'a>(prefix: &str, flat: impl IntoIterator<Item = &'a String>) -> Tags {
    let ours = flat.into_iter().filter_map(|text| text.strip_prefix(prefix));
    let pairs = ours.flat_map(|text| {
        let words: Vec<&str> = text.split(':').collect();
        words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    });
    Tags::read("", pairs)
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Claim, Seat};

    use super::*;

    fn claim(seat: Option<Seat>) -> Claim {
        Claim {
            cluster: ClusterId::from_entropy([0xff; 10]),
            name: "n".repeat(40).parse().expect("a name"),
            node: NodeId::from_entropy([0xab; 10]),
            seat,
        }
    }

    /// As the layer remembers an agent: nine values of 56 digits.
    fn agent() -> Vec<(String, String)> {
        (0..9).map(|n| (format!("agent-{n}"), if n < 7 { "x".repeat(56) } else { String::new() })).collect()
    }

    #[test]
    fn tags_go_there_and_come_back_within_the_limits() {
        for seat in [None, Some(Seat { shard: u16::MAX, ordinal: u16::MAX })] {
            let claim = claim(seat);
            let agent = agent();
            let mut tags = Tags::of(&claim);
            tags.extend(&Tags::read("", agent.iter().map(|(key, value)| (key.as_str(), value.as_str()))));
            let mut flat = own(claim.node, &tags);
            assert_eq!(flat.len(), 4, "{flat:?}");
            flat.extend([of_cluster(claim.cluster), of_vpc("1"), "theirs".to_owned(), "jm:odd".to_owned()]);
            assert!(flat.iter().all(|tag| is_tag(tag)), "{flat:?}");
            assert_eq!(read(&flat), tags);
            let firewall = [of_firewall(&Tags::of(&claim)), "gateway".to_owned()];
            assert!(is_tag(&firewall[0]));
            assert_eq!(read_firewall(&firewall).claim(), Some(claim.clone()));
            let gone = of_gone("3164444", Some("5a4981aa-9653-4bd1-bef5-d6bff52042e4"), &Tags::of(&claim));
            assert!(is_tag(&gone) && is_ours(&gone));
            assert_eq!(read_gone("3164444", &gone), Some(Tags::of(&claim)));
            assert_eq!(
                (read_gone("316444", &gone), read_gone("4", &gone), read(std::slice::from_ref(&gone)).claim()),
                (None, None, None)
            );
            assert!(is_of_gone(&format!("node:{}", claim.node), &gone) && !is_of_gone("node:jmn0", &gone));
            assert_eq!(read(&firewall).claim(), None, "a firewall is no machine");
        }
    }

    #[test]
    fn what_an_agent_said_before_is_told_from_the_claim() {
        let claim = claim(None);
        let one = own(claim.node, &Tags::of(&claim));
        let agent = agent();
        let other = own(claim.node, &Tags::read("", agent.iter().map(|(key, value)| (key.as_str(), value.as_str()))));
        assert!(!other.iter().any(|tag| share_a_key(&one[0], tag)));
        assert!(share_a_key(&other[0], &other[0]));
        assert!(!share_a_key(&of_vpc("1"), &one[0]) && !share_a_key("theirs", "theirs"));
        assert!(share_a_key(&of_cluster(claim.cluster), &one[0]));
    }

    #[test]
    fn what_can_be_a_tag() {
        for (text, is) in
            [("team:storage", true), ("a_b-C9", true), ("", false), ("a b", false), ("é", false), ("a=b", false)]
        {
            assert_eq!(is_tag(text), is, "{text}");
        }
        assert!(is_tag(&"x".repeat(255)) && !is_tag(&"x".repeat(256)));
    }
}
