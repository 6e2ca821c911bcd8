//! Cloud firewalls: one for each cluster, whose name is there once in an account. It stands before whatever bears its cluster's tag, from
//! its birth on.
//!
//! A firewall has no tags of its own, but those of what it stands before: one of them is the claim that it was made for, and nothing
//! else bears it.

use justmanage_model::ClusterName;
use justmanage_platform_cloud::{ApiError, Firewall, Tags};
use reqwest::Method;
use serde_json::{Value, json};
use tracing::debug;

use crate::client::{Client, encoded, gone};
use crate::disks;
use crate::rules::{body, there, wanted};
use crate::settings::DigitalOceanSettings;
use crate::tags;
use crate::wire::{CloudFirewall, Droplet};

const PATH: &str = "/v2/firewalls";
/// Longest name that a firewall was seen to have.
const NAME_MAX: usize = 64;

/// What the firewalls of a VPC begin with: its last digits, which are drawn by chance, since there is no room for all of them.
fn prefix(vpc: &str) -> String {
    let digits: Vec<char> = vpc.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("justmanage-{}-", digits[digits.len().saturating_sub(12)..].iter().collect::<String>())
}

/// What the firewall of a cluster of this name is called.
fn name_of(vpc: &str, cluster: &ClusterName) -> String {
    let name = format!("{}{cluster}", prefix(vpc));
    debug_assert!(name.len() <= NAME_MAX);
    name
}

/// The firewalls of ours in a VPC.
pub(crate) async fn list(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
) -> Result<Vec<Firewall>, ApiError> {
    let all = client.list::<CloudFirewall>(PATH, "firewalls", "").await?.is;
    let ours = all.iter().filter(|firewall| firewall.name.starts_with(&prefix(vpc)));
    Ok(ours.map(|there| firewall(settings, there)).collect())
}

fn firewall(settings: &DigitalOceanSettings, seen: &CloudFirewall) -> Firewall {
    let tags = tags::read_firewall(&seen.tags);
    let is_right = tags.claim().is_some_and(|claim| {
        let own = tags::of_cluster(claim.cluster);
        there(seen) == wanted(settings, &own) && seen.tags.contains(&own) && seen.tags.len() == 2
    });
    Firewall { id: seen.id.clone(), tags, is_right }
}

/// A firewall as it is to be.
fn whole(settings: &DigitalOceanSettings, vpc: &str, tags: &Tags) -> Result<Value, ApiError> {
    let claim = tags.claim().ok_or_else(|| ApiError::Other("these tags are no claim".to_owned()))?;
    let own = tags::of_cluster(claim.cluster);
    let (inbound, outbound) = body(&wanted(settings, &own));
    Ok(json!({
        "name": name_of(vpc, &claim.name),
        "tags": [own, tags::of_firewall(tags)],
        "inbound_rules": inbound,
        "outbound_rules": outbound,
    }))
}

/// Makes a cluster's firewall.
pub(crate) async fn make(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
    tags: &Tags,
) -> Result<String, ApiError> {
    let body = whole(settings, vpc, tags)?;
    for tag in body["tags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        tags::make(client, tag).await?;
    }
    match client.make::<CloudFirewall>(PATH, body, "firewall").await {
        Ok(made) => Ok(made.is.id),
        // Whoever tidies up takes tags away that nothing bears.
        Err(ApiError::Invalid(said) | ApiError::NotFound(said)) if said.to_lowercase().contains("tag") => {
            Err(ApiError::Taken(format!("a tag of the firewall went meanwhile: {said}")))
        }
        Err(error) => Err(error),
    }
}

/// Makes a firewall let in whom it is to, and nobody else: all of it is replaced at once.
pub(crate) async fn open(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
    firewall: &Firewall,
) -> Result<(), ApiError> {
    let body = whole(settings, vpc, &firewall.tags)?;
    client.tell(Method::PUT, &path(&firewall.id), Some(body)).await
}

/// Whether there is such a firewall.
pub(crate) async fn is_there(client: &Client, id: &str) -> Result<(), ApiError> {
    client.get::<CloudFirewall>(&path(id), "firewall").await.map(|_| ())
}

/// Takes a firewall away, with what is left of its cluster, if nothing of that lives. DigitalOcean would take it away from before
/// whoever is behind it.
pub(crate) async fn drop(client: &Client, settings: &DigitalOceanSettings, id: &str) -> Result<(), ApiError> {
    let seen = client.get::<CloudFirewall>(&path(id), "firewall").await?.is;
    if let Some(claim) = tags::read_firewall(&seen.tags).claim() {
        let own = tags::of_cluster(claim.cluster);
        let query = format!("tag_name={}", encoded(&own));
        let behind = client.list::<Droplet>("/v2/droplets", "droplets", &query).await?.is;
        if let Some(droplet) = behind.first() {
            return Err(ApiError::InUse(format!("droplet {} is behind it", droplet.id)));
        }
        disks::drop_all_of(client, settings, &own).await?;
        drop_tags_of(client, &own).await?;
    }
    gone(client.tell(Method::DELETE, &path(id), None).await)?;
    // By these it was found, so they go last. Who dies before that leaves some tags that nothing bears.
    let claim = tags::read_firewall(&seen.tags).claim();
    let said = claim.map(|claim| format!("cluster:{}", claim.cluster));
    let is_of_gone = |tag: &&String| said.as_ref().is_some_and(|said| tags::is_of_gone(said, tag));
    for tag in tags::all(client).await?.iter().filter(is_of_gone).chain(&seen.tags) {
        tags::drop(client, tag).await?;
    }
    Ok(())
}

/// Takes away what machines of a cluster have left of tags, but for what leads to its firewall.
async fn drop_tags_of(client: &Client, own: &str) -> Result<(), ApiError> {
    let all = tags::all(client).await?;
    let of_cluster = own.trim_start_matches("jm:");
    let claims = all.iter().filter(|tag| tag.contains(&format!(":{of_cluster}:")));
    let nodes = claims.filter_map(|tag| tags::read([tag]).get("node").and_then(|node| node.parse().ok()));
    let nodes: Vec<String> = nodes.map(tags::of_node).collect();
    for tag in all.iter().filter(|tag| nodes.iter().any(|node| tag.starts_with(node))) {
        debug!(tag, "a tag that nothing bears goes");
        tags::drop(client, tag).await?;
    }
    Ok(())
}

fn path(id: &str) -> String {
    format!("{PATH}/{}", encoded(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_network_and_is_not_too_long() {
        let vpc = "5a4981aa-9653-4bd1-bef5-d6bff52042e4";
        let longest: ClusterName = "n".repeat(40).parse().expect("a name");
        assert_eq!(name_of(vpc, &"cache".parse().expect("a name")), "justmanage-d6bff52042e4-cache");
        assert_eq!(name_of(vpc, &longest).len(), NAME_MAX);
    }
}
