//! Volumes.

use serde_json::{Value, json};

use crate::answer::{Answer, page, time};
use crate::catalogue::region;
use crate::routes::Call;
use crate::world::{Volume, World};

fn shown(world: &World, volume: &Volume) -> Value {
    // It shows with its droplet.
    let droplet = volume.droplet.and_then(|id| world.droplets.get(&id)).filter(|droplet| droplet.status != "new");
    let droplets: Vec<u64> = droplet.map(|droplet| droplet.id).into_iter().collect();
    json!({
        "id": volume.id, "region": region(&volume.region), "droplet_ids": droplets, "name": volume.name,
        "description": volume.description, "size_gigabytes": volume.gigabytes, "created_at": time(volume.created_at),
        "filesystem_type": "", "filesystem_label": "",
        "tags": if world.may("tag:read") { json!(volume.tags) } else { Value::Null },
    })
}

pub(crate) fn list(world: &mut World, call: &Call) -> Answer {
    let (name, region) = (call.asked("name"), call.asked("region"));
    let struck = &mut world.struck;
    let mut seen = Vec::new();
    for volume in world.volumes.values_mut() {
        let is_meant =
            name.is_none_or(|name| volume.name == name) && region.is_none_or(|region| volume.region == region);
        if is_meant && !World::is_late(&mut volume.late, struck) {
            seen.push(volume.id.clone());
        }
    }
    let all: Vec<Value> = seen.iter().filter_map(|id| world.volumes.get(id)).map(|there| shown(world, there)).collect();
    page(&call.base, &call.path, &call.query, "volumes", &all)
}

pub(crate) fn get(world: &mut World, id: &str) -> Answer {
    match world.volumes.get(id).filter(|volume| volume.late == 0) {
        Some(volume) => Answer::of(200, json!({ "volume": shown(world, volume) })),
        None => Answer::not_found(),
    }
}

pub(crate) fn create(world: &mut World, call: &Call) -> Answer {
    let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
    let (name, region) = (text("name"), text("region"));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 64 && name.chars().all(plain);
    if !is_name {
        return Answer::refused(400, "invalid_argument", "invalid name");
    }
    let Some(gigabytes) = call.body["size_gigabytes"].as_u64().filter(|size| (1..=16 * 1024).contains(size)) else {
        return Answer::refused(400, "invalid_argument", "invalid size");
    };
    let Some(tags) = call.texts("tags") else {
        return Answer::refused(400, "bad_request", "error parsing request body");
    };
    if let Some(wrong) = crate::tags::wrong(&tags) {
        return wrong;
    }
    if world.volumes.values().any(|volume| volume.name == name && volume.region == region) {
        return Answer::refused(409, "conflict", "failed to create volume: a volume with that name already exists");
    }
    world.tags.extend(tags.iter().cloned());
    let volume = Volume {
        id: world.uuid(0xad9f),
        name,
        region,
        gigabytes,
        tags,
        droplet: None,
        description: text("description"),
        created_at: world.now,
        late: world.late(),
    };
    let body = json!({ "volume": shown(world, &volume) });
    world.volumes.insert(volume.id.clone(), volume);
    Answer::of(201, body)
}

pub(crate) fn delete(world: &mut World, id: &str) -> Answer {
    match world.volumes.get(id) {
        None => Answer::not_found(),
        Some(volume) if volume.droplet.is_some() => {
            Answer::refused(409, "conflict", "failed to delete volume: attached volume cannot be deleted")
        }
        Some(_) => {
            world.volumes.remove(id);
            Answer::done()
        }
    }
}

pub(crate) fn act(world: &mut World, id: &str, call: &Call) -> Answer {
    let (kind, droplet) = (call.body["type"].as_str().unwrap_or_default(), call.body["droplet_id"].as_u64());
    let (number, now) = (world.number(), world.now);
    let is_there = droplet.is_some_and(|droplet| world.droplets.contains_key(&droplet));
    let Some(volume) = world.volumes.get_mut(id) else { return Answer::not_found() };
    match (kind, volume.droplet) {
        ("attach", None) if is_there => volume.droplet = droplet,
        ("attach", Some(_)) => return Answer::unprocessable("This volume is already attached to another Droplet"),
        ("detach", Some(at)) if Some(at) == droplet => volume.droplet = None,
        _ => return Answer::unprocessable("Attachment not found"),
    }
    let action = json!({
        "id": 72_531_000 + number, "status": "completed", "type": format!("{kind}_volume"), "started_at": time(now),
        "completed_at": time(now), "resource_id": null, "resource_type": "volume", "region": region("fra1"),
        "region_slug": "fra1",
    });
    Answer::of(202, json!({ "action": action }))
}
