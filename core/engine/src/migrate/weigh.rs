//! What slots weigh, before it is decided which of them move.
//!
//! Parts of 64 slots are weighed together ([`SlotWeights`]): the number of their keys, by what some of these take.

use justmanage_model::{Bytes, Generation, Slot, SlotSet, SlotWeights};

use crate::calls::slots::Key;
use crate::connection::{CallError, Connection};

/// Keys of a part that are asked what they take. Of data whose keys are alike one would be enough; where they are not, a shard has
/// hundreds of parts, and what is wrong with each evens out.
const SAMPLES: usize = 8;
/// Keys that are asked for at once. Each takes some microseconds (of a large one five elements are looked at), so the server
/// stands still for a millisecond at most.
const AT_ONCE: usize = 128;

/// Weighs slots of a server: its own, at the Record's generation `at`. What it does not hold weighs nothing.
///
/// # Errors
/// As every call.
pub async fn weigh(server: &mut Connection, slots: &SlotSet, at: Generation) -> Result<SlotWeights, CallError> {
    let counts = server.count_keys(slots).await?;
    let mut parts: Vec<Part> = SlotWeights::parts(slots)
        .into_iter()
        .filter_map(|slots| {
            let full: Vec<(Slot, u64)> =
                slots.slots().map(|slot| (slot, counts.get(&slot).copied().unwrap_or_default())).collect();
            Part::of(&full)
        })
        .collect();
    for several in parts.chunks_mut(AT_ONCE / SAMPLES) {
        sample(server, several).await?;
    }
    Ok(SlotWeights::new(at, parts.iter().map(|part| (part.slot, part.weight()))))
}

/// A part that holds keys.
struct Part {
    /// Any of its slots.
    slot: Slot,
    /// The slots that are asked for keys.
    asked: Vec<Slot>,
    keys: u64,
    /// What the samples take.
    bytes: u64,
    samples: u64,
}

impl Part {
    /// `None` if there is no key in it. Keys of as many slots as there are samples stand for those of all.
    fn of(slots: &[(Slot, u64)]) -> Option<Self> {
        let full: Vec<Slot> = slots.iter().filter(|(_, keys)| *keys > 0).map(|(slot, _)| *slot).collect();
        let step = full.len().div_ceil(SAMPLES).max(1);
        let asked = full.iter().copied().step_by(step).collect();
        let keys = slots.iter().map(|(_, keys)| keys).sum();
        Some(Self { slot: *full.first()?, asked, keys, bytes: 0, samples: 0 })
    }

    /// All keys, by what the samples take on average.
    fn weight(&self) -> Bytes {
        let bytes = u128::from(self.bytes) * u128::from(self.keys);
        let mean = bytes.checked_div(u128::from(self.samples)).unwrap_or_default();
        Bytes::new(u64::try_from(mean).unwrap_or(u64::MAX))
    }
}

/// Asks what some keys of each part take.
async fn sample(server: &mut Connection, parts: &mut [Part]) -> Result<(), CallError> {
    let asked: Vec<Slot> = parts.iter().flat_map(|part| part.asked.iter().copied()).collect();
    let fewest = parts.iter().map(|part| part.asked.len()).min().unwrap_or(1).max(1);
    let mut listed = server.keys_in_slots(&asked, SAMPLES.div_ceil(fewest)).await?.into_iter();
    let (mut keys, mut of): (Vec<Key>, Vec<usize>) = (Vec::new(), Vec::new());
    for (position, part) in parts.iter().enumerate() {
        let names = listed.by_ref().take(part.asked.len()).flat_map(|(_, names)| names).take(SAMPLES);
        let before = keys.len();
        keys.extend(names);
        of.extend(std::iter::repeat_n(position, keys.len() - before));
    }
    let sizes = server.memory_of(&keys.iter().collect::<Vec<_>>()).await?;
    // One that is gone by now takes nothing, and says nothing.
    for (position, bytes) in of.into_iter().zip(sizes).filter(|(_, bytes)| bytes.get() > 0) {
        parts[position].bytes += bytes.get();
        parts[position].samples += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_slots_stand_for_a_part() {
        let slot = |number: u16| Slot::new(number).unwrap();
        let part = |keys: &dyn Fn(u16) -> u64| {
            Part::of(&(0..64).map(|number| (slot(number), keys(number))).collect::<Vec<_>>())
        };
        assert!(part(&|_| 0).is_none());
        let all = part(&|_| 10).unwrap();
        assert_eq!((all.keys, all.asked.len()), (640, SAMPLES));
        let one = part(&|number| u64::from(number == 7) * 30).unwrap();
        assert_eq!((one.slot, one.asked, one.keys), (slot(7), vec![slot(7)], 30));
        let weighed = Part { slot: slot(0), asked: Vec::new(), keys: 100, bytes: 240, samples: 3 };
        assert_eq!(weighed.weight(), Bytes::new(8000));
        assert_eq!(Part { samples: 0, ..weighed }.weight(), Bytes::new(0));
    }
}
