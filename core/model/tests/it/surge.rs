//! Temporary replicas: how many there are to be, from when to when.

use justmanage_model::record::RecordFault;
use justmanage_model::{ClusterSpec, Phase, Record, ReleaseTarget, Reshaping, Seat, Shape};

use crate::records::{member, node};
use crate::upgrades::{from_8_0_2, program};

fn shape(shards: u16, replicas_per_shard: u16) -> Shape {
    Shape { shards, replicas_per_shard }
}

/// Two shards of so many replicas, all there, which are to have one more as long as servers go over.
fn surging(replicas_per_shard: u16) -> Record {
    let mut record = from_8_0_2();
    record.spec = ClusterSpec { shards: 2, replicas_per_shard, surge: true, ..record.spec.clone() };
    let seats = Shape::of(&record.spec).seats().zip(0..);
    record.members =
        seats.map(|(seat, number)| (node(number), justmanage_model::Member { seat, ..member(number) })).collect();
    record
}

#[test]
fn there_is_one_more_from_the_change_until_all_have_gone_over() {
    for replicas in [0, 1, 5] {
        let mut record = surging(replicas);
        record.set_spec(record.spec.clone());
        assert_eq!((record.shape(), record.reshaping), (shape(2, replicas), None), "at rest");
        record.go_over_to(program(6));
        let (least, most) = (shape(2, replicas), shape(2, replicas + 1));
        assert_eq!((record.surge, record.shape(), record.reshaping), (true, most, Some(Reshaping { least, most })));
        assert!(record.has_temporary() && record.reshaping.is_some_and(|reshaping| !reshaping.spreads()));
        let vacant: Vec<Seat> = record.vacant().collect();
        assert_eq!(vacant, [0, 1].map(|shard| Seat { shard, ordinal: replicas + 1 }));
        for (seat, number) in vacant.into_iter().zip(50..) {
            record.members.insert(node(number), justmanage_model::Member { seat, ..member(number) });
        }
        assert_eq!((record.vacant().count(), record.surplus().count()), (0, 0));
        record.forget_previous(justmanage_model::Timestamp::UNIX_EPOCH);
        assert_eq!((record.shape(), record.least_shape(), record.most_shape()), (least, least, most));
        assert_eq!(record.surplus().collect::<Vec<_>>(), [node(50), node(51)]);
        assert!(!record.has_temporary(), "that is another way: to the shape that is asked for");
    }
}

#[test]
fn a_change_of_something_else_makes_none() {
    let mut record = surging(1);
    record.spec.surge = false;
    record.go_over_to(program(6));
    assert_eq!((record.surge, record.reshaping), (false, None), "not asked for");
    let mut record = surging(1);
    record.phase = Phase::Forming;
    record.go_over_to(program(6));
    assert_eq!((record.surge, record.reshaping), (false, None), "it does not serve yet");
    let mut record = surging(1);
    record.go_over_to(program(2));
    assert!(!record.surge, "that is what runs");
}

#[test]
fn who_turns_back_makes_none_and_keeps_those_that_are_there() {
    let mut record = surging(1);
    record.go_over_to(program(6));
    let seat = Seat { shard: 0, ordinal: 2 };
    record.members.insert(node(50), justmanage_model::Member { seat, ..member(50) });
    record.go_over_to(program(2));
    assert_eq!((record.returning, record.surge, record.vacant().count()), (true, false, 0));
    assert_eq!(record.surplus().collect::<Vec<_>>(), [node(50)]);
    assert!(record.has_temporary(), "until all are back");
    record.go_over_to(program(6));
    assert!(!record.surge, "whoever comes anew could not copy from those who have gone over");
}

#[test]
fn agents_that_know_of_none_refuse_such_a_record() {
    let mut record = Record { layout: 1, ..surging(1) };
    record.raise_layout();
    assert_eq!(record.layout, 6, "they would drop the wish");
    let mut going = Record { layout: 5, ..record.clone() };
    going.go_over_to(program(6));
    assert_eq!(going.check(), Err(RecordFault::OlderLayout(5)));
    going.spec.version = ReleaseTarget::Exactly(going.release.version);
    going.previous = None;
    going.raise_layout();
    assert_eq!(going.check(), Err(RecordFault::SurgeAtRest));
}
