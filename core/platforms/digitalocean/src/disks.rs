//! Volumes: the disk for data of each machine, and the lock on its making. Of a name there is one in a region.

use jiff::Timestamp;
use justmanage_model::NodeId;
use justmanage_platform_cloud::{ApiError, Launch};
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, Dated, encoded, gone};
use crate::digitalocean::tags_of;
use crate::settings::DigitalOceanSettings;
use crate::wire::Volume;

const PATH: &str = "/v2/volumes";
/// Bytes of a GiB, in which volumes are counted.
const GIB: u64 = 1 << 30;
/// What was asked for shows after so many seconds, or was not done: a droplet bears its disk, a disk is at its droplet. Calls time
/// out after 60. Whoever was held up for longer makes nothing any more, since the disk that they name is gone.
const SETTLED: i64 = 90;

/// What the disk of a node is called.
pub(crate) fn name_of(node: NodeId) -> String {
    format!("justmanage-{node}")
}

/// Whether what was made then has settled by now. Where nobody says what time it is nothing has.
pub(crate) fn has_settled(created_at: &str, now: Option<Timestamp>) -> bool {
    let made: Option<Timestamp> = created_at.parse().ok();
    made.zip(now).is_some_and(|(made, now)| now.as_second() - made.as_second() > SETTLED)
}

/// Whether it was at a machine whose agent was enrolled: then there may be data on it.
pub(crate) fn was_used(volume: &Volume) -> bool {
    volume.tags.iter().any(|tag| tag.starts_with("jm:node:") && tag.contains(":agent-"))
}

/// Makes the disk of a machine.
///
/// # Errors
/// [`ApiError::Taken`]: it is there.
pub(crate) async fn make(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
    launch: &Launch,
    node: NodeId,
) -> Result<String, ApiError> {
    let body = json!({
        "name": name_of(node),
        "region": settings.region,
        "size_gigabytes": launch.disk.get().div_ceil(GIB),
        "description": "Data of a node, by Just Manage",
        "tags": tags_of(settings, vpc, &launch.tags),
    });
    Ok(client.make::<Volume>(PATH, body, "volume").await?.is.id)
}

/// The disk of a node, and what time it is.
pub(crate) async fn find(
    client: &Client,
    settings: &DigitalOceanSettings,
    node: NodeId,
) -> Result<Dated<Option<Volume>>, ApiError> {
    let query = format!("name={}&region={}", encoded(&name_of(node)), encoded(&settings.region));
    let Dated { is, at } = client.list::<Volume>(PATH, "volumes", &query).await?;
    Ok(Dated { is: is.into_iter().next(), at })
}

/// Takes a disk away.
///
/// # Errors
/// [`ApiError::InUse`]: it is at a droplet.
pub(crate) async fn delete(client: &Client, id: &str) -> Result<(), ApiError> {
    gone(client.tell(Method::DELETE, &format!("{PATH}/{}", encoded(id)), None).await)
}

/// Takes away the disks of a cluster that has no machines any more.
///
/// # Errors
/// [`ApiError::InUse`]: one is at a droplet, or somebody is making a machine with it.
pub(crate) async fn drop_all_of(
    client: &Client,
    settings: &DigitalOceanSettings,
    cluster: &str,
) -> Result<(), ApiError> {
    let query = format!("region={}", encoded(&settings.region));
    let Dated { is: all, at } = client.list::<Volume>(PATH, "volumes", &query).await?;
    for volume in all.iter().filter(|volume| volume.tags.iter().any(|tag| tag == cluster)) {
        if !has_settled(&volume.created_at, at) && !was_used(volume) {
            return Err(ApiError::InUse(format!("somebody is making a machine with the volume {}", volume.id)));
        }
        delete(client, &volume.id).await?;
    }
    Ok(())
}
