//! How low a limit may be for a server that runs.

use justmanage_model::Bytes;
use justmanage_model::spec::PROCESS_FIXED;

const MIB: u64 = 1 << 20;

/// Least limit for a process that uses so much now: itself, its copy, and what every server has. A limit that is lowered
/// below that would kill a server whose `maxmemory` has only just been lowered, and which is still letting go of keys.
pub(super) const fn least(resident: Bytes) -> Bytes {
    let bytes = resident.get().saturating_mul(2).saturating_add(PROCESS_FIXED.get());
    Bytes::mib(bytes.div_ceil(MIB))
}
