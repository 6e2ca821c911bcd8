//! The way from one set of voters to another.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::{NodeId, Pin};

use super::{moved, next_voters};
use crate::types::Voter;

fn set(ids: &[u64]) -> BTreeSet<u64> {
    ids.iter().copied().collect()
}

#[test]
fn votes_move_without_ever_needing_somebody_who_is_not_there() {
    type Ids = &'static [u64];
    // (what it shows, voters now, wanted, members, caught up, voters next)
    type Case = (&'static str, Ids, Ids, Ids, Ids, Option<Ids>);
    let table: &[Case] = &[
        ("settled", &[1], &[1], &[1, 2], &[], None),
        ("both are there", &[1], &[1, 2, 3], &[1, 2, 3], &[2, 3], Some(&[1, 2, 3])),
        ("one is missing", &[1], &[1, 2, 3], &[1, 2, 3], &[2], None),
        ("two of four are there", &[1], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], &[2, 3], Some(&[1, 2, 3])),
        ("three of four are there", &[1], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], &[2, 3, 4], Some(&[1, 3, 4])),
        ("one of two more is there", &[1, 2, 3], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], &[4], None),
        ("nobody new", &[1, 2, 3], &[1], &[1], &[], Some(&[1])),
        ("replaced", &[1, 2, 3], &[1, 2, 4], &[1, 2, 4], &[4], Some(&[1, 2, 4])),
        ("gone, and its successor is not there", &[1, 2, 3], &[1, 2, 4], &[1, 2, 4], &[], Some(&[1, 2])),
        ("one voter gives its place away", &[1], &[2], &[2], &[2], Some(&[2])),
        ("one voter has nobody to give it to", &[1], &[2], &[2], &[], None),
        ("merely not wanted, and its successor is not there", &[1, 2, 3], &[1, 2, 4], &[1, 2, 3, 4], &[], None),
        ("two gone, one successor is there", &[1, 2, 3], &[1, 4, 5], &[1, 4, 5], &[4], Some(&[1])),
    ];
    for (what, current, wanted, members, ready, expected) in table {
        let next = next_voters(&set(current), &set(wanted), &set(members), &set(ready));
        assert_eq!(next, expected.map(set), "{what}");
    }
}

#[test]
fn voters_that_have_moved_are_listed_where_the_record_has_them() {
    let voter = |number: u8, host: u8| {
        let (node, pin) = (NodeId::from_entropy([number; 10]), Pin::from_digest([number; 32]));
        Voter { node, pin, agent: ([10, 0, 0, host], 19_000).into() }
    };
    let list = |voters: &[Voter]| -> BTreeMap<_, _> { voters.iter().map(|one| (one.id(), one.clone())).collect() };
    let listed = list(&[voter(1, 1), voter(2, 2), voter(4, 4)]);
    assert_eq!(moved(listed.iter(), &list(&[voter(1, 1), voter(2, 2), voter(3, 3)])), list(&[]));
    assert_eq!(moved(listed.iter(), &list(&[voter(1, 11), voter(2, 2), voter(3, 13)])), list(&[voter(1, 11)]));
}
