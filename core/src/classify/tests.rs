//! The whole table: what exists, and what a create does about it.

use std::collections::BTreeMap;

use justmanage_model::{
    Artefact, Engine, Epoch, Generation, Member, OnCrash, Phase, Place, Program, Release, SealingKey, Testing,
};

use super::*;

fn operator(number: u8) -> Pin {
    Pin::from_digest([number; 32])
}

fn cluster(number: u8) -> ClusterId {
    ClusterId::from_entropy([number; 10])
}

fn node(number: u8) -> NodeId {
    NodeId::from_entropy([number; 10])
}

fn machine(number: u8) -> MachineRef {
    MachineRef(format!("machine {number}"))
}

/// Two shards without replicas.
fn spec() -> ClusterSpec {
    ClusterSpec {
        engine: Engine::Redis,
        version: "7.0".parse().expect("version"),
        shards: 2,
        replicas_per_shard: 0,
        memory: "64MiB".parse().expect("memory"),
        surge: false,
        config: BTreeMap::new(),
        place: Place::Local,
        on_crash: OnCrash::default(),
        resources: Default::default(),
        metrics_readers: std::collections::BTreeSet::new(),
        operator_keys: Default::default(),
        maintenance_window: None,
        apply: Default::default(),
        approved_version: None,
        backup_policy: None,
        backup_now: None,
        rotate: Default::default(),
        spares: 0,
        spare_after: None,
        testing: Testing::default(),
    }
}

fn member(number: u8) -> Member {
    let port = |base: u16| ([127, 0, 0, 1], base + u16::from(number)).into();
    Member {
        seat: seat(number),
        pin: operator(100 + number),
        sealing: SealingKey::new([number; 32]),
        agent: port(19000),
        client: port(21000),
        bus_port: 31000 + u16::from(number),
        bus_id: None,
    }
}

/// Nodes 0 and 1 have the two seats.
fn seat(number: u8) -> Seat {
    Seat { shard: u16::from(number % 10), ordinal: 0 }
}

/// The Record of cluster 1, with the nodes 0 and 1.
fn record(phase: Phase, unclaimed: bool) -> Record {
    Record {
        phase,
        unclaimed,
        operators: [operator(1)].into(),
        members: [0, 1].map(|number| (node(number), member(number))).into(),
        ..Record::first(
            Epoch::from_entropy([1; 8]),
            cluster(1),
            "cache".parse().expect("name"),
            spec(),
            Program {
                release: Release { engine: Engine::Redis, version: "7.0.15".parse().expect("version"), package: None },
                artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).expect("artefact"),
            },
        )
    }
}

/// The Record of a cluster that wants something else.
fn otherwise(phase: Phase, unclaimed: bool) -> Record {
    let mut record = record(phase, unclaimed);
    record.spec.memory = "128MiB".parse().expect("memory");
    record
}

/// A machine of cluster 1.
fn found(number: u8, agent: FoundAgent) -> Found {
    Found { machine: machine(number), cluster: cluster(1), node: node(number), seat: Some(seat(number)), agent }
}

/// A machine of cluster 2.
fn foreign(number: u8, agent: FoundAgent) -> Found {
    Found { cluster: cluster(2), ..found(number, agent) }
}

fn invited(record: Record) -> FoundAgent {
    FoundAgent::Invited(Box::new(record))
}

fn founded(record: Record) -> FoundAgent {
    FoundAgent::Founded(Box::new(record))
}

fn silent() -> FoundAgent {
    FoundAgent::Silent("connection refused".into())
}

fn decide(found: &[Found]) -> Existing {
    classify("cache", &spec(), operator(1), found)
}

use FoundAgent::{Denied, Stopped, Uninvited};
use Phase::{Formed, Forming, Leaving};

#[test]
fn what_never_was_a_group_is_used_if_it_fits_and_goes_if_it_does_not() {
    let remove = |numbers: &[u8]| Existing::Remove(numbers.iter().map(|number| machine(*number)).collect());
    let forming = || record(Forming, true);
    let cases: Vec<(&str, Vec<Found>, Existing)> = vec![
        ("nothing", vec![], Existing::Nothing),
        ("one machine", vec![found(0, Uninvited)], Existing::Resume(cluster(1))),
        ("both", vec![found(0, Uninvited), found(1, Uninvited)], Existing::Resume(cluster(1))),
        ("one of them invited", vec![found(0, invited(forming())), found(1, Uninvited)], Existing::Resume(cluster(1))),
        (
            "invited to something else",
            vec![found(0, invited(otherwise(Forming, true))), found(1, Uninvited)],
            remove(&[0, 1]),
        ),
        ("a seat that is not wanted any more", vec![found(0, Uninvited), found(5, Uninvited)], remove(&[5])),
        ("only such", vec![found(5, Uninvited)], remove(&[5])),
        ("two in one seat", vec![found(0, Uninvited), found(10, Uninvited)], remove(&[10])),
        ("of two tries", vec![found(0, Uninvited), foreign(1, Uninvited)], remove(&[0, 1])),
    ];
    for (case, found, expected) in cases {
        assert_eq!(decide(&found), expected, "{case}");
    }
}

#[test]
fn who_has_not_said_anything_may_know_of_a_group() {
    let cases: Vec<(&str, Vec<Found>, Existing)> = vec![
        ("stopped", vec![found(0, Stopped), found(1, Uninvited)], Existing::Wake(vec![node(0)])),
        ("stopped, of another try", vec![found(0, Uninvited), foreign(1, Stopped)], Existing::Wake(vec![node(1)])),
        (
            "stopped, beside one that is of no use",
            vec![found(0, founded(otherwise(Forming, true))), found(1, Stopped)],
            Existing::Wake(vec![node(1)]),
        ),
    ];
    for (case, found, expected) in cases {
        assert_eq!(decide(&found), expected, "{case}");
    }
    for (case, found, says) in [
        ("silent", vec![found(0, silent()), found(1, Uninvited)], "connection refused"),
        ("silent and stopped", vec![found(0, silent()), found(1, Stopped)], "connection refused"),
        ("denied", vec![found(0, Denied), found(1, Uninvited)], "another operator"),
        (
            "silent, beside one of no use",
            vec![found(0, founded(otherwise(Forming, true))), found(1, silent())],
            "refused",
        ),
    ] {
        let Existing::Refuse(failure) = decide(&found) else { panic!("{case}: not refused") };
        assert!(failure.detail.contains(says), "{case}: {failure}");
    }
}

#[test]
fn a_group_that_never_held_data_goes_on_or_is_made_anew() {
    let all = |numbers: &[u8]| Existing::Remove(numbers.iter().map(|number| machine(*number)).collect());
    let on = || founded(record(Forming, true));
    let cases: Vec<(&str, Vec<Found>, Existing)> = vec![
        ("as wanted", vec![found(0, on()), found(1, on())], Existing::GoOn(cluster(1))),
        ("one was not told", vec![found(0, on()), found(1, Uninvited)], Existing::GoOn(cluster(1))),
        ("one does not run", vec![found(0, on()), found(1, Stopped)], Existing::GoOn(cluster(1))),
        ("one does not answer", vec![found(0, on()), found(1, silent())], Existing::GoOn(cluster(1))),
        ("with a machine too many", vec![found(0, on()), found(1, on()), found(5, Uninvited)], all(&[5])),
        ("a machine of it is gone", vec![found(0, on())], all(&[0])),
        (
            "something else is wanted",
            vec![found(0, founded(otherwise(Forming, true))), found(1, Uninvited)],
            all(&[0, 1]),
        ),
        ("leaving", vec![found(0, founded(record(Leaving, false))), found(1, Uninvited)], all(&[0, 1])),
        ("beside an earlier try", vec![found(0, on()), found(1, on()), foreign(7, Uninvited)], all(&[7])),
    ];
    for (case, found, expected) in cases {
        assert_eq!(decide(&found), expected, "{case}");
    }
}

#[test]
fn the_newest_record_decides() {
    let newer = Record { generation: Generation::new(9), ..record(Formed, true) };
    let both = [found(0, founded(otherwise(Forming, true))), found(1, founded(newer))];
    assert_eq!(decide(&both), Existing::Adopt(cluster(1)));
}

#[test]
fn a_formed_cluster_that_nobody_saved_is_adopted_whatever_machines_it_lacks() {
    let formed = || founded(record(Formed, true));
    for (case, found) in [
        ("whole", vec![found(0, formed()), found(1, formed())]),
        ("a machine is gone", vec![found(0, formed())]),
        ("an agent is silent", vec![found(0, formed()), found(1, silent())]),
        ("known from an invitation alone", vec![found(0, invited(record(Formed, true)))]),
    ] {
        assert_eq!(decide(&found), Existing::Adopt(cluster(1)), "{case}");
    }
    let beside = [found(0, formed()), found(1, formed()), foreign(7, Uninvited)];
    assert_eq!(decide(&beside), Existing::Remove(vec![machine(7)]), "an earlier try goes");
}

#[test]
fn a_formed_cluster_is_never_touched_otherwise() {
    let others = Record { operators: [operator(2)].into(), ..record(Formed, true) };
    for (case, record, says) in [
        ("presented before", record(Formed, false), "holds data"),
        ("made from another configuration", otherwise(Formed, true), "another configuration"),
        ("of another operator", others, "another operator"),
    ] {
        let Existing::Refuse(failure) = decide(&[found(0, founded(record))]) else { panic!("{case}: not refused") };
        assert!(failure.detail.contains(says), "{case}: {failure}");
        assert_eq!(failure.about, FieldPath::of("name"), "{case}");
        assert!(!failure.to_string().contains('%'), "{failure}");
    }
}

#[test]
fn two_of_one_name_that_hold_data_are_nobodys_to_choose_from() {
    let second = Record { cluster: cluster(2), ..record(Formed, true) };
    let both = [found(0, founded(record(Formed, true))), foreign(7, founded(second))];
    let Existing::Refuse(failure) = decide(&both) else { panic!("not refused") };
    assert!(failure.detail.contains("exists twice"), "{failure}");
}

#[test]
fn a_forming_cluster_of_another_operator_is_not_removed() {
    let others = Record { operators: [operator(2)].into(), ..record(Forming, true) };
    assert!(matches!(decide(&[found(0, founded(others))]), Existing::Refuse(_)));
}
