//! What a report says of what was counted.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).expect("a moment")
}

const WHOLE: Proof = Proof { acknowledged: 500, lost: 0, unproven: 0, not_measured: 0, longest_pause_ms: 48 };

fn report(shards: &[Option<Proof>]) -> OperationReport {
    let step = |number: u8, operation, began: i64, took_ms| ReportStep {
        node: NodeId::from_entropy([number; 10]),
        shard: 0,
        operation,
        began: at(began),
        took_ms,
        moved: None,
    };
    OperationReport {
        backup: None,
        what: "rolling restart for config io-threads".to_owned(),
        began: at(0),
        ended: at(12),
        halted: None,
        steps: vec![step(1, Operation::Restart, 0, 1203), step(1, Operation::Handover, 2, 61)],
        shards: (0..).zip(shards.iter().copied()).collect(),
    }
}

#[test]
fn it_reads_as_lines() {
    let text = report(&[Some(WHOLE), Some(Proof { longest_pause_ms: 10_250, unproven: 1, ..WHOLE }), None]).to_string();
    let node = NodeId::from_entropy([1; 10]);
    let expected = format!(
        "rolling restart for config io-threads: done, in 12.0 s\n\
         writes: 1000 acknowledged, 0 lost, 1 unproven, longest pause 10.2 s\n\
         shard 0: 500 acknowledged, 0 lost, longest pause 48 ms\n\
         shard 1: 500 acknowledged, 0 lost, 1 unproven, longest pause 10.2 s\n\
         shard 2: not measured\n\
         2023-11-14T22:13:20Z: restart of node {node} (shard 0), 1203 ms\n\
         2023-11-14T22:13:22Z: handover of node {node} (shard 0), 61 ms"
    );
    assert_eq!(text, expected);
}

#[test]
fn a_move_of_slots_says_from_where_to_where() {
    let way = |from, to, slots| ShardMove { from, to, slots };
    let moved = |ways, keys| MovedSlots { ways, slots: 2731, keys, bytes: Bytes::mib(5) };
    for (moved, expected) in [
        (
            moved(vec![way(0, 3, 1366), way(1, 3, 1365)], 40_960),
            "from shards 0, 1 to shard 3 (2731 slots, 40960 keys, 5120 KiB)",
        ),
        (moved(vec![way(3, 0, 1366), way(3, 1, 1365)], 0), "from shard 3 to shards 0, 1 (2731 slots)"),
        (MovedSlots::default(), "that somebody had left half-way (0 slots)"),
    ] {
        let mut report = report(&[Some(WHOLE)]);
        report.steps.truncate(1);
        report.steps[0] = ReportStep { operation: Operation::Reshard, moved: Some(moved), ..report.steps[0].clone() };
        let text = report.to_string();
        assert!(text.ends_with(&format!("2023-11-14T22:13:20Z: move of slots {expected}, 1203 ms")), "{text}");
    }
}

#[test]
fn only_what_was_measured_everywhere_and_lost_nothing_is_a_proof() {
    for (shards, proof) in [
        (vec![Some(WHOLE), Some(WHOLE)], true),
        (vec![], false),
        (vec![Some(WHOLE), None], false),
        (vec![Some(Proof { acknowledged: 0, ..WHOLE })], false),
        (vec![Some(Proof { lost: 1, ..WHOLE })], false),
        (vec![Some(Proof { unproven: 1, ..WHOLE })], false),
        (vec![Some(Proof { not_measured: 1, ..WHOLE })], false),
    ] {
        assert_eq!(report(&shards).is_proof(), proof, "{shards:?}");
    }
}

#[test]
fn what_was_lost_is_said_first() {
    let mut lossy = report(&[Some(Proof { lost: 3, ..WHOLE })]);
    assert!(lossy.outcome().starts_with("3 ACKNOWLEDGED WRITES WERE LOST"), "{}", lossy.outcome());
    lossy.halted = Some("the handover failed".to_owned());
    assert!(lossy.outcome().ends_with("; halted: the handover failed"), "{}", lossy.outcome());
    assert!(lossy.to_string().contains("3 ACKNOWLEDGED WRITES WERE LOST"), "{lossy}");
}

#[test]
fn a_tally_is_of_the_time_in_which_it_counted() {
    let tally = |began, ended: Option<i64>| ProbeTally {
        began: at(began),
        ended: ended.map(at),
        ready: false,
        checked: None,
        proof: WHOLE,
    };
    for (tally, of) in [
        (tally(10, None), true),
        (tally(5, Some(30)), true),
        (tally(10, Some(15)), true),
        (tally(1, Some(9)), false),
        (tally(21, None), false),
    ] {
        assert_eq!(tally.is_of(at(10), at(20)), of, "{tally:?}");
    }
}

#[test]
fn what_travels_comes_back_as_it_was() {
    let report = report(&[Some(WHOLE), None]);
    let text = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<OperationReport>(&text).expect("a report"), report);
}
