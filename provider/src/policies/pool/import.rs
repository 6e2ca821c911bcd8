//! The attributes of a pool by its definition.

use std::collections::BTreeMap;

use justmanage_model::pool::{Host, HostKey, Pool, SSH_PORT, Server};

use super::host::ROOT;
use super::model::{JumpHost, PoolServer, ServerPool};

impl ServerPool {
    /// The attributes that say this. What all servers have in common is said once; jump hosts go by the names that they have in
    /// the definition.
    pub(super) fn of(pool: &Pool) -> Self {
        let definition = pool.to_string();
        let usual = (
            common(pool.servers.iter().map(|server| server.host.user.as_str())).unwrap_or(ROOT),
            common(pool.servers.iter().map(|server| server.host.port)).unwrap_or(SSH_PORT),
        );
        let jumps = pool.jump_hosts();
        let name = |host: &Host| jumps.iter().position(|one| *one == host).map(|index| format!("j{}", index + 1));
        let jump_of = |host: &Host| host.jump.as_deref().and_then(name);
        let jump_hosts: BTreeMap<String, JumpHost> =
            jumps.iter().filter_map(|&host| Some((name(host)?, jump_host(host, jump_of(host))))).collect();
        Self {
            id: justmanage_model::label(&definition).into(),
            servers: pool.servers.iter().map(|one| server(one, usual, jump_of(&one.host))).collect(),
            user: unless(usual.0, ROOT).map(str::to_owned),
            port: unless(usual.1, SSH_PORT).map(Into::into),
            jump_hosts: (!jump_hosts.is_empty()).then_some(jump_hosts),
            definition: definition.into(),
        }
    }
}

fn server(server: &Server, usual: (&str, u16), jump: Option<String>) -> PoolServer {
    let Server { host, private_address, announce, zone, labels, hidden, former: _ } = server;
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(label, value)| (label.to_string(), value.to_string())).collect();
    PoolServer {
        address: host.address.clone(),
        port: unless(host.port, usual.1).map(Into::into),
        user: unless(host.user.as_str(), usual.0).map(str::to_owned),
        host_keys: keys(host),
        private_address: private_address.map(|address| address.to_string()),
        announce: announce.as_ref().map(ToString::to_string),
        zone: zone.as_ref().map(ToString::to_string),
        labels: (!labels.is_empty()).then_some(labels),
        jump,
        hidden: hidden.then_some(true),
    }
}

fn jump_host(host: &Host, jump: Option<String>) -> JumpHost {
    JumpHost {
        address: host.address.clone(),
        port: unless(host.port, SSH_PORT).map(Into::into),
        user: unless(host.user.as_str(), ROOT).map(str::to_owned),
        host_keys: keys(host),
        jump,
    }
}

fn keys(host: &Host) -> Option<Vec<String>> {
    (!host.keys.is_empty()).then(|| host.keys.iter().map(HostKey::to_string).collect())
}

/// What all have in common, if they have.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// What need not be said is not said.
fn unless<T: PartialEq>(value: T, usual: T) -> Option<T> {
    (value != usual).then_some(value)
}
