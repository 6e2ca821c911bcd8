//! What unit tests begin with: a Record of a formed cluster, what is seen of a node, and what a server is asked. Each test says what is
//! different in its own.

use std::net::SocketAddr;

use justmanage_model::{
    BusId, BusView, Bytes, Engine, Member, NodeId, NodeObservation, Record, Release, Role, Seat, ServerObservation,
    ServerState, SlotSet, Timestamp, Version,
};
use tokio::io::{BufReader, Lines};
use tokio::net::TcpStream;

/// The same node for the same number.
pub(crate) fn node(number: u8) -> NodeId {
    NodeId::from_entropy([number; 10])
}

/// A node of a Record, whose server is known as one that this number was given to.
pub(crate) fn member(number: u8, seat: Seat) -> Member {
    let port = |base: u16| SocketAddr::from(([127, 0, 0, 1], base + u16::from(number)));
    let text = serde_json::json!({
        "seat": seat,
        "pin": format!("sha256:{}", format!("{number:02x}").repeat(32)),
        "sealing": format!("x25519:{}", format!("{number:02x}").repeat(32)),
        "agent": port(19000), "client": port(20000), "bus_port": port(30000).port(),
    });
    serde_json::from_value(text).expect("a member")
}

/// A cluster of Redis 7.0.15 with these shards and replicas, at rest, in generation 5; its nodes are numbered shard by shard.
pub(crate) fn record(shards: u16, replicas_per_shard: u16) -> Record {
    let text = serde_json::json!({
        "layout": 5, "epoch": "00000000000000aa", "generation": 5, "cluster": "jmc0123456789abcdef", "name": "cache",
        "phase": "formed", "unclaimed": false,
        "spec": {
            "engine": "redis", "version": "7.0", "shards": shards, "replicas_per_shard": replicas_per_shard,
            "memory": 67_108_864, "config": {}, "place": "local", "testing": {},
        },
        "release": { "engine": "redis", "version": "7.0.15" },
        "artefact": { "server": "/usr/bin/redis-server", "sha256": "00".repeat(32) },
        "operators": [], "members": {}, "users": {}, "ca_certificate": null, "grant": null,
    });
    let record: Record = serde_json::from_value(text).expect("a record");
    let seats = justmanage_model::Shape::of(&record.spec).seats();
    let members = (0..).zip(seats).map(|(number, seat)| (node(number), member(number, seat))).collect();
    Record { members, ..record }
}

/// A server with this role, of which everything else is as plain as can be: a primary has all slots.
pub(crate) fn server(role: Role) -> ServerObservation {
    let slots = if matches!(role, Role::Primary { .. }) { SlotSet::all() } else { SlotSet::empty() };
    let bus = BusView {
        id: BusId::new([1; 20]),
        ok: true,
        epoch: 2,
        config_epoch: 2,
        slots,
        astray: SlotSet::empty(),
        role,
        peers: Vec::new(),
        view: String::new(),
    };
    ServerObservation {
        release: Release::new(Engine::Redis, Version::new(7, 0, 15)),
        started: None,
        pid: 1,
        loading: false,
        bus: Some(bus),
        persistent: true,
        offset: 1,
        config: Default::default(),
        users: String::new(),
        used_memory: Bytes::mib(1),
        field_ttls: None,
        passwords: None,
        certificate_expires: Timestamp::UNIX_EPOCH,
        tls: None,
    }
}

/// A node whose server runs, and of which nothing else is known.
pub(crate) fn running(server: ServerObservation) -> NodeObservation {
    NodeObservation {
        agent_version: String::new(),
        settled: None,
        server: ServerState::Running(Box::new(server)),
        last: None,
        promoted: None,
        asked: None,
        handover: None,
        severed: None,
        at: None,
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
    }
}

/// The words of the next call; none after the last.
pub(crate) async fn next_call(lines: &mut Lines<BufReader<TcpStream>>) -> Option<Vec<String>> {
    let count: usize = lines.next_line().await.ok()??.strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        lines.next_line().await.ok()??;
        words.push(lines.next_line().await.ok()??);
    }
    Some(words)
}
