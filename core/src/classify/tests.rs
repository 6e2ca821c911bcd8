//! The whole table: what exists, and what a create does about it.

use std::collections::BTreeMap;

use justmanage_model::record::LAYOUT;
use justmanage_model::{Artefact, Engine, Epoch, Generation, Place, Release};

use super::*;

fn operator(number: u8) -> Pin {
    Pin::from_digest([number; 32])
}

fn cluster(number: u8) -> ClusterId {
    ClusterId::from_entropy([number; 10])
}

fn spec() -> ClusterSpec {
    ClusterSpec {
        engine: Engine::Redis,
        version: "7.0".parse().expect("version"),
        shards: 1,
        replicas_per_shard: 0,
        memory: "64MiB".parse().expect("memory"),
        config: BTreeMap::new(),
        place: Place::Local,
    }
}

fn record(phase: Phase, unclaimed: bool) -> Record {
    Record {
        layout: LAYOUT,
        epoch: Epoch::from_entropy([1; 8]),
        generation: Generation::FIRST,
        cluster: cluster(1),
        name: "cache".parse().expect("name"),
        phase,
        unclaimed,
        spec: spec(),
        release: Release { engine: Engine::Redis, version: "7.0.15".parse().expect("version"), package: None },
        artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).expect("artefact"),
        operators: [operator(1)].into(),
        members: BTreeMap::new(),
        users: BTreeMap::new(),
        ca_certificate: None,
        grant: None,
    }
}

fn found(number: u8, agent: FoundAgent) -> Found {
    Found {
        machine: MachineRef(format!("machine {number}")),
        cluster: cluster(number),
        node: NodeId::from_entropy([number; 10]),
        agent,
    }
}

fn founded(record: Record) -> Found {
    found(1, FoundAgent::Founded(Box::new(record)))
}

fn decide(found: &[Found]) -> Existing {
    classify("cache", &spec(), operator(1), found)
}

#[test]
fn nothing_there_is_made() {
    assert_eq!(decide(&[]), Existing::Nothing);
}

#[test]
fn a_cluster_that_was_never_founded_is_resumed() {
    assert_eq!(decide(&[found(1, FoundAgent::Unfounded)]), Existing::Resume(cluster(1)));
}

#[test]
fn leftovers_of_two_tries_that_were_never_founded_are_replaced() {
    let both = [found(1, FoundAgent::Unfounded), found(2, FoundAgent::Unfounded)];
    let machines = vec![MachineRef("machine 1".into()), MachineRef("machine 2".into())];
    assert_eq!(decide(&both), Existing::Replace(machines));
}

#[test]
fn agents_that_do_not_run_are_started_before_anything_is_decided() {
    let node = NodeId::from_entropy([1; 10]);
    assert_eq!(decide(&[found(1, FoundAgent::Stopped)]), Existing::Wake(vec![node]));
}

#[test]
fn a_forming_cluster_of_the_same_configuration_is_resumed() {
    assert_eq!(decide(&[founded(record(Phase::Forming, true))]), Existing::Resume(cluster(1)));
}

#[test]
fn a_forming_cluster_of_another_configuration_is_replaced_since_it_never_held_data() {
    let mut other = record(Phase::Forming, true);
    other.spec.memory = "128MiB".parse().expect("memory");
    assert_eq!(decide(&[founded(other)]), Existing::Replace(vec![MachineRef("machine 1".into())]));
}

#[test]
fn a_cluster_that_is_leaving_is_replaced() {
    assert_eq!(
        decide(&[founded(record(Phase::Leaving, false))]),
        Existing::Replace(vec![MachineRef("machine 1".into())])
    );
}

#[test]
fn a_formed_cluster_whose_create_was_killed_before_its_state_was_saved_is_adopted() {
    assert_eq!(decide(&[founded(record(Phase::Formed, true))]), Existing::Adopt(cluster(1)));
}

#[test]
fn a_formed_cluster_is_never_touched_otherwise() {
    let mut changed = record(Phase::Formed, true);
    changed.spec.memory = "128MiB".parse().expect("memory");
    let mut others = record(Phase::Formed, true);
    others.operators = [operator(2)].into();
    for (case, record, says) in [
        ("presented before", record(Phase::Formed, false), "holds data"),
        ("made from another configuration", changed, "another configuration"),
        ("of another operator", others, "another operator"),
    ] {
        let Existing::Refuse(failure) = decide(&[founded(record)]) else { panic!("{case}: not refused") };
        assert!(failure.detail.contains(says), "{case}: {failure}");
        assert_eq!(failure.about, FieldPath::of("name"), "{case}");
    }
}

#[test]
fn agents_that_refuse_or_keep_silent_stop_a_create() {
    for (agent, says) in [
        (FoundAgent::Denied, "another operator"),
        (FoundAgent::Silent("connection refused".into()), "connection refused"),
    ] {
        let Existing::Refuse(failure) = decide(&[found(1, agent)]) else { panic!("{says}: not refused") };
        assert!(failure.detail.contains(says), "{failure}");
    }
}

#[test]
fn a_forming_cluster_of_another_operator_is_not_removed() {
    let mut others = record(Phase::Forming, true);
    others.operators = [operator(2)].into();
    assert!(matches!(decide(&[founded(others)]), Existing::Refuse(_)));
}
