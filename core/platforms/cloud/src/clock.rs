//! Time as this crate sees it: it waits for much, and tests do not wait with it.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use async_trait::async_trait;

/// A clock that can be waited by.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// How long it has been running.
    fn now(&self) -> Duration;

    /// Returns after so long.
    async fn sleep(&self, time: Duration);
}

/// The system's.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
