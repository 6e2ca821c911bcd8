//! Cloud firewalls.

use serde_json::{Value, json};

use crate::answer::{Answer, page, time};
use crate::routes::{Call, texts};
use crate::world::{Firewall, World};

/// Most rules, inbound and outbound, and most tags of a firewall.
const RULES_MAX: usize = 50;
const TAGS_MAX: usize = 5;

fn shown(world: &World, firewall: &Firewall) -> Value {
    let rules = |name: &str| -> Vec<Value> {
        let mut rules = firewall.body[name].as_array().cloned().unwrap_or_default();
        for rule in &mut rules {
            if rule["ports"].as_str().is_none_or(|ports| ports == "all") {
                rule["ports"] = json!("0");
            }
        }
        rules
    };
    json!({
        "id": firewall.id, "name": firewall.name, "status": "succeeded", "created_at": time(firewall.created_at),
        "pending_changes": [], "droplet_ids": firewall.body["droplet_ids"].as_array().cloned().unwrap_or_default(),
        "tags": if world.may("tag:read") { firewall.body["tags"].clone() } else { json!([]) },
        "inbound_rules": rules("inbound_rules"), "outbound_rules": rules("outbound_rules"),
    })
}

pub(crate) fn list(world: &mut World, call: &Call) -> Answer {
    let struck = &mut world.struck;
    let mut seen = Vec::new();
    for firewall in world.firewalls.values_mut() {
        if !World::is_late(&mut firewall.late, struck) {
            seen.push(firewall.id.clone());
        }
    }
    let all: Vec<Value> =
        seen.iter().filter_map(|id| world.firewalls.get(id)).map(|there| shown(world, there)).collect();
    page(&call.base, &call.path, &call.query, "firewalls", &all)
}

pub(crate) fn get(world: &mut World, id: &str) -> Answer {
    let struck = &mut world.struck;
    let is_seen = world.firewalls.get_mut(id).is_some_and(|firewall| !World::is_late(&mut firewall.late, struck));
    match world.firewalls.get(id).filter(|_| is_seen) {
        Some(firewall) => Answer::of(200, json!({ "firewall": shown(world, firewall) })),
        None => Answer::not_found(),
    }
}

/// What is wrong with what is asked for.
fn wrong(world: &World, call: &Call, own: Option<&str>) -> Option<Answer> {
    let name = call.body["name"].as_str().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) || name.starts_with(['-', '.']) {
        return Some(Answer::unprocessable("name must match ^[a-zA-Z0-9][a-zA-Z0-9\\.-]+$"));
    }
    let rules = |side: &str| call.body[side].as_array().cloned().unwrap_or_default();
    let (inbound, outbound) = (rules("inbound_rules"), rules("outbound_rules"));
    if inbound.is_empty() && outbound.is_empty() {
        return Some(Answer::unprocessable("firewall must have at least one rule"));
    }
    if inbound.len() + outbound.len() > RULES_MAX {
        return Some(Answer::unprocessable("a firewall may have at most 50 rules"));
    }
    let sides = inbound.iter().map(|rule| (rule, "sources")).chain(outbound.iter().map(|rule| (rule, "destinations")));
    let malformed = || Answer::refused(400, "bad_request", "error parsing request body");
    let Some(mut tags) = texts(&call.body["tags"]) else { return Some(malformed()) };
    if tags.len() > TAGS_MAX {
        return Some(Answer::unprocessable("a firewall may have at most 5 tags"));
    }
    for (rule, side) in sides {
        let protocol = rule["protocol"].as_str().unwrap_or_default();
        let is_known = ["tcp", "udp", "icmp"].contains(&protocol);
        if !is_known || !rule[side].is_object() || (protocol != "icmp" && !rule["ports"].is_string()) {
            return Some(Answer::unprocessable(&format!("invalid rule: {rule}")));
        }
        let Some(more) = texts(&rule[side]["tags"]) else { return Some(malformed()) };
        tags.extend(more);
    }
    if let Some(missing) = tags.iter().find(|tag| !world.tags.contains(*tag)) {
        return Some(Answer::unprocessable(&format!("tag {missing} does not exist")));
    }
    let is_taken = world.firewalls.values().any(|there| there.name == name && Some(there.id.as_str()) != own);
    is_taken.then(|| Answer::refused(409, "conflict", "duplicate name"))
}

pub(crate) fn create(world: &mut World, call: &Call) -> Answer {
    if let Some(wrong) = wrong(world, call, None) {
        return wrong;
    }
    let firewall = Firewall {
        id: world.uuid(0xb57d),
        name: call.body["name"].as_str().unwrap_or_default().to_owned(),
        body: call.body.clone(),
        created_at: world.now,
        late: world.late(),
    };
    let body = json!({ "firewall": shown(world, &firewall) });
    world.firewalls.insert(firewall.id.clone(), firewall);
    Answer::of(202, body)
}

pub(crate) fn update(world: &mut World, id: &str, call: &Call) -> Answer {
    if world.firewalls.get(id).is_none_or(|firewall| firewall.late > 0) {
        return Answer::not_found();
    }
    if let Some(wrong) = wrong(world, call, Some(id)) {
        return wrong;
    }
    let firewall = world.firewalls.get_mut(id).expect("it is there");
    firewall.name = call.body["name"].as_str().unwrap_or_default().to_owned();
    firewall.body = call.body.clone();
    Answer::of(200, json!({ "firewall": shown(world, &world.firewalls[id]) }))
}

/// It goes from before whatever it stands before.
pub(crate) fn delete(world: &mut World, id: &str) -> Answer {
    match world.firewalls.remove(id) {
        Some(_) => Answer::done(),
        None => Answer::not_found(),
    }
}
