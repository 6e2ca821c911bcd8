//! Which keys go together: a few parcels at once, by bytes and not by number.

use std::ops::Range;
use std::time::Duration;

use justmanage_model::{Bytes, Slot};

/// Most bytes of a burst, as they lie in memory. A megabyte is serialised, sent and read back in about 10 ms; anything larger than
/// that goes alone.
pub(super) const BURST_BYTES: Bytes = Bytes::mib(1);
/// Most parcels of a burst: each waits for the other server by itself.
const BURST_PARCELS: usize = 8;
/// How long a burst stands still for a server that hangs: less than half of the node timeout, or the source would be taken for
/// dead as well.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of a large key is sent, read and stored in a second at least; a busy machine has a tenth of the usual speed.
const SLOWEST: u64 = 10 << 20;
/// The largest key that is moved. It holds both servers for as long as it takes, 2 to 5 s at 50 to 100 MB/s, and after the node
/// timeout of 5 s they would be taken for dead. Servers take no value above 512 MiB in one piece, either.
pub(super) const LARGEST_KEY: Bytes = Bytes::mib(256);

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

/// How long the other server may be silent for a parcel of a burst.
pub(super) fn patience(items: &[Item], parcel: &Range<usize>, parcels: usize) -> Duration {
    let bytes: u64 = items[parcel.clone()].iter().map(|(_, size)| size.get()).sum();
    if bytes > BURST_BYTES.get() {
        return PATIENCE + Duration::from_millis(bytes.saturating_mul(1000) / SLOWEST);
    }
    PATIENCE / u32::try_from(parcels.max(1)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
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
            ("so many slots", many, 99, (0..8).map(|at| (at, at + 1)).collect()),
        ] {
            let parcels = next_burst(&items(&of), keys);
            let ends: Vec<(usize, usize)> = parcels.iter().map(|parcel| (parcel.start, parcel.end)).collect();
            assert_eq!(ends, expected, "{what}");
        }
    }

    #[test]
    fn a_burst_stands_still_for_two_seconds_and_a_large_key_for_longer() {
        let few = items(&[(1, 10), (2, 10)]);
        let wait: Duration = [0..1, 1..2].iter().map(|parcel| patience(&few, parcel, 2)).sum();
        assert_eq!(wait, PATIENCE);
        assert_eq!(patience(&items(&[(1, 20 << 20)]), &(0..1), 1), Duration::from_secs(4));
    }
}
