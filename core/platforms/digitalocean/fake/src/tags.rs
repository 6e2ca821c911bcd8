//! Tags: things of the account, which others bear.

use serde_json::{Value, json};

use crate::answer::{Answer, page};
use crate::routes::Call;
use crate::world::World;

/// What is wrong with tags.
pub(crate) fn wrong(tags: &[String]) -> Option<Answer> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['_', '-', ':'].contains(&c);
    let is_tag = |tag: &String| (1..=255).contains(&tag.len()) && tag.chars().all(allowed);
    let wrong = tags.iter().find(|tag| !is_tag(tag))?;
    Some(Answer::unprocessable(&format!("Tag name can only contain a-z, 0-9, :, -, and _: {wrong}")))
}

fn shown(world: &World, name: &str) -> Value {
    let droplets = world.droplets.values().filter(|droplet| droplet.tags.iter().any(|tag| tag == name)).count();
    let volumes = world.volumes.values().filter(|volume| volume.tags.iter().any(|tag| tag == name)).count();
    json!({ "name": name, "resources": {
        "count": droplets + volumes, "droplets": { "count": droplets }, "images": { "count": 0 },
        "volumes": { "count": volumes }, "volume_snapshots": { "count": 0 }, "databases": { "count": 0 },
    } })
}

pub(crate) fn list(world: &mut World, call: &Call) -> Answer {
    let all: Vec<Value> = world.tags.iter().map(|name| shown(world, name)).collect();
    page(&call.base, &call.path, &call.query, "tags", &all)
}

pub(crate) fn get(world: &mut World, name: &str) -> Answer {
    match world.tags.contains(name) {
        true => Answer::of(200, json!({ "tag": shown(world, name) })),
        false => Answer::not_found(),
    }
}

/// Also of one that is there.
pub(crate) fn create(world: &mut World, call: &Call) -> Answer {
    let name = call.body["name"].as_str().unwrap_or_default().to_owned();
    if let Some(wrong) = wrong(std::slice::from_ref(&name)) {
        return wrong;
    }
    world.tags.insert(name.clone());
    Answer::of(201, json!({ "tag": shown(world, &name) }))
}

/// It is taken from all that bear it, firewalls included.
pub(crate) fn delete(world: &mut World, name: &str) -> Answer {
    if !world.tags.remove(name) {
        return Answer::not_found();
    }
    world.droplets.values_mut().for_each(|droplet| droplet.tags.retain(|tag| tag != name));
    world.volumes.values_mut().for_each(|volume| volume.tags.retain(|tag| tag != name));
    for firewall in world.firewalls.values_mut() {
        if let Some(tags) = firewall.body["tags"].as_array_mut() {
            tags.retain(|tag| tag != name);
        }
    }
    Answer::done()
}

/// Lays a tag on things, or takes it from them.
pub(crate) fn assign(world: &mut World, name: &str, call: &Call, is_on: bool) -> Answer {
    if !world.tags.contains(name) {
        return Answer::not_found();
    }
    let resources = call.body["resources"].as_array().cloned().unwrap_or_default();
    if resources.is_empty() {
        return Answer::refused(400, "bad_request", "resources must not be empty");
    }
    for resource in &resources {
        let id = resource["resource_id"].as_str().unwrap_or_default();
        let tags = match resource["resource_type"].as_str() {
            Some("droplet") => {
                let droplet = id.parse().ok().and_then(|id: u64| world.droplets.get_mut(&id));
                droplet.filter(|droplet| droplet.late == 0).map(|droplet| &mut droplet.tags)
            }
            Some("volume") => world.volumes.get_mut(id).map(|volume| &mut volume.tags),
            _ => None,
        };
        let Some(tags) = tags else { return Answer::not_found() };
        tags.retain(|tag| tag != name);
        tags.extend(is_on.then(|| name.to_owned()));
    }
    Answer::done()
}
