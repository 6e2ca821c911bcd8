//! What is made of what the agents and the platform say.

use std::collections::BTreeMap;

use justmanage_model::{
    Artefact, BusId, BusView, Bytes, Claim, ClusterId, ClusterSpec, Engine, Epoch, Member, NodeObservation,
    Observation, Pin, PrimaryLink, Program, ReplicaLink, Role, SealingKey, Seen, ServerObservation, Timestamp, Version,
};
use justmanage_platforms::MachineRef;

use super::*;

fn node(number: u8) -> NodeId {
    NodeId::from_entropy([number; 10])
}

fn bus(number: u8) -> BusId {
    BusId::new([number; 20])
}

fn member(number: u8) -> Member {
    let at = |base: u16| ([127, 0, 0, 1], base + u16::from(number)).into();
    Member {
        seat: Seat { shard: u16::from(number / 2), ordinal: u16::from(number % 2) },
        pin: Pin::from_digest([number; 32]),
        sealing: SealingKey::new([number; 32]),
        agent: at(19000),
        client: at(21000),
        bus_port: 31000,
        bus_id: Some(bus(number)),
    }
}

/// Two shards with a replica each: nodes 0 and 1, 2 and 3. Node ids do not sort as seats do.
pub(crate) fn record() -> Record {
    let version = "7.0.15".parse().expect("a version");
    Record {
        phase: Phase::Formed,
        unclaimed: false,
        operators: [Pin::from_digest([1; 32])].into(),
        members: (0..4).map(|number| (node(3 - number), member(number))).collect(),
        ca_certificate: Some("certificate".into()),
        ..Record::first(
            Epoch::from_entropy([1; 8]),
            ClusterId::from_entropy([1; 10]),
            "cache".parse().expect("a name"),
            ClusterSpec::new(Engine::Redis, "7.0".parse().expect("a line"), 2, 1, Bytes::mib(64)),
            Program {
                release: Release::new(Engine::Redis, version),
                artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).expect("an artefact"),
            },
        )
    }
}

/// The node in the seat of `member(number)`.
fn of(number: u8) -> NodeId {
    node(3 - number)
}

fn running(number: u8, role: Role, slots: &str) -> ServerObservation {
    ServerObservation {
        release: Release::new(Engine::Redis, "7.0.15".parse().expect("a version")),
        started: None,
        pid: 1,
        loading: false,
        bus: Some(BusView {
            id: bus(number),
            ok: true,
            epoch: 1,
            config_epoch: 1,
            astray: SlotSet::empty(),
            slots: if slots.is_empty() { SlotSet::empty() } else { slots.parse().expect("slots") },
            role,
            peers: Vec::new(),
            view: String::new(),
        }),
        persistent: true,
        offset: 0,
        config: BTreeMap::new(),
        users: String::new(),
        used_memory: Bytes::mib(2),
        field_ttls: None,
        passwords: None,
        certificate_expires: Timestamp::MAX,
        tls: None,
    }
}

fn primary(number: u8, replica: u8, lag_bytes: u64, slots: &str) -> ServerObservation {
    let at = member(replica).client;
    running(number, Role::Primary { replicas: vec![ReplicaLink { at, online: true, lag_bytes, lag_s: 0 }] }, slots)
}

fn replica(number: u8, of: u8, up: bool, syncing: bool) -> ServerObservation {
    let link = PrimaryLink { up, syncing, down_since: None, silent_s: None, at: None };
    running(number, Role::Replica { of: bus(of), link }, "")
}

fn seen(server: ServerState) -> Seen<NodeObservation> {
    // Written as agents send it, so that fields that come later need no change here.
    let text = serde_json::json!({ "agent_version": "0.1.0", "settled": null, "server": server });
    Seen::Known(serde_json::from_value(text).expect("an observation"))
}

fn up(server: ServerObservation) -> Seen<NodeObservation> {
    seen(ServerState::Running(Box::new(server)))
}

/// The cluster as it should be, with shard 1 after a failover.
fn status() -> ClusterStatus {
    let nodes = [
        (of(0), up(primary(0, 1, 14, "0-8191"))),
        (of(1), up(replica(1, 0, true, false))),
        (of(2), up(replica(2, 3, true, false))),
        (of(3), up(primary(3, 2, 0, "8192-16383"))),
    ];
    ClusterStatus {
        record: Some(record()),
        observation: Observation { nodes: nodes.into() },
        converged: true,
        waiting: Vec::new(),
        leader: Some(of(2)),
        last_operation: None,
    }
}

fn view(status: &ClusterStatus) -> ClusterView {
    ClusterView::of("local/cache".parse().expect("a locator"), status)
}

fn states(view: &ClusterView) -> Vec<&'static str> {
    view.nodes.iter().map(|node| node.state.as_str()).collect()
}

#[test]
fn nodes_come_in_the_order_of_seats_with_their_roles() {
    let view = view(&status());
    let nodes: Vec<NodeId> = view.nodes.iter().map(|node| node.node).collect();
    assert_eq!(nodes, [of(0), of(1), of(2), of(3)]);
    let roles: Vec<RoleView> = view.nodes.iter().map(|node| node.role).collect();
    let replica = |number| RoleView::Replica { of: Some(of(number)) };
    assert_eq!(roles, [RoleView::Primary, replica(0), replica(3), RoleView::Primary]);
    let lag: Vec<Option<u64>> = view.nodes.iter().map(|node| node.lag.map(Bytes::get)).collect();
    assert_eq!(lag, [None, Some(14), Some(0), None]);
    let slots: Vec<String> = view.slots().into_iter().map(|(_, slots)| slots.to_string()).collect();
    assert_eq!(slots, ["0-8191", "8192-16383"]);
    assert_eq!(states(&view), ["running"; 4]);
    assert_eq!((view.leader, view.converged, view.is_formed()), (Some(of(2)), true, true));
    assert_eq!(view.id.cluster, Some(record().cluster), "the id is whole");
}

#[test]
fn how_a_node_is_is_one_word() {
    let since = Timestamp::UNIX_EPOCH;
    let starting = ServerObservation { loading: true, ..replica(1, 0, true, false) };
    for (word, server) in [
        ("starting", ServerState::Starting { since }),
        ("starting", ServerState::Running(Box::new(starting))),
        ("copying", ServerState::Running(Box::new(replica(1, 0, false, true)))),
        ("unlinked", ServerState::Running(Box::new(replica(1, 0, false, false)))),
        ("stopped", ServerState::Stopped),
        ("down", ServerState::Down { since, failures: 1, retry_at: since, why: "killed".into() }),
        ("hung", ServerState::Hung { since }),
    ] {
        let mut status = status();
        status.observation.nodes.insert(of(1), seen(server));
        assert_eq!(states(&view(&status))[1], word);
    }
    let mut status = status();
    status.observation.nodes.insert(of(1), Seen::Unknown { since, why: "no answer".into() });
    assert_eq!(states(&view(&status))[1], "unknown");
    let mut joining = self::status();
    joining.record.as_mut().expect("a record").members.get_mut(&of(1)).expect("a member").bus_id = None;
    assert_eq!(states(&view(&joining))[1], "joining");
}

#[test]
fn the_lowest_version_that_runs_is_shown_and_so_are_the_holes_of_all() {
    let mut status = status();
    let older: Version = "7.0.11".parse().expect("a version");
    let mut server = replica(1, 0, true, false);
    server.release.version = older;
    status.observation.nodes.insert(of(1), up(server));
    let both = view(&status);
    assert_eq!(both.version_actual.as_deref(), Some("7.0.11"));
    let newer = view(&self::status());
    let more: Vec<&String> =
        both.known_vulnerabilities.iter().filter(|hole| !newer.known_vulnerabilities.contains(hole)).collect();
    assert!(more.iter().any(|hole| hole.starts_with("CVE-")), "7.0.11 has holes that 7.0.15 does not have");
}

#[test]
fn a_package_that_closes_holes_is_known_from_the_record() {
    let mut status = status();
    let package = "5:7.0.15-1~made.up1".parse().expect("a revision");
    status.record.as_mut().expect("a record").release.package = Some(package);
    assert_eq!(view(&status).known_vulnerabilities, Vec::<String>::new(), "what is not known is no alarm");
}

#[test]
fn machines_that_lack_an_agent_or_do_not_exist_need_an_apply() {
    let claim = |number: u8| Claim {
        cluster: record().cluster,
        name: record().name,
        node: of(number),
        seat: Some(member(number).seat),
    };
    let machine =
        |number: u8, state| Machine { reference: MachineRef(number.to_string()), claim: claim(number), state };
    let info = |number: u8| {
        let text = serde_json::json!({
            "claim": claim(number), "pin": member(number).pin, "sealing": member(number).sealing,
            "agent": member(number).agent, "client": member(number).client, "bus_port": 1, "version": "0.1.0",
            "process": { "pid": 1, "start_time": 1, "boot_id": "b" },
        });
        MachineState::Running(serde_json::from_value(text).expect("an agent"))
    };
    let all = [machine(0, info(0)), machine(1, info(1)), machine(2, info(2)), machine(3, info(3))];
    assert_eq!(view(&status()).with_machines(&all, &[]), view(&status()), "nothing lacks");
    let some = [machine(0, info(0)), machine(1, MachineState::Stopped), machine(3, info(3))];
    let silent = ["10.0.0.13 is not reachable.".to_owned()];
    let unsure = view(&status()).with_machines(&some, &silent);
    assert_eq!(states(&unsure), ["running", "agent-stopped", "running", "running"], "it may be where nobody answers");
    assert_eq!((unsure.missing, unsure.silent), (Vec::new(), silent.to_vec()));
    let view = view(&status()).with_machines(&some, &[]);
    assert_eq!(states(&view), ["running", "agent-stopped", "missing", "running"]);
    assert_eq!(view.missing, [(of(2), member(2).seat)]);
    assert!(!view.converged && view.needs_apply);
    assert_eq!(view.waiting_on.len(), 2);
}

#[test]
fn only_what_nobody_else_does_needs_an_apply() {
    let since = Timestamp::UNIX_EPOCH;
    for (waiting, needs) in [
        (Waiting::ViewsDiffer, false),
        (Waiting::ReplicaNotInSync { node: of(1), syncing: true }, false),
        (Waiting::NodeUnknown { node: of(1), since, why: String::new() }, false),
        (Waiting::NoMajority { why: String::new() }, false),
        (Waiting::MovingSlots { from: 0, to: 1, left: 7 }, false),
        (Waiting::MembersMissing { have: 3, want: 4 }, true),
        (Waiting::MembersSurplus { nodes: vec![of(1)] }, true),
        (Waiting::Stuck { what: String::new(), since, hint: String::new() }, true),
    ] {
        let status = ClusterStatus { converged: false, waiting: vec![waiting.clone()], ..status() };
        assert_eq!(view(&status).needs_apply, needs, "{waiting:?}");
    }
}

#[test]
fn a_machine_that_is_to_go_needs_an_apply() {
    let mut status = status();
    let gone = node(9);
    status.record.as_mut().expect("a record").retired.insert(gone);
    let view = view(&status);
    assert!(!view.converged && view.needs_apply);
    assert_eq!(view.waiting_on, [format!("Node {gone} is no member any more; an apply removes its machine.")]);
    assert_eq!(view.nodes.len(), 4);
}

#[test]
fn who_is_to_come_needs_an_apply_whatever_the_agents_wait_for() {
    let asks = |change: fn(&mut ClusterStatus)| {
        let mut status = ClusterStatus { converged: true, ..status() };
        change(&mut status);
        let view = view(&status);
        assert_eq!(view.converged, !view.needs_apply, "{:?}", view.waiting_on);
        view.needs_apply
    };
    assert!(!asks(|_| ()));
    assert!(asks(|status| status.record.as_mut().expect("a record").spec.shards = 3), "nobody is in the third");
    let forgets = |status: &mut ClusterStatus| {
        let record = status.record.as_mut().expect("a record");
        record.members.get_mut(&of(3)).expect("a member").bus_id = None;
    };
    assert!(!asks(forgets), "its agent answers, and it joins");
    assert!(
        asks(|status| {
            status.record.as_mut().expect("a record").members.get_mut(&of(3)).expect("a member").bus_id = None;
            status.observation.nodes.remove(&of(3));
        }),
        "perhaps nobody has told it"
    );
}

#[test]
fn temporary_replicas_need_an_apply_and_are_no_endpoints() {
    let mut status = status();
    let record = status.record.as_mut().expect("a record");
    record.spec.surge = true;
    let artefact = Artefact::new("/usr/bin/redis-server", "1".repeat(64)).expect("an artefact");
    let release = Release { version: "7.0.16".parse().expect("a version"), ..record.release.clone() };
    record.go_over_to(justmanage_model::Program { release, artefact });
    for number in [4, 5] {
        let seat = Seat { shard: u16::from(number) - 4, ordinal: 2 };
        record.members.insert(node(number), Member { seat, ..member(number) });
    }
    status.converged = false;
    let view = view(&status);
    assert!(view.needs_apply, "agents do not remove machines");
    assert_eq!((view.nodes.len(), view.endpoints().len()), (6, 4));
}

#[test]
fn a_shard_that_goes_shows_its_slots_as_long_as_it_has_some() {
    let mut status = status();
    status.record.as_mut().expect("a record").spec.shards = 1;
    let slots: Vec<String> = view(&status).slots().into_iter().map(|(_, slots)| slots.to_string()).collect();
    assert_eq!(slots, ["0-8191", "8192-16383"]);
}
