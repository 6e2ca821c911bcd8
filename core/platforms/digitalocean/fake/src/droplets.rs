//! Droplets and what is done with them.

use serde_json::{Value, json};

use crate::answer::{Answer, page, time};
use crate::catalogue::{self, IMAGES, SIZES, VPCS};
use crate::routes::Call;
use crate::world::{Droplet, World};
use crate::wrong::Wrong;

/// Most bytes of first-boot data.
const USER_DATA_MAX: usize = 64 * 1024;

fn shown(world: &World, droplet: &Droplet) -> Value {
    let size = catalogue::size(&droplet.size);
    let image = catalogue::image(&droplet.image, droplet.created_at);
    let region = VPCS.iter().find(|vpc| vpc.0 == droplet.vpc).map_or("fra1", |vpc| vpc.1);
    let if_may = |scope: &str, value: Value| if world.may(scope) { value } else { json!([]) };
    let mut networks = Vec::new();
    if droplet.status != "new" {
        networks.push(json!({
            "ip_address": droplet.address, "netmask": "255.255.240.0", "gateway": "10.114.0.1", "type": "private",
        }));
        if droplet.is_public {
            networks.insert(
                0,
                json!({
                    "ip_address": format!("203.0.113.{}", droplet.id % 250 + 1), "netmask": "255.255.255.0",
                    "gateway": "203.0.113.1", "type": "public",
                }),
            );
        }
    }
    json!({
        "id": droplet.id, "name": droplet.name, "memory": size["memory"], "vcpus": size["vcpus"], "disk": size["disk"],
        "locked": droplet.status == "new" || droplet.is_ending, "status": droplet.status, "kernel": null,
        "created_at": time(droplet.created_at), "features": ["private_networking"], "backup_ids": [],
        "next_backup_window": null, "snapshot_ids": [], "image": image,
        "volume_ids": if_may("block_storage:read", json!(world.volumes_of(droplet))),
        "size": size, "size_slug": droplet.size, "networks": { "v4": networks, "v6": [] },
        "region": catalogue::region(region), "tags": if_may("tag:read", json!(droplet.tags)),
        "vpc_uuid": if world.may("vpc:read") { json!(droplet.vpc) } else { Value::Null },
    })
}

pub(crate) fn list(world: &mut World, call: &Call) -> Answer {
    let (tag, name) = (call.asked("tag_name"), call.asked("name"));
    let struck = &mut world.struck;
    let mut seen = Vec::new();
    for droplet in world.droplets.values_mut() {
        let is_meant = tag.is_none_or(|tag| droplet.tags.iter().any(|of| of == tag))
            && name.is_none_or(|name| droplet.name == name);
        if is_meant && !World::is_late(&mut droplet.late, struck) {
            seen.push(droplet.id);
        }
    }
    let all: Vec<Value> =
        seen.iter().filter_map(|id| world.droplets.get(id)).map(|there| shown(world, there)).collect();
    page(&call.base, &call.path, &call.query, "droplets", &all)
}

pub(crate) fn get(world: &mut World, id: &str) -> Answer {
    match visible(world, id) {
        Some(id) => Answer::of(200, json!({ "droplet": shown(world, &world.droplets[&id]) })),
        None => Answer::not_found(),
    }
}

fn visible(world: &mut World, id: &str) -> Option<u64> {
    let struck = &mut world.struck;
    let droplet = world.droplets.get_mut(&id.parse().ok()?)?;
    (!World::is_late(&mut droplet.late, struck)).then_some(droplet.id)
}

pub(crate) fn create(world: &mut World, call: &Call) -> Answer {
    let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
    let (name, region, size, image) = (text("name"), text("region"), text("size"), text("image"));
    let user_data = text("user_data");
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if name.is_empty() || !is_name(&name) {
        return Answer::unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");
    }
    if !IMAGES.contains(&image.as_str()) {
        return Answer::unprocessable("You specified an invalid image for Droplet creation.");
    }
    if user_data.len() > USER_DATA_MAX {
        return Answer::unprocessable("User data must be less than 64 KiB.");
    }
    let Some(known) = SIZES.iter().find(|known| known.slug == size) else {
        return Answer::unprocessable("You specified an invalid size for Droplet creation.");
    };
    let is_full = match world.wrong {
        Some(Wrong::NoCapacity) => true,
        Some(Wrong::NoCapacityOf(full)) => full == size,
        _ => false,
    };
    if is_full || !known.regions.contains(&region.as_str()) {
        world.struck += usize::from(is_full);
        return Answer::unprocessable("Size is not available in this region.");
    }
    match world.wrong {
        Some(Wrong::Quota) => {
            world.struck += 1;
            return Answer::unprocessable("creating this/these droplet(s) will exceed your droplet limit");
        }
        Some(Wrong::ThrottledDroplets(left)) if left > 0 => {
            world.wrong = Some(Wrong::ThrottledDroplets(left - 1));
            world.struck += 1;
            return Answer::too_many(None);
        }
        _ => {}
    }
    let asked = call.body["vpc_uuid"].as_str();
    let vpc = VPCS.iter().find(|vpc| vpc.1 == region && asked.map_or(vpc.3, |id| id == vpc.0));
    let Some(vpc) = vpc else { return Answer::unprocessable("Failed to resolve VPC") };
    let (Some(tags), Some(volumes)) = (call.texts("tags"), call.texts("volumes")) else {
        return Answer::refused(400, "bad_request", "error parsing request body");
    };
    if let Some(wrong) = crate::tags::wrong(&tags) {
        return wrong;
    }
    let is_free = |id: &String| {
        let bound = world.volumes.get(id).is_some_and(|volume| volume.region == region && volume.droplet.is_none());
        bound || (world.binds_late && world.volumes.contains_key(id))
    };
    if !volumes.iter().all(is_free) {
        return Answer::unprocessable("Invalid volume allocations");
    }
    let number = world.number();
    let id = 3_164_000 + number;
    if !world.binds_late {
        volumes.iter().for_each(|id_of| world.volumes.get_mut(id_of).expect("it is there").droplet = Some(id));
    }
    world.tags.extend(tags.iter().cloned());
    let base = vpc.2.rsplit_once('.').map_or("10.0.0", |(base, _)| base);
    let droplet = Droplet {
        id,
        name,
        status: "new",
        user_data,
        tags,
        asked_volumes: volumes,
        size,
        image,
        vpc: vpc.0.to_owned(),
        address: format!("{base}.{}", number % 250 + 2),
        boots: 1,
        is_public: call.body["public_networking"].as_bool().unwrap_or(true),
        is_ending: false,
        created_at: world.now,
        steps: World::steps(),
        late: world.late(),
    };
    let body = json!({ "droplet": shown(world, &droplet), "links": { "actions": [{
        "id": id + 7_000_000, "rel": "create", "href": format!("{}/v2/actions/{}", call.base, id + 7_000_000),
    }] } });
    world.droplets.insert(id, droplet);
    Answer::of(202, body)
}

pub(crate) fn destroy(world: &mut World, id: &str) -> Answer {
    let found = id.parse().ok().and_then(|id: u64| world.droplets.get_mut(&id)).filter(|droplet| droplet.late == 0);
    let Some(droplet) = found else { return Answer::not_found() };
    if droplet.status == "new" || droplet.is_ending {
        return Answer::unprocessable("Droplet already has a pending event.");
    }
    droplet.is_ending = true;
    World::set_out(droplet);
    Answer::done()
}

pub(crate) fn act(world: &mut World, id: &str, call: &Call) -> Answer {
    let Some(id) = visible(world, id) else { return Answer::not_found() };
    let number = world.number();
    let now = world.now;
    let droplet = world.droplets.get_mut(&id).expect("it is visible");
    if droplet.status == "new" || droplet.is_ending {
        return Answer::unprocessable("Droplet already has a pending event.");
    }
    let kind = call.body["type"].as_str().unwrap_or_default();
    match (kind, droplet.status) {
        ("power_on", "active") => return Answer::unprocessable("Droplet is already powered on."),
        ("power_on", _) => {
            droplet.status = "active";
            droplet.boots += 1;
        }
        ("power_off" | "shutdown", "off") => return Answer::unprocessable("Droplet is already powered off."),
        ("power_off" | "shutdown", _) => droplet.status = "off",
        _ => return Answer::unprocessable("Invalid action type"),
    }
    let region = catalogue::region("fra1");
    let action = json!({
        "id": 36_804_000 + number, "status": "in-progress", "type": kind, "started_at": time(now), "completed_at": null,
        "resource_id": id, "resource_type": "droplet", "region": region, "region_slug": "fra1",
    });
    world.actions.push(action.clone());
    Answer::of(201, json!({ "action": action }))
}

pub(crate) fn actions(world: &mut World, id: &str, call: &Call) -> Answer {
    let Some(id) = visible(world, id) else { return Answer::not_found() };
    let all: Vec<Value> = world.actions.iter().filter(|action| action["resource_id"] == json!(id)).cloned().collect();
    page(&call.base, &call.path, &call.query, "actions", &all)
}
