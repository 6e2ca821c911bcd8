//! When a server that ended may be started again.

use std::time::Duration;

/// Rest after the first end: what was only a stumble is over before anybody notices.
const FIRST: Duration = Duration::from_millis(200);
/// Longest rest: a server that cannot run costs next to nothing, and comes back within half a minute once the cause is gone.
pub const LONGEST: Duration = Duration::from_secs(30);
/// A server that lived so long has worked: its end is a new story. Twice the longest rest, so that one that dies again and
/// again after loading its data is not taken for healthy.
pub(super) const HEALTHY: Duration = Duration::from_secs(60);

/// What an end means: the number of failures in a row, this one included, and how long to rest. `before` is that number
/// until now, and `lived` the time since the server's start.
pub fn after_end(before: u32, lived: Duration) -> (u32, Duration) {
    let failures = if lived >= HEALTHY { 1 } else { before.saturating_add(1) };
    // 2^8 times the first rest is more than the longest.
    let rest = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(8));
    (failures, rest.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest() {
        let rests = [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
        for (before, rest) in (0..).zip(rests) {
            assert_eq!(after_end(before, Duration::from_secs(1)), (before + 1, Duration::from_millis(rest)));
        }
        assert_eq!(after_end(u32::MAX, Duration::ZERO), (u32::MAX, LONGEST));
    }

    #[test]
    fn a_minute_of_life_forgives() {
        for (lived, failures) in [(0, 8), (59_999, 8), (60_000, 1), (86_400_000, 1)] {
            assert_eq!(after_end(7, Duration::from_millis(lived)).0, failures, "{lived} ms");
        }
    }
}
