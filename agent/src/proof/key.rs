//! The key that is counted up, as far as whoever goes on with it has to know it: the next probe looks for what this one had
//! acknowledged.

use jiff::SignedDuration;
use justmanage_model::Timestamp;
use serde::{Deserialize, Serialize};

/// How long the key outlives a probe that cannot remove it.
pub(super) const LIFE_S: u32 = 600;
/// How often its life is renewed.
const RENEWAL: SignedDuration = SignedDuration::from_secs(60);
/// How long after a renewal the key is sure to be there. A server that takes over may lack the last renewal, and its clock, by which
/// the key ends, need not be this node's: two minutes less than its life are enough for both.
const SURE: SignedDuration = SignedDuration::from_secs(480);

/// What is known of the key. It is told and written down with what was counted, and no oftener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    /// What decides on its slot: every key that is given up is followed by another.
    pub(super) tag: u32,
    /// The numbers that were acknowledged and not lost, as runs with both ends, rising.
    pub(super) runs: Vec<(u64, u64)>,
    /// The replication stream in which the last of them was acknowledged; `None`: the server did not say.
    pub(super) stream: Option<String>,
    /// When its life was last renewed, by this node's clock.
    pub(super) renewed: Option<Timestamp>,
}

/// Whether a key is to be renewed that was renewed then.
pub(super) fn is_due(renewed: Option<Timestamp>, now: Timestamp) -> bool {
    !is_within(RENEWAL, renewed, now)
}

/// Whether a key that was renewed then may have come to its end by itself: that says nothing of the operation.
pub(super) fn may_have_ended(renewed: Option<Timestamp>, now: Timestamp) -> bool {
    !is_within(SURE, renewed, now)
}

/// By a clock that was put back nobody knows how long ago it was.
fn is_within(limit: SignedDuration, renewed: Option<Timestamp>, now: Timestamp) -> bool {
    renewed.is_some_and(|renewed| (SignedDuration::ZERO..limit).contains(&now.duration_since(renewed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_renewed_each_minute_and_may_end_when_that_was_long_ago() {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).expect("a moment");
        for (renewed, now, due, may_have_ended_by_then) in [
            (None, 0, true, true),
            (Some(0), 0, false, false),
            (Some(0), 59, false, false),
            (Some(0), 60, true, false),
            (Some(0), 479, true, false),
            (Some(0), 480, true, true),
            (Some(0), 9000, true, true),
            // The clock was put back.
            (Some(0), -1, true, true),
        ] {
            let (renewed, now) = (renewed.map(at), at(now));
            assert_eq!(is_due(renewed, now), due, "{renewed:?} {now}");
            assert_eq!(may_have_ended(renewed, now), may_have_ended_by_then, "{renewed:?} {now}");
        }
    }
}
