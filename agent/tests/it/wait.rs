//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// For whatever takes milliseconds; a loaded machine makes seconds of them.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// Asks until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "{what}: not within {} s", DEADLINE.as_secs());
        std::thread::sleep(Duration::from_millis(2));
    }
}
