//! Which call is which, and what scopes it needs
//! ([as the specification says](https://github.com/digitalocean/openapi), endpoint by endpoint).

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::answer::Answer;
use crate::world::World;
use crate::{catalogue, droplets, firewalls, tags, volumes};

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Without its query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// Where the server answers.
    pub(crate) base: String,
}

impl Call {
    pub(crate) fn new(method: &str, address: &str, body: Value, base: String) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: pairs.map(|(name, value)| (decode(name), decode(value))).collect(),
            body,
            base,
        }
    }

    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// Texts in an array of the body; `None`: it has something else there.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        texts(&self.body[name])
    }
}

/// Texts in an array, which may be left out.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Carries a call out.
pub(crate) fn answer(world: &mut World, call: &Call) -> Answer {
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = call.path.trim_matches('/').split('/').map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let route = (call.method.as_str(), parts.as_slice());
    let Some(needed) = scopes(&route, call) else { return Answer::not_found() };
    if let Some(missing) = needed.iter().find(|scope| !world.may(scope)) {
        let said = format!("You are missing the required permission {missing}.");
        return Answer::refused(403, "Forbidden", &said);
    }
    match route {
        ("GET", ["v2", "droplets"]) => droplets::list(world, call),
        ("POST", ["v2", "droplets"]) => droplets::create(world, call),
        ("GET", ["v2", "droplets", id]) => droplets::get(world, id),
        ("DELETE", ["v2", "droplets", id]) => droplets::destroy(world, id),
        ("POST", ["v2", "droplets", id, "actions"]) => droplets::act(world, id, call),
        ("GET", ["v2", "droplets", id, "actions"]) => droplets::actions(world, id, call),
        ("GET", ["v2", "volumes"]) => volumes::list(world, call),
        ("POST", ["v2", "volumes"]) => volumes::create(world, call),
        ("GET", ["v2", "volumes", id]) => volumes::get(world, id),
        ("DELETE", ["v2", "volumes", id]) => volumes::delete(world, id),
        ("POST", ["v2", "volumes", id, "actions"]) => volumes::act(world, id, call),
        ("GET", ["v2", "firewalls"]) => firewalls::list(world, call),
        ("POST", ["v2", "firewalls"]) => firewalls::create(world, call),
        ("GET", ["v2", "firewalls", id]) => firewalls::get(world, id),
        ("PUT", ["v2", "firewalls", id]) => firewalls::update(world, id, call),
        ("DELETE", ["v2", "firewalls", id]) => firewalls::delete(world, id),
        ("GET", ["v2", "tags"]) => tags::list(world, call),
        ("POST", ["v2", "tags"]) => tags::create(world, call),
        ("GET", ["v2", "tags", name]) => tags::get(world, name),
        ("DELETE", ["v2", "tags", name]) => tags::delete(world, name),
        ("POST", ["v2", "tags", name, "resources"]) => tags::assign(world, name, call, true),
        ("DELETE", ["v2", "tags", name, "resources"]) => tags::assign(world, name, call, false),
        ("GET", ["v2", "sizes"]) => catalogue::sizes(call),
        ("GET", ["v2", "vpcs"]) => catalogue::vpcs(call),
        _ => Answer::not_found(),
    }
}

/// What a call needs; `None`: there is none like that.
fn scopes(route: &(&str, &[&str]), call: &Call) -> Option<Vec<&'static str>> {
    let has = |name: &str| call.body[name].as_array().is_some_and(|all| !all.is_empty());
    let mut needed = match route {
        ("GET", ["v2", "droplets", ..]) => vec!["droplet:read"],
        ("POST", ["v2", "droplets"]) => vec!["droplet:create", "image:read"],
        ("POST", ["v2", "droplets", ..]) => vec!["droplet:update"],
        ("DELETE", ["v2", "droplets", ..]) => vec!["droplet:delete"],
        ("GET", ["v2", "volumes", ..]) => vec!["block_storage:read"],
        ("POST", ["v2", "volumes"]) => vec!["block_storage:create"],
        ("POST", ["v2", "volumes", ..]) => vec!["block_storage_action:create"],
        ("DELETE", ["v2", "volumes", ..]) => vec!["block_storage:delete"],
        ("GET", ["v2", "firewalls", ..]) => vec!["firewall:read"],
        ("POST", ["v2", "firewalls"]) => vec!["firewall:create"],
        ("PUT", ["v2", "firewalls", _]) => vec!["firewall:update"],
        ("DELETE", ["v2", "firewalls", _]) => vec!["firewall:delete"],
        ("GET", ["v2", "tags", ..]) => vec!["tag:read"],
        ("POST", ["v2", "tags", ..]) => vec!["tag:create"],
        ("DELETE", ["v2", "tags", ..]) => vec!["tag:delete"],
        ("GET", ["v2", "sizes"]) => vec!["sizes:read", "regions:read"],
        ("GET", ["v2", "vpcs"]) => vec!["vpc:read"],
        _ => return None,
    };
    if *route == ("POST", ["v2", "droplets"].as_slice()) {
        needed.extend(has("volumes").then_some("block_storage:read"));
        needed.extend(has("ssh_keys").then_some("ssh_key:read"));
        needed.extend(call.body["vpc_uuid"].is_string().then_some("vpc:read"));
    }
    if matches!(route, ("POST", ["v2", "droplets" | "volumes"])) {
        needed.extend(has("tags").then_some("tag:create"));
    }
    Some(needed)
}
