//! Instances, with their disks.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceStateName, InstanceType, ResourceType,
    ShutdownBehavior, VolumeType,
};
use aws_smithy_types::base64;
use justmanage_platform_cloud::{ApiError, Instance, Launch, Stage, Tags};

use crate::aws::{key, tags_of, tags_read};
use crate::network::{Network, filter, ours};
use crate::refusal::refusal;
use crate::settings::AwsSettings;

/// The disk for data, as EC2 calls it. What the system calls it is another matter: the machine finds it by its size.
const DATA: &str = "/dev/sdf";
/// Bytes of a GiB, in which EC2 counts disks.
const GIB: u64 = 1 << 30;

/// The instances of ours in a VPC, or in all of the region. Those that are gone have no VPC any more, but their tags for about an hour.
pub(crate) async fn list(client: &Client, vpc: Option<&str>) -> Result<Vec<Instance>, ApiError> {
    let call = client.describe_instances().filters(ours(vpc));
    let mut pages = call.into_paginator().page_size(1000).send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let reservations = page.map_err(refusal)?.reservations.unwrap_or_default();
        let instances = reservations.iter().flat_map(|reservation| reservation.instances());
        found.extend(instances.filter_map(instance));
    }
    Ok(found)
}

/// An instance, whosever it is.
pub(crate) async fn one(client: &Client, id: &str) -> Result<Option<Instance>, ApiError> {
    match client.describe_instances().instance_ids(id).send().await.map_err(refusal) {
        Ok(answer) => {
            let reservations = answer.reservations.unwrap_or_default();
            Ok(reservations.iter().flat_map(|reservation| reservation.instances()).find_map(instance))
        }
        Err(ApiError::NotFound(_)) => Ok(None),
        // What can be no instance's id is none's.
        Err(ApiError::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes an instance.
pub(crate) async fn launch(
    client: &Client,
    settings: &AwsSettings,
    network: &Network,
    launch: &Launch,
) -> Result<Instance, ApiError> {
    let offer = &launch.candidate.offer;
    let zone = &launch.candidate.zone;
    let invalid = |what: String| ApiError::Invalid(what);
    let subnet = network.subnet(zone).ok_or_else(|| invalid(format!("there is no subnet in {zone}")))?;
    let image = settings.image.id_for(&offer.machine);
    let image = image.ok_or_else(|| invalid(format!("there is no image for the processor {}", offer.machine)))?;
    let size =
        i32::try_from(launch.disk.get().div_ceil(GIB)).map_err(|_| invalid("the disk is too large".to_owned()))?;
    let disk = EbsBlockDevice::builder()
        .volume_type(VolumeType::Gp3)
        .volume_size(size)
        .encrypted(true)
        .set_kms_key_id(settings.kms_key.clone())
        .delete_on_termination(true);
    // Whoever gets a server to fetch an address for them does not get the machine's credentials so (version 1 would answer).
    let metadata = InstanceMetadataOptionsRequest::builder()
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_tokens(HttpTokensState::Required)
        .http_put_response_hop_limit(1);
    let specification = |kind| tags_of(kind, settings, Some(&network.vpc), &launch.tags);
    let mut call = client
        .run_instances()
        .client_token(launch.token.to_string())
        .min_count(1)
        .max_count(1)
        .image_id(image)
        .instance_type(InstanceType::from(offer.name.as_str()))
        .subnet_id(subnet)
        .security_group_ids(&launch.firewall)
        .user_data(base64::encode(&launch.first_boot))
        .metadata_options(metadata.build())
        .block_device_mappings(BlockDeviceMapping::builder().device_name(DATA).ebs(disk.build()).build())
        // A machine that gives itself back is gone, and costs nothing more.
        .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate);
    // No market options, ever: what AWS may take back when it likes (spot) is no place for a primary, and each node can be one.
    for kind in [ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface] {
        call = call.tag_specifications(specification(kind));
    }
    if let Some(profile) = &settings.instance_profile {
        call = call.iam_instance_profile(IamInstanceProfileSpecification::builder().name(profile).build());
    }
    let made = call.send().await.map_err(refusal)?;
    let made = made.instances.unwrap_or_default().iter().find_map(instance);
    made.ok_or_else(|| ApiError::Lost("the answer does not name the instance".to_owned()))
}

/// Starts an instance.
pub(crate) async fn start(client: &Client, id: &str) -> Result<(), ApiError> {
    client.start_instances().instance_ids(id).send().await.map_err(refusal).map(|_| ())
}

/// Takes an instance away. Its disks go with it.
pub(crate) async fn terminate(client: &Client, id: &str) -> Result<(), ApiError> {
    client.terminate_instances().instance_ids(id).send().await.map_err(refusal).map(|_| ())
}

/// Takes disks away that an instance left, because somebody has told EC2 to keep them.
pub(crate) async fn sweep(client: &Client, tags: &Tags) -> Result<(), ApiError> {
    let Some(claim) = tags.claim() else { return Ok(()) };
    let call = client
        .describe_volumes()
        .filters(filter(format!("tag:{}", key("node")), [claim.node.to_string()]))
        .filters(filter(format!("tag:{}", key("cluster")), [claim.cluster.to_string()]))
        .filters(filter("status", ["available"]));
    for volume in call.send().await.map_err(refusal)?.volumes.unwrap_or_default() {
        let Some(id) = volume.volume_id else { continue };
        match client.delete_volume().volume_id(id).send().await.map_err(refusal) {
            Ok(_) | Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sets tags of an instance.
pub(crate) async fn tag(
    client: &Client,
    settings: &AwsSettings,
    vpc: Option<&str>,
    id: &str,
    tags: &Tags,
) -> Result<(), ApiError> {
    let specification = tags_of(ResourceType::Instance, settings, vpc, tags);
    client.create_tags().resources(id).set_tags(specification.tags).send().await.map_err(refusal).map(|_| ())
}

/// What an instance has written to its console. EC2 shows it a minute or two late.
pub(crate) async fn console(client: &Client, id: &str) -> Result<Option<String>, ApiError> {
    let answer = client.get_console_output().instance_id(id).send().await.map_err(refusal)?;
    let text = answer.output.and_then(|text| base64::decode(text).ok());
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

fn instance(seen: &aws_sdk_ec2::types::Instance) -> Option<Instance> {
    let stage = match seen.state.as_ref()?.name.as_ref()? {
        InstanceStateName::Pending => Stage::Starting,
        InstanceStateName::Running => Stage::Running,
        InstanceStateName::Stopping => Stage::Stopping,
        InstanceStateName::Stopped => Stage::Stopped,
        InstanceStateName::ShuttingDown => Stage::Ending,
        InstanceStateName::Terminated => Stage::Gone,
        _ => return None,
    };
    Some(Instance {
        id: seen.instance_id.clone()?,
        tags: tags_read(seen.tags()),
        token: seen.client_token.clone().filter(|token| !token.is_empty()),
        stage,
        address: seen.private_ip_address.as_deref().and_then(|address| address.parse().ok()),
        why: seen.state_reason.as_ref().and_then(|reason| reason.message.clone()),
    })
}
