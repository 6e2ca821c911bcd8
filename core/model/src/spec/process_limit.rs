//! How much memory a server's process may take, for how much it is to keep.

use crate::Bytes;

const MIB: u64 = 1 << 20;

/// What every server has besides its data: the program and its libraries, the allocator's own, and what OpenSSL keeps for
/// each connection, which the server does not count (some 40 KiB: 2,000 clients are 80 MiB).
pub const PROCESS_FIXED: Bytes = Bytes::mib(128);
/// Least that is reserved for what replicas have not been sent yet: the configuration that we write lets it become so much
/// before a replica is cut off (`client-output-buffer-limit replica`, the larger of this and a quarter of the memory).
const REPLICAS_MIN: u64 = 64 * MIB;

/// What replicas lack at most.
pub(super) const fn replicas(memory: Bytes) -> Bytes {
    let quarter = memory.get() / 4;
    Bytes::new(if quarter > REPLICAS_MIN { quarter } else { REPLICAS_MIN })
}

/// Most memory of the process whose `maxmemory` is `memory`: what it can need when it does nothing wrong.
///
/// | part | how much | why |
/// |---|---|---|
/// | data and clients | `memory` | the server itself keeps to it |
/// | its copy during a fork | `memory` | a snapshot, a rewrite of the append-only file and a full copy for a replica fork the server; every page that is written meanwhile exists twice, in the worst case all |
/// | what replicas lack | a quarter of `memory`, at least 64 MiB | not counted against `maxmemory`, so that a slow replica does not evict keys |
/// | fixed | 128 MiB | program, allocator, TLS |
///
/// Rounded up to whole MiB. It is a limit and not a reservation: an idle server takes a few MiB. A tighter one, such as the
/// usual four thirds of `maxmemory`, would have a busy primary killed in the middle of a snapshot.
#[must_use]
pub const fn process_limit(memory: Bytes) -> Bytes {
    let replicas = replicas(memory).get();
    let bytes = memory.get().saturating_mul(2).saturating_add(replicas).saturating_add(PROCESS_FIXED.get());
    Bytes::mib(bytes.div_ceil(MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_usual_sizes() {
        for (memory, limit) in [(16, 224), (64, 320), (256, 704), (1024, 2432), (10 << 10, (22 << 10) + 640)] {
            assert_eq!(process_limit(Bytes::mib(memory)), Bytes::mib(limit), "{memory} MiB");
        }
        assert_eq!(process_limit(Bytes::new((64 << 20) + 1)), Bytes::mib(321), "rounded up");
        assert_eq!(process_limit(Bytes::new(u64::MAX)), Bytes::mib(u64::MAX >> 20 | 1 << 44), "no overflow");
    }
}
