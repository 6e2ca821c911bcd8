//! Sets of slots.

use std::collections::BTreeSet;

use justmanage_model::{Slot, SlotRange, SlotSet};
use proptest::prelude::*;

use crate::{fault, is_spelt};

#[test]
fn sets_have_one_spelling() {
    for text in ["", "0", "0-16383", "0-5460 5462", "1 3 5-7"] {
        is_spelt::<SlotSet>(text);
    }
    for (text, spelt) in [("5462 0-5460", "0-5460 5462"), ("0-3 2-9 10", "0-10"), ("7 7-7", "7"), ("  1   2 ", "1-2")] {
        assert_eq!(text.parse::<SlotSet>().unwrap().to_string(), spelt, "{text}");
    }
    for text in ["16384", "0-16384", "5-1", "-1", "1-", "a", "+1", "0-1-2", "[1->-abc]"] {
        fault::<SlotSet>(text);
    }
}

#[test]
fn the_whole_is_the_whole() {
    assert_eq!(SlotSet::all().len(), 16384);
    assert!(SlotSet::all().difference(&SlotSet::all()).is_empty());
    assert_eq!(SlotSet::all().difference(&SlotSet::empty()), SlotSet::all());
    assert_eq!((Slot::new(16383).unwrap().get(), Slot::new(16384)), (16383, None));
}

fn ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
    // Small numbers, so that runs meet, and the edges.
    let end = prop_oneof![0u16..60, 16370u16..16384];
    proptest::collection::vec((end.clone(), end), 0..8)
}

/// The same in a plain way: number by number.
fn plain(ranges: &[(u16, u16)]) -> (SlotSet, BTreeSet<u16>) {
    let slot = |number: u16| Slot::new(number).unwrap();
    let runs = ranges.iter().map(|(a, b)| (*a.min(b), *a.max(b)));
    let set = runs.clone().map(|(first, last)| SlotRange::new(slot(first), slot(last)).unwrap()).collect();
    (set, runs.flat_map(|(first, last)| first..=last).collect())
}

fn numbers(set: &SlotSet) -> BTreeSet<u16> {
    set.ranges().iter().flat_map(|run| run.first().get()..=run.last().get()).collect()
}

proptest! {
    // A run from one edge to the other is 16384 numbers: each case takes milliseconds.
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sets_are_sets(one in ranges(), other in ranges()) {
        let ((a, plain_a), (b, plain_b)) = (plain(&one), plain(&other));
        prop_assert_eq!(&numbers(&a), &plain_a);
        prop_assert_eq!(usize::from(a.len()), plain_a.len());
        prop_assert_eq!(numbers(&a.union(&b)), plain_a.union(&plain_b).copied().collect::<BTreeSet<_>>());
        prop_assert_eq!(numbers(&a.difference(&b)), plain_a.difference(&plain_b).copied().collect::<BTreeSet<_>>());
        prop_assert_eq!(a.to_string().parse::<SlotSet>().unwrap(), a.clone());
        prop_assert_eq!(&a.difference(&b).union(&b), &a.union(&b), "one value per set");
        for number in (0..62).chain(16368..16384) {
            prop_assert_eq!(a.contains(Slot::new(number).unwrap()), plain_a.contains(&number), "{}", number);
        }
        for pair in a.ranges().windows(2) {
            prop_assert!(pair[0].last().get() + 1 < pair[1].first().get(), "runs neither overlap nor touch");
        }
    }
}
