//! Who is entered at which new address, and who has to wait.

use std::net::SocketAddr;

use justmanage_model::{
    BusId, BusView, Bytes, Engine, NodeObservation, Observation, Peer, Plan, PrimaryLink, Record, Release, Seen,
    ServerObservation, ServerState, SlotSet, Step, Timestamp, Version,
};

use super::*;

fn node(number: u8) -> NodeId {
    NodeId::from_entropy([number; 10])
}

/// The place of a node at an address that ends so.
fn at(host: u8) -> NodeAddresses {
    let socket = |port| SocketAddr::from(([10, 0, 0, host], port));
    NodeAddresses { agent: socket(19_000), client: socket(21_000), bus_port: 31_000 }
}

/// Members 1, 2 and 3, each at the address with its number.
fn record(phase: Phase) -> Record {
    let member = |number: u8| {
        let at = at(number);
        let text = format!("sha256:{number:064x}");
        serde_json::json!({
            "seat": { "shard": number - 1, "ordinal": 0 }, "pin": text,
            "sealing": format!("x25519:{number:064x}"), "agent": at.agent, "client": at.client, "bus_port": at.bus_port,
        })
    };
    let members: BTreeMap<String, _> = (1..=3).map(|number| (node(number).to_string(), member(number))).collect();
    let record = serde_json::json!({
        "layout": 1, "epoch": "0101010101010101", "generation": 4, "name": "cache", "phase": phase, "unclaimed": false,
        "cluster": justmanage_model::ClusterId::from_entropy([1; 10]),
        "spec": {
            "engine": "redis", "version": "7.0", "shards": 3, "replicas_per_shard": 0,
            "memory": justmanage_model::Bytes::mib(64), "config": {}, "place": "local",
        },
        "release": { "engine": "redis", "version": "7.0.15", "package": null },
        "artefact": { "server": "/usr/bin/redis-server", "sha256": "0".repeat(64) },
        "operators": [format!("sha256:{:064x}", 9)], "members": members, "users": {}, "ca_certificate": "made", "grant": null,
    });
    serde_json::from_value(record).expect("a Record")
}

fn seen(at: Option<NodeAddresses>) -> Seen<NodeObservation> {
    Seen::Known(NodeObservation {
        agent_version: "0.1.0".to_owned(),
        settled: None,
        server: ServerState::Stopped,
        last: None,
        promoted: None,
        asked: None,
        handover: None,
        severed: None,
        at,
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
    })
}

/// What becomes of members that say that they are there.
fn found(places: &[(u8, u8)]) -> Vec<(NodeId, NodeAddresses)> {
    let nodes = places.iter().map(|(number, host)| (node(*number), seen(Some(at(*host))))).collect();
    let (record, observation) = (record(Phase::Formed), Observation { nodes });
    moved(&View::new(&record, &observation, Timestamp::UNIX_EPOCH)).into_iter().collect()
}

#[test]
fn whoever_is_where_the_record_says_is_left_alone() {
    assert_eq!(found(&[(1, 1), (2, 2), (3, 3)]), []);
    assert_eq!(found(&[]), []);
}

#[test]
fn all_that_have_moved_are_entered_at_once() {
    let everybody = [(1, 11), (2, 12), (3, 13)];
    assert_eq!(found(&everybody), everybody.map(|(number, host)| (node(number), at(host))));
    assert_eq!(found(&[(1, 1), (2, 12)]), [(node(2), at(12))]);
}

#[test]
fn addresses_may_go_round() {
    let round = [(1, 2), (2, 3), (3, 1)];
    assert_eq!(found(&round), round.map(|(number, host)| (node(number), at(host))));
}

#[test]
fn an_address_that_another_may_still_have_is_not_given_twice() {
    // 3 was not seen: 2 has to wait for it, and 1 for 2.
    assert_eq!(found(&[(1, 2), (2, 3)]), []);
    assert_eq!(found(&[(1, 11), (2, 11)]), [(node(1), at(11))]);
}

#[test]
fn the_record_is_changed_first_and_only_while_the_cluster_is_wanted() {
    let nodes = [1, 2, 3].map(|number| (node(number), seen(Some(at(number + 10))))).into();
    let observation = Observation { nodes };
    let change = |phase| match crate::plan(&record(phase), &observation, Timestamp::UNIX_EPOCH) {
        Plan::Act(steps, _) => steps.into_iter().find_map(|step| match step {
            Step::Record(change) => Some(change),
            Step::Node(..) => None,
        }),
        Plan::Wait(_) | Plan::Converged => None,
    };
    let all: BTreeMap<_, _> = [1, 2, 3].map(|number| (node(number), at(number + 10))).into();
    assert_eq!(change(Phase::Formed), Some(RecordChange::Moved(all)));
    assert!(!matches!(change(Phase::Leaving), Some(RecordChange::Moved(_))));
}

/// Node 2 as a replica of the server of node 1, which it knows at one address and calls at another.
fn replica(known: NodeAddresses, link: PrimaryLink) -> Seen<NodeObservation> {
    let (own, of) = (BusId::new([2; 20]), BusId::new([1; 20]));
    let primary = Peer {
        id: of,
        at: Some(known.client),
        bus_port: known.bus_port,
        replica_of: None,
        slots: 16384,
        handshake: false,
        suspected: false,
        failed: false,
        linked_to: true,
        linked_from: true,
    };
    let bus = BusView {
        id: own,
        ok: true,
        epoch: 2,
        config_epoch: 1,
        astray: SlotSet::empty(),
        slots: SlotSet::empty(),
        role: Role::Replica { of, link },
        peers: vec![primary],
        view: "one".to_owned(),
    };
    let Seen::Known(seen) = seen(None) else { unreachable!() };
    let server = ServerObservation {
        release: Release::new(Engine::Redis, Version::new(7, 0, 15)),
        started: None,
        pid: 1,
        loading: false,
        bus: Some(bus),
        persistent: true,
        offset: 0,
        config: BTreeMap::new(),
        users: String::new(),
        used_memory: Bytes::mib(2),
        field_ttls: None,
        passwords: None,
        certificate_expires: Timestamp::MAX,
        tls: None,
    };
    Seen::Known(NodeObservation { server: ServerState::Running(Box::new(server)), ..seen })
}

#[test]
fn a_replica_that_calls_its_primary_where_that_was_is_started_again() {
    let mut record = record(Phase::Formed);
    record.members.get_mut(&node(1)).expect("a member").bus_id = Some(BusId::new([1; 20]));
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
    let since = |ago: i64| Some(now - jiff::SignedDuration::from_secs(ago));
    let down = |at: NodeAddresses, ago| PrimaryLink {
        up: false,
        syncing: false,
        down_since: since(ago),
        silent_s: None,
        at: Some(at.client),
    };
    // (what it shows, where it knows its primary, its link, whether it is started again)
    let table = [
        ("it calls where nobody is", at(1), down(at(9), 3), true),
        ("its server may still notice", at(1), down(at(9), 2), false),
        ("it calls where its primary is", at(1), down(at(1), 60), false),
        ("it knows no better", at(9), down(at(9), 60), false),
        ("it is linked", at(1), PrimaryLink { up: true, ..down(at(9), 60) }, false),
        ("its server does not say", at(1), PrimaryLink { at: None, ..down(at(9), 60) }, false),
    ];
    // Also before a cluster is formed: nobody else would ever put that right.
    for (phase, (what, known, link, wanted)) in
        [Phase::Formed, Phase::Forming].into_iter().flat_map(|phase| table.map(|case| (phase, case)))
    {
        record.phase = phase;
        let observation = Observation { nodes: BTreeMap::from([(node(2), replica(known, link))]) };
        let view = View::new(&record, &observation, now);
        let one = view.serving_at(node(2)).expect("a server");
        assert_eq!(calls_in_vain(&view, one), wanted, "{what}");
        let mut draft = Draft::default();
        locate(&view, &mut draft);
        assert_eq!(draft.is_free(node(2)), !wanted, "{what}");
    }
}
