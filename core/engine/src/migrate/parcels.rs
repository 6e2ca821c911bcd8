//! Which keys go together: a few parcels at once, by bytes and not by number.

use std::ops::Range;
use std::time::Duration;

use justmanage_model::{Bytes, Slot};

/// Most bytes of a burst, as they lie in memory. A megabyte is serialised, sent and read back in about 10 ms; anything larger than
/// that goes alone.
pub(super) const BURST_BYTES: Bytes = Bytes::mib(1);
/// Most parcels of a burst. Each waits for the other server by itself, so the more there are the less each may wait. With two it is a
/// second: a server that writes to its disk before it answers may stand still for some tenths of one. A parcel that was not waited
/// for may be over there all the same, and as long as its keys are here, too, one that a client removes here is found there.
const BURST_PARCELS: usize = 2;
/// How long a burst stands still for a server that hangs: less than half of the node timeout, or the source would be taken for
/// dead as well.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest key that is moved. It goes in one piece, and both servers do nothing else meanwhile: 0.3 to 0.7 s at the 100 to 250 MB/s
/// of a usual machine, and still less than half of the node timeout of 5 s at 30 MB/s. After all of it they would be taken for dead.
pub(super) const LARGEST_KEY: Bytes = Bytes::mib(64);

/// A key that is to go: its slot, and what it takes in memory.
pub(super) type Item = (Slot, Bytes);

/// The parcels of the next burst: runs of keys, each of one slot, from the start of these, which stand in the order of their slots.
/// At least one key if there is one.
pub(super) fn next_burst(items: &[Item], most_keys: usize) -> Vec<Range<usize>> {
    let (mut parcels, mut bytes): (Vec<Range<usize>>, u64) = (Vec::new(), 0);
    for (at, (slot, size)) in items.iter().enumerate() {
        bytes = bytes.saturating_add(size.get());
        if at > 0 && (bytes > BURST_BYTES.get() || at >= most_keys.max(1)) {
            break;
        }
        let full = parcels.len() == BURST_PARCELS;
        match parcels.last_mut() {
            Some(parcel) if items[parcel.start].0 == *slot => parcel.end = at + 1,
            _ if full => break,
            _ => parcels.push(at..at + 1),
        }
    }
    parcels
}

/// How long the other server may be silent for each parcel of a burst of so many.
pub(super) fn patience(parcels: usize) -> Duration {
    PATIENCE / u32::try_from(parcels.max(1)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use justmanage_model::record::NODE_TIMEOUT;

    use super::*;

    fn items(of: &[(u16, u64)]) -> Vec<Item> {
        of.iter().map(|(slot, bytes)| (Slot::new(*slot).unwrap(), Bytes::new(*bytes))).collect()
    }

    #[test]
    fn bursts_are_cut_by_bytes_keys_and_slots() {
        const MIB: u64 = 1 << 20;
        let many: Vec<(u16, u64)> = (0..20).map(|slot| (slot, 1)).collect();
        for (what, of, keys, expected) in [
            ("nothing", vec![], 9, vec![]),
            ("small ones together", vec![(1, 10), (1, 10), (2, 10)], 9, vec![(0, 2), (2, 3)]),
            ("so many keys", vec![(1, 10), (1, 10), (2, 10)], 2, vec![(0, 2)]),
            ("a large one alone", vec![(1, 20 * MIB), (1, 10)], 9, vec![(0, 1)]),
            ("before a large one", vec![(1, 10), (1, 20 * MIB)], 9, vec![(0, 1)]),
            ("to the brim", vec![(1, MIB / 2), (2, MIB / 2), (3, 1)], 9, vec![(0, 1), (1, 2)]),
            ("never none", vec![(1, 10)], 0, vec![(0, 1)]),
            ("so many slots", many, 99, vec![(0, 1), (1, 2)]),
        ] {
            let parcels = next_burst(&items(&of), keys);
            let ends: Vec<(usize, usize)> = parcels.iter().map(|parcel| (parcel.start, parcel.end)).collect();
            assert_eq!(ends, expected, "{what}");
        }
    }

    #[test]
    fn no_parcel_waits_for_less_than_a_second_and_no_burst_for_half_of_the_node_timeout() {
        for parcels in 1..=BURST_PARCELS {
            let each = patience(parcels);
            assert!(each >= Duration::from_secs(1), "{each:?}");
            assert!(each * u32::try_from(parcels).unwrap() < NODE_TIMEOUT / 2, "{each:?}");
        }
        assert_eq!(patience(0), PATIENCE);
    }

    #[test]
    fn a_slow_machine_has_the_largest_key_within_half_of_the_node_timeout() {
        assert!(Duration::from_secs(LARGEST_KEY.get()) / 30_000_000 < NODE_TIMEOUT / 2);
    }
}
