//! The creating call. It is made by whoever has made the disk that it names, and once for each disk.

use std::collections::BTreeMap;
use std::sync::Mutex;

use justmanage_model::{Claim, NodeId};
use justmanage_platform_cloud::{ApiError, Instance, Launch};
use serde_json::json;
use tracing::debug;

use crate::client::{Client, Dated};
use crate::digitalocean::tags_of;
use crate::settings::DigitalOceanSettings;
use crate::wire::Droplet;
use crate::{disks, droplets, firewalls, tags};

/// Disks that were made here, and that no creating call has named which may have been carried out: by the nodes that they are for.
pub(crate) type Spare = Mutex<BTreeMap<NodeId, String>>;

/// Makes a droplet; or answers with the one that is at the claim's disk.
pub(crate) async fn launch(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
    spare: &Spare,
    launch: &Launch,
) -> Result<Instance, ApiError> {
    let claim = launch.tags.claim().ok_or_else(|| ApiError::Other("these tags are no claim".to_owned()))?;
    let node = claim.node;
    let kept = spare.lock().expect("nobody panics with it").remove(&node);
    let disk = match kept {
        Some(disk) => disk,
        None => match disks::make(client, settings, vpc, launch, node).await {
            Ok(disk) => disk,
            Err(ApiError::Taken(_)) => match taken(client, settings, &claim).await? {
                Taken::By(instance) => return Ok(*instance),
                // Whoever is first makes it now, be it we or somebody else.
                Taken::Cleared => match disks::make(client, settings, vpc, launch, node).await {
                    Ok(disk) => disk,
                    Err(ApiError::Taken(said)) => return Err(ApiError::Mismatch(said)),
                    Err(error) => return Err(error),
                },
            },
            Err(error) => return Err(error),
        },
    };
    let made = match firewalls::is_there(client, &launch.firewall).await {
        Ok(()) => create(client, settings, vpc, launch, &claim, &disk).await,
        // Not ours to name any more if we are turned away now; so nothing was made.
        Err(ApiError::Lost(said)) => Err(unsent(spare, node, disk.clone(), ApiError::Lost(said))),
        Err(error) => Err(error),
    };
    match made {
        Err(error @ ApiError::Throttled { .. }) => Err(unsent(spare, node, disk, error)),
        // Nobody knows: the next look tells, or the disk's age.
        Err(error @ ApiError::Lost(_)) => Err(error),
        Err(error) => {
            // It was refused, so nothing has this disk. Where that fails the next one who comes does it.
            if let Err(error) = disks::delete(client, &disk).await {
                debug!(%error, disk, "the disk of a machine that was refused stays for now");
            }
            Err(error)
        }
        made => made,
    }
}

/// Keeps a disk for the next call.
fn unsent(spare: &Spare, node: NodeId, disk: String, error: ApiError) -> ApiError {
    spare.lock().expect("nobody panics with it").insert(node, disk);
    error
}

async fn create(
    client: &Client,
    settings: &DigitalOceanSettings,
    vpc: &str,
    launch: &Launch,
    claim: &Claim,
    disk: &str,
) -> Result<Instance, ApiError> {
    let offer = &launch.candidate.offer;
    let image = settings
        .images
        .get(&offer.machine)
        .ok_or_else(|| ApiError::Invalid(format!("there is no image for the processor {}", offer.machine)))?;
    // An image of one's own has a number, and no slug.
    let image = image.parse::<u64>().map_or_else(|_| json!(image), |number| json!(number));
    let mut body = json!({
        "name": droplets::name_of(claim),
        "region": settings.region,
        "size": offer.name,
        "image": image,
        "tags": tags_of(settings, vpc, &launch.tags),
        "user_data": launch.first_boot,
        "volumes": [disk],
        "vpc_uuid": vpc,
        "backups": false,
        "public_networking": settings.public_networking,
        // Nobody logs in, also not by the control panel's console.
        "with_droplet_agent": false,
    });
    if !settings.ssh_keys.is_empty() {
        let keys = settings.ssh_keys.iter().map(|key| key.parse::<u64>().map_or_else(|_| json!(key), |id| json!(id)));
        body["ssh_keys"] = keys.collect();
    }
    match client.make::<Droplet>("/v2/droplets", body, "droplet").await {
        Ok(Dated { is, at }) => Ok(droplets::instance(&is, at)),
        // The disk that we made is gone: whoever did not see what became of it has cleared it away. They go on.
        Err(ApiError::Invalid(said) | ApiError::NotFound(said)) if said.to_lowercase().contains("volume") => {
            Err(ApiError::Mismatch(format!("somebody else makes it: {said}")))
        }
        Err(error) => Err(error),
    }
}

/// Whose a disk is that is there.
enum Taken {
    /// Of the machine.
    By(Box<Instance>),
    /// Nobody's, and so it is gone.
    Cleared,
}

/// What a disk that is there means.
///
/// # Errors
/// [`ApiError::Mismatch`]: that cannot be said yet. [`ApiError::InUse`]: there may be data on it.
async fn taken(client: &Client, settings: &DigitalOceanSettings, claim: &Claim) -> Result<Taken, ApiError> {
    let node = claim.node;
    let later = |why: &str| Err(ApiError::Mismatch(format!("the disk of {node} {why}")));
    let Dated { is: Some(disk), at } = disks::find(client, settings, node).await? else {
        return later("is there, and cannot be seen yet");
    };
    if let Some(droplet) = disk.droplet_ids.first() {
        let Some(Dated { is: droplet, at }) = droplets::seen(client, &droplet.to_string()).await? else {
            return later("is at a droplet that cannot be seen");
        };
        // Somebody may have taken its tags from it. Of another's droplet nobody makes ours.
        let bears = tags::read(&droplet.tags).claim().map(|of| of.node);
        return match bears == Some(node) || bears.is_none() && droplet.name == droplets::name_of(claim) {
            true => Ok(Taken::By(Box::new(droplets::instance(&droplet, at)))),
            false => Err(ApiError::InUse(format!(
                "the volume {} is at the droplet {}, which is not ours",
                disks::name_of(node),
                droplet.id
            ))),
        };
    }
    let meant_to_go = format!("disk:{}", disk.id);
    let is_meant_to_go = |tag: &String| tags::is_of_gone(&meant_to_go, tag);
    // One whose droplet somebody has taken away, and who was killed before they took it away as well, is nobody's any more.
    if disks::was_used(&disk) && !tags::all(client).await?.iter().any(is_meant_to_go) {
        return Err(ApiError::InUse(format!(
            "the volume {} has data of {node}, whose droplet is gone: keep it by another name, or take it away",
            disks::name_of(node)
        )));
    }
    if !disks::has_settled(&disk.created_at, at) {
        return later("was made just now, and may be on its way to a droplet");
    }
    match disks::delete(client, &disk.id).await {
        Ok(()) => Ok(Taken::Cleared),
        Err(ApiError::InUse(said)) => Err(ApiError::Mismatch(said)),
        Err(error) => Err(error),
    }
}
