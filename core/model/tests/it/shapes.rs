//! From one shape to another: what the Record says meanwhile.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::slots::balance::Move;
use justmanage_model::{ClusterSpec, Generation, Grant, Phase, Reshaping, Shape, SlotSet};

use crate::records::{node, record};

fn shape(shards: u16, replicas_per_shard: u16) -> Shape {
    Shape { shards, replicas_per_shard }
}

fn spec(spec: &ClusterSpec, shards: u16, replicas_per_shard: u16) -> ClusterSpec {
    ClusterSpec { shards, replicas_per_shard, ..spec.clone() }
}

#[test]
fn a_cluster_on_its_way_may_be_anything_from_the_least_to_the_most_that_was_asked_for() {
    let mut record = record();
    record.spec = spec(&record.spec, 3, 1);
    for ((shards, replicas), least, most) in
        [((4, 1), shape(3, 1), shape(4, 1)), ((4, 2), shape(3, 1), shape(4, 2)), ((2, 0), shape(2, 0), shape(4, 2))]
    {
        record.set_spec(spec(&record.spec, shards, replicas));
        assert_eq!(record.reshaping, Some(Reshaping { least, most }));
        assert_eq!((record.least_shape(), record.most_shape()), (least, most));
    }
    record.end_reshaping();
    assert_eq!((record.least_shape(), record.most_shape()), (shape(2, 0), shape(2, 0)));
}

#[test]
fn only_another_shape_of_a_cluster_that_serves_is_a_way() {
    let mut record = record();
    let mut other = record.spec.clone();
    other.config.insert("hz".to_owned(), "20".to_owned());
    record.set_spec(other.clone());
    assert_eq!((record.reshaping, &record.spec), (None, &other));
    record.phase = Phase::Forming;
    record.set_spec(spec(&other, 5, 0));
    assert_eq!(record.reshaping, None);
}

#[test]
fn a_change_of_mind_ends_the_moves_and_nothing_else() {
    for (operation, shards, goes_on) in [
        (Operation::Reshard, 5, false),
        (Operation::Reshard, 4, true),
        (Operation::Restart, 5, true),
        (Operation::Handover, 5, true),
    ] {
        let mut record = record();
        record.spec = spec(&record.spec, 4, 0);
        let (nodes, given) = (BTreeSet::from([node(1)]), Generation::FIRST);
        let slots = SlotSet::share(0, 100);
        let moves = match operation {
            Operation::Reshard => vec![Move { from: 0, to: 1, slots }],
            _ => Vec::new(),
        };
        let before = Grant { operation, nodes, given, moves };
        record.grant = Some(before.clone());
        record.set_spec(spec(&record.spec, shards, 0));
        // Whoever has leave has it still: what has set out is seen to its end before anybody is found not to be needed.
        let ended = Grant { given: record.generation.next(), moves: Vec::new(), ..before.clone() };
        assert_eq!(record.grant, Some(if goes_on { before } else { ended }), "{operation:?} with {shards} shards");
    }
}
