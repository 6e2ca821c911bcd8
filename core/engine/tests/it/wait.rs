//! Waiting for conditions.

use std::time::{Duration, Instant};

use crate::node::DEADLINE;

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !so().await {
        assert!(started.elapsed() < DEADLINE, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
