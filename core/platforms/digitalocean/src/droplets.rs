//! Droplets, looked at and changed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use justmanage_model::Claim;
use justmanage_platform_cloud::{ApiError, Instance, Stage, Tags};
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, Dated, encoded, gone};
use crate::digitalocean::tags_of;
use crate::disks;
use crate::settings::DigitalOceanSettings;
use crate::tags;
use crate::wire::Droplet;

const PATH: &str = "/v2/droplets";

/// The droplets that bear a tag.
pub(crate) async fn list(client: &Client, tag: &str) -> Result<Vec<Instance>, ApiError> {
    let Dated { is, at } = client.list::<Droplet>(PATH, "droplets", &format!("tag_name={}", encoded(tag))).await?;
    Ok(is.iter().map(|droplet| instance(droplet, at)).collect())
}

/// A droplet, whosever it is. What bears no tag of this VPC is in no list of ours, whatever else it bears: its tags are wrong.
pub(crate) async fn one(client: &Client, vpc: &str, id: &str) -> Result<Option<Instance>, ApiError> {
    if let Some(Dated { is, at }) = seen(client, id).await? {
        return Ok(Some(match is.tags.contains(&tags::of_vpc(vpc)) {
            true => instance(&is, at),
            false => Instance { tags: Tags::default(), ..instance(&is, at) },
        }));
    }
    let said = tags::all(client).await?.into_iter().find_map(|tag| tags::read_gone(id, &tag));
    Ok(said.map(|tags| Instance { id: id.to_owned(), tags, token: None, stage: Stage::Gone, address: None, why: None }))
}

/// What a droplet is called, for people; names are not unique.
pub(crate) fn name_of(claim: &Claim) -> String {
    let seat = claim.seat.map_or("spare".to_owned(), |seat| format!("{}-{}", seat.shard, seat.ordinal));
    format!("{}-{seat}", claim.name)
}

/// A droplet as it is said to be.
pub(crate) async fn seen(client: &Client, id: &str) -> Result<Option<Dated<Droplet>>, ApiError> {
    match client.get::<Droplet>(&format!("{PATH}/{}", encoded(id)), "droplet").await {
        Ok(droplet) => Ok(Some(droplet)),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A droplet as all clouds' machines are; `now`: by the server's clock.
pub(crate) fn instance(droplet: &Droplet, now: Option<Timestamp>) -> Instance {
    let has_disk = !droplet.volume_ids.is_empty();
    let (stage, why) = match droplet.status.as_str() {
        "active" if has_disk => (Stage::Running, None),
        // Its disk shows a moment later; if it still does not, another has it, or nobody.
        "active" if !disks::has_settled(&droplet.created_at, now) => (Stage::Starting, None),
        "active" => (Stage::Broken, None),
        "off" => (Stage::Stopped, None),
        "archive" => (Stage::Stopped, Some("DigitalOcean has archived it".to_owned())),
        _ => (Stage::Starting, None),
    };
    let private = droplet.networks.v4.iter().find(|address| address.kind == "private");
    Instance {
        id: droplet.id.to_string(),
        tags: tags::read(&droplet.tags),
        token: None,
        stage,
        address: private.and_then(|address| address.ip_address.parse().ok()),
        why,
    }
}

/// Starts a droplet.
pub(crate) async fn start(client: &Client, id: &str) -> Result<(), ApiError> {
    let body = json!({ "type": "power_on" });
    match client.tell(Method::POST, &format!("{PATH}/{}/actions", encoded(id)), Some(body)).await {
        // Somebody was first.
        Err(ApiError::Invalid(said)) if said.to_lowercase().contains("already") => Ok(()),
        answer => answer,
    }
}

/// Takes a droplet away. Its disk for data stays, and what says whose it was.
pub(crate) async fn terminate(client: &Client, id: &str) -> Result<(), ApiError> {
    if let Some(Dated { is: droplet, .. }) = seen(client, id).await?
        && let Some(claim) = tags::read(&droplet.tags).claim()
    {
        let disk = droplet.volume_ids.first().map(String::as_str);
        tags::make(client, &tags::of_gone(id, disk, &Tags::of(&claim))).await?;
    }
    client.tell(Method::DELETE, &format!("{PATH}/{}", encoded(id)), None).await
}

/// Takes away what a droplet has left: its disk and its own tags. Where another bears the same claim they are that one's.
pub(crate) async fn sweep(client: &Client, settings: &DigitalOceanSettings, left: &Tags) -> Result<(), ApiError> {
    let Some(claim) = left.claim() else { return Ok(()) };
    let (node, cluster) = (tags::of_node(claim.node), tags::of_cluster(claim.cluster));
    let mut others = 0;
    for other in list(client, &cluster).await? {
        // Lists can name what is gone.
        if seen(client, &other.id).await?.is_some() {
            if other.tags.claim().is_some_and(|of| of.node == claim.node) {
                return Ok(());
            }
            others += 1;
            break;
        }
    }
    if let Some(disk) = disks::find(client, settings, claim.node).await?.is {
        match disks::delete(client, &disk.id).await {
            // It was at the droplet that is gone, and comes off it.
            Err(ApiError::InUse(said)) => return Err(ApiError::Busy(said)),
            answer => answer?,
        }
    }
    // With the last one of a cluster goes its firewall, to which only this leads whoever comes again.
    let said = format!("node:{}", claim.node);
    let is_left = |tag: &&String| tag.starts_with(&node) || (others > 0 && tags::is_of_gone(&said, tag));
    for tag in tags::all(client).await?.iter().filter(is_left) {
        tags::drop(client, tag).await?;
    }
    Ok(())
}

/// Sets tags of a droplet, and of its disk: what has been used is known by them.
pub(crate) async fn tag(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
    id: &str,
    tags: &Tags,
) -> Result<(), ApiError> {
    let Some(Dated { is: droplet, .. }) = seen(client, id).await? else {
        return Err(ApiError::NotFound(format!("there is no droplet {id}, or none to be seen yet")));
    };
    let there = tags::read(&droplet.tags);
    let node = tags.get("node").or(there.get("node")).and_then(|node| node.parse().ok());
    let node = node.ok_or_else(|| ApiError::Other(format!("the droplet {id} bears no claim of ours")))?;
    let wanted = match tags.claim() {
        Some(_) => tags_of(settings, vpc, tags),
        None => tags::own(node, tags),
    };
    let disks = droplet.volume_ids.iter().map(|disk| json!({ "resource_id": disk, "resource_type": "volume" }));
    let resources: Vec<_> =
        std::iter::once(json!({ "resource_id": id, "resource_type": "droplet" })).chain(disks).collect();
    let resources = json!({ "resources": resources });
    let resources_of = |tag: &str| format!("/v2/tags/{}/resources", encoded(tag));
    let have: BTreeSet<&String> = droplet.tags.iter().collect();
    // What was said before goes first: two answers to one question are none.
    let is_stale = |tag: &&&String| !wanted.contains(tag) && wanted.iter().any(|new| tags::share_a_key(new, tag));
    for stale in have.iter().filter(is_stale) {
        match stale.starts_with(&tags::of_node(node)) {
            true => tags::drop(client, stale).await?,
            false => gone(client.tell(Method::DELETE, &resources_of(stale), Some(resources.clone())).await)?,
        }
    }
    for tag in wanted.iter().filter(|tag| !have.contains(tag)) {
        tags::make(client, tag).await?;
        client.tell(Method::POST, &resources_of(tag), Some(resources.clone())).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_droplet_without_its_disk_is_none_of_ours_to_use() {
        let made = "2026-11-23T12:00:00Z";
        let droplet = |status: &str, disks: &[&str]| -> Droplet {
            serde_json::from_value(json!({
                "id": 7, "name": "cache-0-0", "status": status, "created_at": made, "tags": null, "volume_ids": disks,
                "networks": { "v4": [
                    { "ip_address": "203.0.113.7", "type": "public" }, { "ip_address": "10.114.0.7", "type": "private" },
                ] },
            }))
            .expect("a droplet")
        };
        let (early, late): (Timestamp, Timestamp) =
            ("2026-11-23T12:01:00Z".parse().expect("a time"), "2026-11-23T12:02:00Z".parse().expect("a time"));
        for (status, disks, now, stage) in [
            ("new", &[][..], Some(late), Stage::Starting),
            ("active", &["d"], Some(early), Stage::Running),
            ("active", &[], Some(early), Stage::Starting),
            ("active", &[], None, Stage::Starting),
            ("active", &[], Some(late), Stage::Broken),
            ("off", &["d"], Some(late), Stage::Stopped),
            ("off", &[], Some(late), Stage::Stopped),
            ("archive", &["d"], Some(late), Stage::Stopped),
        ] {
            let seen = instance(&droplet(status, disks), now);
            assert_eq!(seen.stage, stage, "{status} {disks:?} {now:?}");
            assert_eq!(seen.address, "10.114.0.7".parse().ok(), "operators and members are in the VPC");
        }
    }
}
