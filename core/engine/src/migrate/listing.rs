//! Keys that the source holds, weighed before they go.

use std::collections::BTreeMap;

use justmanage_model::{Bytes, Slot};

use super::parcels::{Item, LARGEST_KEY};
use crate::calls::slots::Key;
use crate::connection::{CallError, Connection};

/// Most keys of one slot that are asked for at once.
const LISTED: usize = 1024;

/// Keys of some slots that are to go next, in the order of the slots.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) keys: Vec<Key>,
    /// The slot and the size of each of these keys.
    pub(super) items: Vec<Item>,
    /// Slots that may hold more.
    pub(super) more: Vec<Slot>,
    /// Slots of which nothing is to go, and what the key takes that is too large for it.
    pub(super) stuck: BTreeMap<Slot, Bytes>,
}

impl Listing {
    /// Asks for the keys of these slots.
    pub(super) async fn of(source: &mut Connection, slots: &[Slot]) -> Result<Self, CallError> {
        if slots.is_empty() {
            return Ok(Self::default());
        }
        let listed = source.keys_in_slots(slots, LISTED).await?;
        let more = listed.iter().filter(|(_, names)| names.len() >= LISTED).map(|(slot, _)| *slot).collect();
        let (mut keys, mut of) = (Vec::new(), Vec::new());
        for (slot, names) in listed {
            of.extend(std::iter::repeat_n(slot, names.len()));
            keys.extend(names);
        }
        let sizes = source.memory_of(&keys.iter().collect::<Vec<_>>()).await?;
        Ok(Self::weighed(keys, of.into_iter().zip(sizes).collect(), more))
    }

    fn weighed(keys: Vec<Key>, items: Vec<Item>, more: Vec<Slot>) -> Self {
        let stuck: BTreeMap<Slot, Bytes> = items.iter().copied().filter(|(_, bytes)| *bytes > LARGEST_KEY).collect();
        let goes = |slot: &Slot| !stuck.contains_key(slot);
        let (keys, items) = keys.into_iter().zip(items).filter(|(_, (slot, _))| goes(slot)).unzip();
        Self { keys, items, more: more.into_iter().filter(goes).collect(), stuck }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_slot_with_a_key_that_is_too_large_nothing_goes() {
        let slot = |number| Slot::new(number).unwrap();
        let largest = LARGEST_KEY.get();
        let weighed = |of: &[(u16, u64)], more: &[u16]| {
            let keys = (0..of.len()).map(|number| number.to_string().into_bytes()).collect();
            let items = of.iter().map(|(number, bytes)| (slot(*number), Bytes::new(*bytes))).collect();
            Listing::weighed(keys, items, more.iter().map(|number| slot(*number)).collect())
        };
        let item = |number, bytes| (slot(number), Bytes::new(bytes));
        assert_eq!(weighed(&[], &[]), Listing::default());
        let all = weighed(&[(1, 5), (1, largest), (3, 6)], &[1]);
        assert_eq!(all.items, [item(1, 5), item(1, largest), item(3, 6)]);
        assert_eq!((all.keys.len(), all.more, all.stuck.len()), (3, vec![slot(1)], 0));
        let most = weighed(&[(1, 5), (1, largest + 1), (1, 6), (2, 7), (3, 8)], &[1, 2]);
        assert_eq!((most.items, most.more), (vec![item(2, 7), item(3, 8)], vec![slot(2)]));
        assert_eq!(most.keys, [b"3".to_vec(), b"4".to_vec()]);
        assert_eq!(most.stuck, BTreeMap::from([item(1, largest + 1)]));
    }
}
