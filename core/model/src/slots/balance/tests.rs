//! Slots spread evenly, and what holds however they lay before.

use proptest::prelude::*;

use super::*;
use crate::slots::SLOT_COUNT;

fn even(shards: u16) -> BTreeMap<u16, SlotSet> {
    (0..shards).map(|shard| (shard, SlotSet::share(shard, shards))).collect()
}

fn after(current: &BTreeMap<u16, SlotSet>, moves: &[Move]) -> BTreeMap<u16, SlotSet> {
    let mut owned = current.clone();
    for Move { from, to, slots } in moves {
        let has = owned[from].clone();
        assert_eq!(has.intersection(slots), *slots, "nobody gives what they do not have");
        owned.insert(*from, has.difference(slots));
        let gets = owned.entry(*to).or_default();
        *gets = gets.union(slots);
    }
    owned
}

fn moved(moves: &[Move]) -> usize {
    moves.iter().map(|one| usize::from(one.slots.len())).sum()
}

#[test]
fn shards_come_and_go() {
    for (what, current, shards, expected) in [
        ("even already", even(3), 3, vec![]),
        ("one more", even(3), 4, vec![(0, 3, "4096-5461"), (1, 3, "9558-10922"), (2, 3, "15019-16383")]),
        ("one less", even(3), 2, vec![(2, 0, "10923-13652"), (2, 1, "13653-16383")]),
        ("none at all", even(3), 0, vec![]),
        ("from one to three", even(1), 3, vec![(0, 1, "5462-10922"), (0, 2, "10923-16383")]),
    ] {
        let moves = balance(&current, None, shards);
        let said: Vec<(u16, u16, String)> = moves.iter().map(|one| (one.from, one.to, one.slots.to_string())).collect();
        let expected: Vec<(u16, u16, String)> =
            expected.into_iter().map(|(from, to, slots)| (from, to, slots.to_owned())).collect();
        assert_eq!(said, expected, "{what}");
    }
}

#[test]
fn heavy_slots_are_spread_by_their_weight() {
    // The first quarter of the first shard's slots hold nearly everything.
    let heavy = |slot: Slot| if slot.get() < 2048 { 1000 } else { 10 };
    let weights: Weights = SlotSet::all().slots().map(|slot| (slot, heavy(slot))).collect();
    let moves = balance(&even(2), Some(&weights), 4);
    assert_eq!(moved(&moves), 8192, "as few as without weights");
    let heaviest = |moves: &[Move]| {
        let owned = after(&even(2), moves);
        assert!(owned.values().all(|slots| slots.len() == 4096));
        owned.values().map(|slots| bytes(&weights, slots)).max().unwrap()
    };
    let all: u64 = weights.values().sum();
    // The second shard has no heavy slot, and to get one would be an exchange: three share them.
    assert!(heaviest(&moves) < all * 2 / 5, "{} of {all}", heaviest(&moves));
    assert!(heaviest(&balance(&even(2), None, 4)) > all * 9 / 10);
}

/// Slots dealt out in runs, some to nobody, to shards of any numbers.
fn dealt() -> impl Strategy<Value = BTreeMap<u16, SlotSet>> {
    let runs = proptest::collection::vec((0..SLOT_COUNT, proptest::option::weighted(0.9, 0..9_u16)), 1..60);
    runs.prop_map(|mut cuts| {
        cuts.sort_unstable();
        let mut owned = BTreeMap::<u16, Vec<Slot>>::new();
        let ends: Vec<u16> = cuts.iter().map(|(cut, _)| *cut).skip(1).chain([SLOT_COUNT]).collect();
        for ((first, shard), end) in cuts.into_iter().zip(ends) {
            if let Some(shard) = shard {
                owned.entry(shard).or_default().extend((first..end).filter_map(Slot::new));
            }
        }
        owned.into_iter().map(|(shard, slots)| (shard, slots.into_iter().collect())).collect()
    })
}

fn weighed() -> impl Strategy<Value = Option<Weights>> {
    let weights = proptest::collection::btree_map(0..SLOT_COUNT, 0..10_000_u64, 0..200);
    let weights = weights.prop_map(|weights| {
        weights.into_iter().filter_map(|(slot, bytes)| Some((Slot::new(slot)?, bytes))).collect::<Weights>()
    });
    proptest::option::of(weights)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_slot_is_owned_once_evenly_and_few_move(
        current in dealt(), weights in weighed(), shards in 1..9_u16,
    ) {
        let moves = balance(&current, weights.as_ref(), shards);
        prop_assert_eq!(&moves, &balance(&current, weights.as_ref(), shards), "the same answer");
        let owned = after(&current, &moves);
        let all = |owned: &BTreeMap<u16, SlotSet>| owned.values().fold(SlotSet::empty(), |all, one| all.union(one));
        let count: usize = owned.values().map(|slots| usize::from(slots.len())).sum();
        prop_assert_eq!(all(&owned), all(&current), "none lost, none invented");
        prop_assert_eq!(count, usize::from(all(&owned).len()), "none owned twice");

        let size = |owned: &BTreeMap<u16, SlotSet>, shard| owned.get(&shard).map_or(0, |slots| usize::from(slots.len()));
        let sizes: Vec<usize> = (0..shards).map(|shard| size(&owned, shard)).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
        prop_assert!(owned.iter().all(|(shard, slots)| *shard < shards || slots.is_empty()));

        // No choice of who has one more would have left more slots where they were.
        let (each, more) = (count / usize::from(shards), count % usize::from(shards));
        let mut have: Vec<usize> = (0..shards).map(|shard| size(&current, shard)).collect();
        have.sort_unstable_by(|a, b| b.cmp(a));
        let stay: usize =
            have.iter().enumerate().map(|(rank, has)| (*has).min(each + usize::from(rank < more))).sum();
        prop_assert_eq!(moved(&moves), count - stay);
        prop_assert!(moves.iter().all(|one| one.from != one.to && !one.slots.is_empty()));
    }
}
