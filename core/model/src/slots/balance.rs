//! Which slots move where, so that all shards have their even share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Slot, SlotSet};

/// Slots that one shard gives to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The shard that has them.
    pub from: u16,
    /// The shard that gets them.
    pub to: u16,
    /// Which.
    pub slots: SlotSet,
}

/// What each slot weighs, in bytes; 0 for one that is not in it.
pub type Weights = BTreeMap<Slot, u64>;

/// The moves after which the first `shards` shards have all slots, evenly; any other shard gives away everything it has.
///
/// - No shard has more than one slot more than another.
/// - As few slots move as is possible for that. (So shards that are even by number are left alone, whatever their slots weigh: to
///   exchange slots is a decision of its own.)
/// - With weights, the shards that give pick slots after which their bytes come close to the even share, and the heaviest go to
///   whom most is missing. Without, runs stay runs, as far as that goes.
/// - The same question has the same answer.
///
/// Slots that nobody has are not moved. A slot that two shards claim is the lower shard's.
#[must_use]
pub fn balance(current: &BTreeMap<u16, SlotSet>, weights: Option<&Weights>, shards: u16) -> Vec<Move> {
    if shards == 0 {
        return Vec::new();
    }
    let owned = without_doubles(current);
    let share = Share::of(&owned, weights, shards);
    let mut needs = share.needs(&owned, weights);
    let mut moves = BTreeMap::<(u16, u16), Vec<Slot>>::new();
    for (from, slots) in &owned {
        let surplus = usize::from(slots.len()).saturating_sub(share.slots(*from));
        if surplus == 0 {
            continue;
        }
        let given = match weights {
            Some(weights) => heavy_enough(slots, surplus, share.above(*from, slots, weights), weights),
            // From the end, so that what stays is a run where it was one.
            None => slots.slots().skip(usize::from(slots.len()) - surplus).collect(),
        };
        for slot in given {
            let to = if weights.is_some() { neediest(&needs) } else { needs.keys().next().copied() };
            let Some(to) = to else { break };
            take(&mut needs, to, weights.map_or(0, |weights| weight(weights, slot)));
            moves.entry((*from, to)).or_default().push(slot);
        }
    }
    let moves = moves.into_iter();
    moves.map(|((from, to), slots)| Move { from, to, slots: slots.into_iter().collect() }).collect()
}

fn without_doubles(current: &BTreeMap<u16, SlotSet>) -> BTreeMap<u16, SlotSet> {
    let mut seen = SlotSet::empty();
    let mut owned = BTreeMap::new();
    for (shard, slots) in current {
        owned.insert(*shard, slots.difference(&seen));
        seen = seen.union(slots);
    }
    owned
}

/// What each shard is to have.
struct Share {
    shards: u16,
    /// Slots of each.
    each: usize,
    /// Those with one slot more.
    larger: Vec<u16>,
    /// Bytes of each.
    bytes: u64,
}

impl Share {
    fn of(owned: &BTreeMap<u16, SlotSet>, weights: Option<&Weights>, shards: u16) -> Self {
        let count: usize = owned.values().map(|slots| usize::from(slots.len())).sum();
        let (each, more) = (count / usize::from(shards), count % usize::from(shards));
        let has = |shard: u16| owned.get(&shard).map_or(0, SlotSet::len);
        // Whoever has most keeps most: then the fewest move.
        let mut larger: Vec<u16> = (0..shards).collect();
        larger.sort_by_key(|shard| (Reverse(has(*shard)), *shard));
        larger.truncate(more);
        let all: u64 = weights.map_or(0, |weights| owned.values().map(|slots| bytes(weights, slots)).sum());
        Self { shards, each, larger, bytes: all / u64::from(shards) }
    }

    fn slots(&self, shard: u16) -> usize {
        if shard >= self.shards { 0 } else { self.each + usize::from(self.larger.contains(&shard)) }
    }

    /// By how many bytes a shard is above its share.
    fn above(&self, shard: u16, slots: &SlotSet, weights: &Weights) -> u64 {
        let share = if shard >= self.shards { 0 } else { self.bytes };
        bytes(weights, slots).saturating_sub(share)
    }

    /// The shards that get slots.
    fn needs(&self, owned: &BTreeMap<u16, SlotSet>, weights: Option<&Weights>) -> BTreeMap<u16, Need> {
        let empty = SlotSet::empty();
        let need = |shard: u16| {
            let slots = owned.get(&shard).unwrap_or(&empty);
            let missing = self.slots(shard).saturating_sub(usize::from(slots.len()));
            let has = weights.map_or(0, |weights| bytes(weights, slots));
            let need = Need { slots: missing, bytes: i128::from(self.bytes) - i128::from(has) };
            (missing > 0).then_some((shard, need))
        };
        (0..self.shards).filter_map(need).collect()
    }
}

/// What a shard is still to get; it can have more bytes than its share, and too few slots.
struct Need {
    slots: usize,
    bytes: i128,
}

fn weight(weights: &Weights, slot: Slot) -> u64 {
    weights.get(&slot).copied().unwrap_or_default()
}

fn bytes(weights: &Weights, slots: &SlotSet) -> u64 {
    slots.slots().map(|slot| weight(weights, slot)).sum()
}

/// So many slots whose bytes together are close to the wish, the heaviest first: of the slots in the order of their weight, the
/// run that comes closest.
fn heavy_enough(slots: &SlotSet, count: usize, wish: u64, weights: &Weights) -> Vec<Slot> {
    let mut sorted: Vec<Slot> = slots.slots().collect();
    sorted.sort_by_key(|slot| (Reverse(weight(weights, *slot)), *slot));
    // What the first so many weigh together.
    let sums: Vec<u64> = std::iter::once(0)
        .chain(sorted.iter().scan(0, |sum, slot| {
            *sum += weight(weights, *slot);
            Some(*sum)
        }))
        .collect();
    let run = |start: usize| sums[start + count] - sums[start];
    let best = (0..=sorted.len() - count).min_by_key(|start| run(*start).abs_diff(wish));
    best.map(|start| sorted[start..start + count].to_vec()).unwrap_or_default()
}

/// To whom most bytes are missing.
fn neediest(needs: &BTreeMap<u16, Need>) -> Option<u16> {
    needs.iter().max_by_key(|(shard, need)| (need.bytes, Reverse(**shard))).map(|(shard, _)| *shard)
}

fn take(needs: &mut BTreeMap<u16, Need>, shard: u16, bytes: u64) {
    let Some(need) = needs.get_mut(&shard) else { return };
    need.slots -= 1;
    need.bytes -= i128::from(bytes);
    if need.slots == 0 {
        needs.remove(&shard);
    }
}

#[cfg(test)]
mod tests;
