//! Records as they come one after the other, and the operation that they tell of.

use std::collections::BTreeSet;

use justmanage_model::{Grant, Halt, Program, Release};

use super::*;
use crate::samples::{self, node};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("a moment")
}

/// A cluster of two shards with two nodes each.
fn record() -> Record {
    samples::record(2, 1)
}

fn granted(record: &Record, operation: Operation, whom: u8, given: u64) -> Record {
    let grant =
        Grant { operation, nodes: BTreeSet::from([node(whom)]), given: Generation::new(given), moves: Vec::new() };
    Record { grant: Some(grant), ..record.clone() }
}

fn program(version: &str) -> Program {
    let record = record();
    let release = Release { version: version.parse().expect("a version"), ..record.release };
    Program { release, artefact: record.artefact }
}

fn steps(course: &Course) -> Vec<(u16, Operation, u64)> {
    course.steps.iter().map(|step| (step.shard, step.operation, step.took_ms)).collect()
}

#[test]
fn a_rolling_restart_is_one_operation_from_its_first_grant_to_rest() {
    let mut record = record();
    let before = record.spec.config.clone();
    record.spec.config.insert("io-threads".to_owned(), "2".to_owned());
    let mut course = Course::begin(&granted(&record, Operation::Restart, 1, 7), Some(&before), at(0));
    let mut hear = |record: &Record, converged, second| course.follow(record, Some(&before), converged, at(second));
    hear(&record, false, 3);
    hear(&granted(&record, Operation::Handover, 1, 9), false, 4);
    // Two changes of the Record between two looks.
    hear(&granted(&record, Operation::Restart, 0, 11), false, 5);
    hear(&record, false, 9);
    hear(&record, true, 10);
    assert_eq!(course.what, "rolling restart for config io-threads");
    let expected = [(0, Operation::Restart, 3000), (0, Operation::Handover, 1000), (0, Operation::Restart, 4000)];
    assert_eq!(steps(&course), expected);
    assert_eq!(course.over, Some(Over { at: at(10), halted: None }), "all is as it is wanted");
    assert!(!course.is_past(&record) && course.is_past(&granted(&record, Operation::Restart, 1, 13)));
}

#[test]
fn who_does_not_lead_knows_the_end_by_time_or_by_another_spec() {
    let record = record();
    let begun = || {
        let mut course = Course::begin(&granted(&record, Operation::Restart, 1, 7), None, at(0));
        course.follow(&record, None, false, at(2));
        course
    };
    let mut course = begun();
    assert_eq!(course.what, "rolling restart", "nobody knows any more what for");
    course.follow(&record, None, false, at(2) + LINGER);
    assert_eq!(course.over, Some(Over { at: at(2), halted: None }));

    let mut course = begun();
    assert!(!course.is_past(&granted(&record, Operation::Restart, 0, 9)), "the next node");
    let mut other = record.clone();
    other.spec.config.insert("io-threads".to_owned(), "4".to_owned());
    assert!(!course.is_past(&other), "nothing is disturbed for it yet");
    assert!(course.is_past(&granted(&other, Operation::Restart, 0, 9)));
    course.close(at(20));
    assert_eq!(course.over, Some(Over { at: at(2), halted: None }));
}

#[test]
fn going_over_is_one_operation_however_long_nothing_is_granted() {
    let mut record = record();
    record.previous = Some(program("7.0.9"));
    let mut course = Course::begin(&record, None, at(0));
    assert_eq!(course.what, "upgrade redis 7.0.9 -> redis 7.0.15");
    course.follow(&granted(&record, Operation::Restart, 1, 7), None, false, at(1));
    course.follow(&record, None, false, at(3));
    course.follow(&record, None, false, at(3) + LINGER + LINGER);
    assert_eq!(course.over, None);
    record.previous = None;
    course.follow(&record, None, false, at(90));
    assert_eq!(course.over, Some(Over { at: at(90), halted: None }));
}

#[test]
fn what_servers_go_over_to_is_said() {
    for (from, returning, expected) in [
        ("7.0.9", false, "upgrade redis 7.0.9 -> redis 7.0.15"),
        ("7.2.4", false, "downgrade redis 7.2.4 -> redis 7.0.15"),
        ("7.2.4", true, "way back redis 7.2.4 -> redis 7.0.15"),
        ("7.0.15", false, "change of program redis 7.0.15 -> redis 7.0.15"),
    ] {
        let record = Record { previous: Some(program(from)), returning, ..record() };
        assert_eq!(describe(&record, None), expected);
    }
}

#[test]
fn temporary_replicas_are_part_of_what_they_are_for() {
    let mut record = record();
    record.spec.surge = true;
    record.go_over_to(program("7.0.16"));
    assert_eq!(describe(&record, None), "upgrade redis 7.0.15 -> redis 7.0.16, with temporary replicas");
}

/// Three shards are to become so many, of the shape that the record has.
fn reshaping(shards: u16, replicas_per_shard: u16) -> Record {
    let mut record = record();
    let spec = ClusterSpec { shards, replicas_per_shard, ..record.spec.clone() };
    record.set_spec(spec);
    record
}

#[test]
fn another_shape_is_one_operation_until_the_cluster_has_it() {
    for (shards, replicas, expected) in [
        (3, 1, "2 -> 3 shards"),
        (1, 1, "2 -> 1 shards"),
        (2, 0, "1 -> 0 replicas per shard"),
        (4, 2, "2 -> 4 shards, 1 -> 2 replicas per shard"),
    ] {
        assert_eq!(describe(&reshaping(shards, replicas), None), expected);
    }
    let mut record = reshaping(3, 1);
    let mut course = Course::begin(&record, None, at(0));
    let way = Move { from: 0, to: 2, slots: "0-99".parse().expect("slots") };
    let mut granted = granted(&record, Operation::Reshard, 0, 7);
    granted.grant.iter_mut().for_each(|grant| grant.moves = vec![way.clone()]);
    course.follow(&granted, None, false, at(60));
    let counts = |given, slots| {
        let tally = serde_json::json!({
            "given": given, "active": true, "slots": slots, "keys": 5, "bytes": 100, "trouble": null,
        });
        let text =
            serde_json::json!({ "agent_version": "0.1.0", "settled": null, "server": "stopped", "moving": tally });
        Seen::Known(serde_json::from_value(text).expect("an observation"))
    };
    let seen = |one, two| Observation { nodes: [(node(0), one), (node(2), two)].into() };
    course.see(&granted, &seen(counts(7, 60), counts(6, 1000)));
    course.see(&granted, &seen(counts(7, 10), counts(7, 20)));
    course.follow(&record, None, false, at(70));
    course.follow(&record, None, false, at(70) + LINGER + LINGER);
    assert_eq!(course.over, None, "nodes are still to go, or to come");
    record.end_reshaping();
    course.follow(&record, None, false, at(200));
    assert_eq!(course.over, Some(Over { at: at(200), halted: None }));
    let report = course.report(&record, &Observation::default()).expect("it is over");
    assert_eq!(report.what, "2 -> 3 shards");
    let ways = vec![ShardMove { from: 0, to: 2, slots: 100 }];
    let moved = MovedSlots { ways, slots: 60, keys: 10, bytes: Bytes::new(200) };
    assert_eq!(report.steps[0].moved, Some(moved), "an agent that was started again counts anew");
    assert_eq!(report.shards.len(), 3);
}

#[test]
fn what_was_counted_of_a_shard_that_goes_is_in_the_report() {
    let probed = |checked| {
        let proof = Proof { acknowledged: 5, ..Proof::default() };
        let checked = Some(Generation::new(checked));
        let tally = ProbeTally { began: at(0), ended: None, ready: true, checked, proof };
        let text =
            serde_json::json!({ "agent_version": "0.1.0", "settled": null, "server": "stopped", "probe": tally });
        Seen::Known(serde_json::from_value(text).expect("an observation"))
    };
    for (checked, unproven) in [(5, 0), (4, 1)] {
        let mut record = reshaping(1, 1);
        let mut course = Course::begin(&record, None, at(0));
        course.see(&record, &Observation { nodes: [(node(2), probed(checked))].into() });
        record.retire([node(2), node(3)]);
        course.see(&record, &Observation::default());
        record.end_reshaping();
        course.follow(&record, None, true, at(20));
        let observation = Observation { nodes: [(node(0), probed(5))].into() };
        let report = course.report(&record, &observation).expect("it is over");
        let counted: Vec<u64> = report.shards.values().flatten().map(|proof| proof.acknowledged).collect();
        assert_eq!((counted, report.total().unproven), (vec![5, 5], unproven));
    }
}

#[test]
fn a_halt_ends_it_when_the_node_is_back() {
    let mut record = record();
    record.previous = Some(program("7.0.9"));
    let mut course = Course::begin(&granted(&record, Operation::Restart, 1, 7), None, at(0));
    record.halt = Some(Halt { what: "it is not fit".to_owned(), since: at(1) });
    course.follow(&granted(&record, Operation::PutBack, 1, 8), None, false, at(2));
    assert_eq!(course.over, None, "the node is on its way back");
    course.follow(&record, None, false, at(5));
    assert_eq!(course.over, Some(Over { at: at(5), halted: Some("it is not fit".to_owned()) }));
    assert_eq!(steps(&course), [(0, Operation::Restart, 2000), (0, Operation::PutBack, 3000)]);
    // Somebody says: go on.
    record.halt = None;
    assert!(course.is_past(&record));
}

#[test]
fn the_report_has_what_the_probes_counted_in_that_time() {
    let record = record();
    let mut course = Course::begin(&granted(&record, Operation::Restart, 1, 7), None, at(10));
    course.follow(&record, None, true, at(20));
    let proof = |acknowledged| Proof { acknowledged, ..Proof::default() };
    let counted = |began, ended: Option<i64>, acknowledged, checked| {
        let checked = Some(Generation::new(checked));
        let tally =
            ProbeTally { began: at(began), ended: ended.map(at), ready: true, checked, proof: proof(acknowledged) };
        let text =
            serde_json::json!({ "agent_version": "0.1.0", "settled": null, "server": "stopped", "probe": tally });
        Seen::Known(serde_json::from_value(text).expect("an observation"))
    };
    let seen = |began, ended, acknowledged| counted(began, ended, acknowledged, 5);
    let unknown = || Seen::Unknown { since: at(0), why: "nobody asked".to_owned() };
    for (nodes, expected) in [
        ([seen(10, None, 5), unknown(), seen(11, Some(21), 7), unknown()], [Some(5), Some(7)]),
        ([seen(1, Some(9), 5), unknown(), unknown(), unknown()], [None, None]),
        // A new member took the first seat on the way.
        ([seen(10, None, 5), seen(15, None, 3), unknown(), unknown()], [Some(8), None]),
    ] {
        let observation = Observation { nodes: (0..).map(node).zip(nodes).collect() };
        let report = course.report(&record, &observation).expect("it is over");
        let counted: Vec<Option<u64>> =
            report.shards.values().map(|proof| proof.map(|proof| proof.acknowledged)).collect();
        assert_eq!(counted, expected);
        assert_eq!((report.began, report.ended), (at(10), at(20)));
        assert_eq!(report.total().unproven, 0);
        assert_eq!(course.is_checked(&record, &observation), expected.iter().all(Option::is_some));
    }
    // What was not looked for when the last disturbance was over is not proven.
    let nodes = [counted(10, None, 5, 4), unknown(), counted(10, None, 5, 5), unknown()];
    let observation = Observation { nodes: (0..).map(node).zip(nodes).collect() };
    assert!(!course.is_checked(&record, &observation));
    assert_eq!(course.report(&record, &observation).expect("it is over").total().unproven, 1);
}
