//! What of a report reaches the state, and what is warned of.

use justmanage_model::Bytes;
use justmanage_model::record::Operation;

use super::*;

fn report(second: i64, lost: u64) -> OperationReport {
    let proof = Proof { acknowledged: 40, lost, longest_pause_ms: 51, ..Proof::default() };
    OperationReport {
        backup: None,
        what: "rolling restart".to_owned(),
        began: Timestamp::from_second(second).expect("a moment"),
        ended: Timestamp::from_second(second + 9).expect("a moment"),
        halted: None,
        steps: Vec::new(),
        shards: [(0, Some(proof)), (1, None)].into(),
    }
}

fn view(report: Option<OperationReport>) -> ClusterView {
    ClusterView {
        last_operation: report,
        ..ClusterView::unseen("local/cache/jmc0123456789abcdef".parse().expect("an id"))
    }
}

#[test]
fn only_a_newer_operation_takes_the_place_of_a_known_one() {
    let known = |second| Attr::Known(LastOperation::from(&report(second, 0)));
    for (known, seen, taken) in [
        (Attr::Null, Some(report(100, 0)), true),
        (Attr::unknown(), Some(report(100, 0)), true),
        (known(50), Some(report(100, 0)), true),
        (known(100), Some(report(100, 0)), false),
        (known(150), Some(report(100, 0)), false),
        (known(150), None, false),
    ] {
        assert_eq!(newer(&known, &view(seen.clone())).is_some(), taken, "{known:?} {seen:?}");
    }
}

#[test]
fn what_was_not_counted_is_null_and_what_was_lost_is_warned_of() {
    let whole = LastOperation::from(&report(100, 0));
    assert_eq!((whole.acknowledged_writes, whole.longest_write_pause_ms), (40.into(), 51.into()));
    assert_eq!(whole.proven, Attr::Known(false), "a shard was not probed");
    let shards = whole.shards.into_known().expect("known");
    assert_eq!((&shards[0].lost_writes, &shards[1].lost_writes), (&Attr::Known(0), &Attr::Null));
    assert!(warning(&report(100, 0)).is_none());
    let loud = warning(&report(100, 2)).expect("a warning");
    assert!(loud.detail.contains("2 ACKNOWLEDGED WRITES WERE LOST"), "{}", loud.detail);
}

#[test]
fn a_move_of_slots_says_how_much_and_nothing_else_does() {
    let step = |operation, moved| ReportStep {
        node: "jmn0000000000000001".parse().expect("an id"),
        shard: 0,
        operation,
        began: Timestamp::UNIX_EPOCH,
        took_ms: 7,
        moved,
    };
    let moved = MovedSlots { slots: 4096, keys: 250, bytes: Bytes::new(9000), ..MovedSlots::default() };
    let told = step_report(&step(Operation::Reshard, Some(moved)));
    assert_eq!((told.moved_slots, told.moved_keys, told.moved_bytes), (4096.into(), 250.into(), 9000.into()));
    let told = step_report(&step(Operation::Restart, None));
    assert_eq!((told.moved_slots, told.moved_keys, told.moved_bytes), (Attr::Null, Attr::Null, Attr::Null));
}
