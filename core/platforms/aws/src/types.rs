//! Types of instances: what they have, and in which zones they can be had.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{ArchitectureType, InstanceType, LocationType};
use justmanage_model::Bytes;
use justmanage_platform_cloud::{ApiError, Offer, Room};

use crate::network::{Network, filter};
use crate::refusal::refusal;
use crate::settings::AwsSettings;

/// Families of which the smallest that fits is taken, where nobody has chosen: made for memory or for general use, without accelerators,
/// and with a whole processor at all times (the `t` families run dry).
pub const USUAL: [&str; 8] = ["m6g", "m6i", "m7g", "m7i", "r6g", "r6i", "r7g", "r7i"];

/// What may be had.
pub(crate) async fn room(client: &Client, settings: &AwsSettings, network: &Network) -> Result<Room, ApiError> {
    let are_chosen = !settings.instance_types.is_empty();
    let zones = network.zones();
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut call = client
        .describe_instance_type_offerings()
        .location_type(LocationType::AvailabilityZone)
        .filters(filter("location", zones.clone()));
    if are_chosen {
        call = call.filters(filter("instance-type", settings.instance_types.clone()));
    }
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        for offering in page.map_err(refusal)?.instance_type_offerings.unwrap_or_default() {
            if let (Some(kind), Some(zone)) = (offering.instance_type, offering.location) {
                there.entry(kind.as_str().to_owned()).or_default().insert(zone);
            }
        }
    }
    let is_usual =
        |name: &&String| name.split_once('.').is_some_and(|(family, size)| USUAL.contains(&family) && size != "metal");
    let names: Vec<&String> = there.keys().filter(|name| are_chosen || is_usual(name)).collect();
    let mut offers = Vec::new();
    // As many as one call takes.
    for some in names.chunks(100) {
        let kinds = some.iter().map(|name| InstanceType::from(name.as_str())).collect();
        let answer = client.describe_instance_types().set_instance_types(Some(kinds)).send().await.map_err(refusal)?;
        for kind in answer.instance_types.unwrap_or_default() {
            let name = kind.instance_type.map(|name| name.as_str().to_owned());
            let processors = kind.v_cpu_info.and_then(|info| info.default_v_cpus);
            let memory = kind.memory_info.and_then(|info| info.size_in_mib);
            let machine =
                kind.processor_info.and_then(|info| machine(&info.supported_architectures.unwrap_or_default()));
            let (Some(name), Some(processors), Some(memory), Some(machine)) = (name, processors, memory, machine)
            else {
                continue;
            };
            offers.push(Offer {
                zones: there.get(&name).into_iter().flatten().cloned().collect(),
                name,
                processors: processors.try_into().unwrap_or_default(),
                memory: Bytes::mib(memory.try_into().unwrap_or_default()),
                machine: machine.to_owned(),
            });
        }
    }
    let has_image = |offer: &Offer| settings.image.machines().any(|machine| machine == offer.machine);
    offers.retain(has_image);
    if are_chosen {
        let place = |offer: &Offer| settings.instance_types.iter().position(|name| *name == offer.name);
        offers.sort_by_key(place);
    }
    Ok(Room { offers, are_chosen, zones })
}

/// What `uname -m` says there.
fn machine(architectures: &[ArchitectureType]) -> Option<&'static str> {
    architectures.iter().find_map(|architecture| match architecture {
        ArchitectureType::Arm64 => Some("aarch64"),
        ArchitectureType::X8664 => Some("x86_64"),
        _ => None,
    })
}
