//! Waiting for a condition with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Enough for anything that one node does, on two busy cores; what takes longer hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is looked at: often enough not to slow a test, rarely enough not to load the machine.
const EVERY: Duration = Duration::from_millis(20);

/// Waits until `condition` holds.
///
/// # Panics
/// With `what` after `deadline`.
#[track_caller]
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, deadline, || condition().then_some(()));
}

/// Waits for `condition` so long at most; whether it came to hold. For ends, which complain of everything at once.
pub(crate) fn holds_within(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if started.elapsed() >= deadline {
            return false;
        }
        thread::sleep(EVERY);
    }
}

/// Waits until `look` finds something, and returns it.
///
/// # Panics
/// With `what` after `deadline`.
#[track_caller]
pub fn wait_for<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < deadline, "not within {deadline:?}: {what}");
        thread::sleep(EVERY);
    }
}
