//! What the agents say of the servers that they would run.

use std::collections::BTreeMap;

use justmanage_model::{
    BusView, Bytes, LastRole, NodeId, NodeObservation, Observation, PrimaryLink, ReplicaLink, Role, Seen,
    ServerObservation, ServerState, SlotSet, Timestamp, Waiting, user,
};

use crate::world::{Group, World, bus_id};

/// What is seen of a group, and what is waited for.
pub(crate) fn of(world: &World, group: &Group) -> (Observation, Vec<Waiting>) {
    let seen = world.seen(&group.record);
    let mut waiting: Vec<Waiting> = world.waiting.iter().cloned().chain(group.on_its_way()).collect();
    let mut nodes = BTreeMap::new();
    for node in group.record.members.keys() {
        if seen.contains(node) {
            nodes.insert(*node, Seen::Known(node_of(world, group, *node)));
            continue;
        }
        let (since, why) = (Timestamp::UNIX_EPOCH, "connection refused".to_owned());
        waiting.push(Waiting::NodeUnknown { node: *node, since, why: why.clone() });
        nodes.insert(*node, Seen::Unknown { since, why });
    }
    for node in group.record.spares.keys().filter(|node| seen.contains(node)) {
        nodes.insert(*node, Seen::Known(nothing(Some(group))));
    }
    (Observation { nodes }, waiting)
}

/// A node whose server runs as the Record wants it.
pub(crate) fn node_of(world: &World, group: &Group, node: NodeId) -> NodeObservation {
    let agent_version = world.actors.get(&node).map(|actor| actor.info.version.clone()).unwrap_or_default();
    let server = ServerState::Running(Box::new(server(group, node)));
    NodeObservation { server, agent_version, ..nothing(Some(group)) }
}

/// A node whose server does not run.
pub(crate) fn nothing(group: Option<&Group>) -> NodeObservation {
    NodeObservation {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        settled: group.map(|group| group.record.generation),
        server: ServerState::Stopped,
        last: None::<LastRole>,
        promoted: None,
        asked: None,
        handover: None,
        severed: None,
        program: None,
        unfit: false,
        trouble: None,
        limits: Vec::new(),
        probe: None,
        moving: None,
        weights: None,
        backup: None,
        offer: None,
        fetched: None,
        ahead_s: 0,
        at: None,
    }
}

/// The slots of a shard, of which the newest may have none yet, and the last ones none any more.
fn owned(group: &Group, shard: u16) -> SlotSet {
    if shard < group.spread { SlotSet::share(shard, group.spread) } else { SlotSet::empty() }
}

fn server(group: &Group, node: NodeId) -> ServerObservation {
    let record = &group.record;
    let mut release = record.release.clone();
    release.package = None;
    if let Some(version) = group.versions.get(&node) {
        release.version = *version;
    }
    let shard = record.shard_of(node).unwrap_or_default();
    let primary = group.primaries.get(&shard).copied().unwrap_or(node);
    let in_shard = |other: &NodeId| record.shard_of(*other) == Some(shard) && *other != primary;
    let replicas = record.members.iter().filter(|(other, _)| in_shard(other)).map(|(_, member)| ReplicaLink {
        at: member.client,
        online: true,
        lag_bytes: 14,
        lag_s: 0,
    });
    let link = PrimaryLink { up: true, syncing: false, down_since: None, silent_s: Some(0), at: None };
    let (role, slots) = if primary == node {
        (Role::Primary { replicas: replicas.collect() }, owned(group, shard))
    } else {
        (Role::Replica { of: bus_id(primary), link }, SlotSet::empty())
    };
    let bus = BusView {
        id: bus_id(node),
        ok: true,
        epoch: 1,
        config_epoch: 1,
        astray: SlotSet::empty(),
        slots,
        role,
        peers: Vec::new(),
        view: "0".repeat(16),
    };
    ServerObservation {
        release,
        started: None,
        pid: 1,
        loading: false,
        bus: Some(bus),
        persistent: true,
        offset: 1000,
        config: record.wanted_config(node),
        users: user::fingerprint(&record.users),
        used_memory: group.used.get(&node).copied().unwrap_or(Bytes::mib(2)),
        field_ttls: None,
        passwords: None,
        certificate_expires: Timestamp::MAX,
        tls: None,
    }
}
