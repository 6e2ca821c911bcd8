//! What slots weigh, coarsely: small enough to be told, and to leave runs of slots together.

use serde::{Deserialize, Serialize};

use super::balance::Weights;
use super::{SLOT_COUNT, Slot, SlotSet};
use crate::{Bytes, Generation};

/// Slots that are weighed together.
const PART: u16 = 64;

/// What the slots of one server weigh: so many bytes in each part of 64 slots, as far as they are its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotWeights {
    /// The Record's generation when they were weighed.
    pub at: Generation,
    /// Bytes of each part; none of those behind the last.
    bytes: Vec<u64>,
}

impl SlotWeights {
    /// The parts into which slots are put together, each with the slots of these that are in it; none that is empty.
    pub fn parts(slots: &SlotSet) -> Vec<SlotSet> {
        let part = |index: u16| {
            let all = (index * PART..(index + 1) * PART).filter_map(Slot::new).collect::<SlotSet>();
            all.intersection(slots)
        };
        (0..SLOT_COUNT / PART).map(part).filter(|slots| !slots.is_empty()).collect()
    }

    /// Parts that were weighed, each by any of its slots.
    pub fn new(at: Generation, parts: impl IntoIterator<Item = (Slot, Bytes)>) -> Self {
        let mut bytes = Vec::new();
        for (slot, weight) in parts {
            let index = usize::from(slot.get() / PART);
            if bytes.len() <= index {
                bytes.resize(index + 1, 0);
            }
            bytes[index] += weight.get();
        }
        Self { at, bytes }
    }

    /// All that was weighed.
    #[must_use]
    pub fn total(&self) -> Bytes {
        Bytes::new(self.bytes.iter().sum())
    }

    /// What each of these slots weighs, if those of a part weigh the same. They are the server's own: all that was weighed of a
    /// part is theirs.
    #[must_use]
    pub fn of(&self, slots: &SlotSet) -> Weights {
        let mut weights = Weights::new();
        for part in Self::parts(slots) {
            let index = part.slots().next().map_or(0, |slot| usize::from(slot.get() / PART));
            let each = self.bytes.get(index).copied().unwrap_or_default() / u64::from(part.len());
            weights.extend(part.slots().map(|slot| (slot, each)));
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).expect("a slot")
    }

    #[test]
    fn slots_of_a_part_share_its_weight() {
        let own: SlotSet = "0-31 70 16383".parse().expect("slots");
        let parts = SlotWeights::parts(&own);
        let said: Vec<String> = parts.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["0-31", "70", "16383"]);
        let weighed = [(slot(0), Bytes::new(64)), (slot(70), Bytes::new(7)), (slot(16383), Bytes::new(9))];
        let weights = SlotWeights::new(Generation::FIRST, weighed);
        assert_eq!(weights.total(), Bytes::new(80));
        let each = weights.of(&own);
        assert_eq!((each.len(), each[&slot(31)], each[&slot(70)], each[&slot(16383)]), (34, 2, 7, 9));
        assert!(weights.of(&"200-300".parse().expect("slots")).values().all(|bytes| *bytes == 0));
    }
}
