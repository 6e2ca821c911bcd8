//! A clock that is never waited for.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_platform_cloud::Clock;

/// Time passes when somebody sleeps, at once.
#[derive(Debug, Default)]
pub struct PlayedClock(Mutex<Duration>);

#[async_trait]
impl Clock for PlayedClock {
    fn now(&self) -> Duration {
        *self.0.lock().expect("nobody panics with the clock")
    }

    async fn sleep(&self, time: Duration) {
        *self.0.lock().expect("nobody panics with the clock") += time;
        // Others have their turn, as they would have.
        tokio::task::yield_now().await;
    }
}
