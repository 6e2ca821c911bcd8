//! Calling again: where a cloud turns calls away, more and more seldom; where an answer was lost, at once and a few times.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::api::ApiError;
use crate::clock::Clock;

/// First pause after a call that was turned away. Clouds fill their buckets by some calls a second.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(20);
/// Calls that are turned away so often, over more than a minute, are not let in soon: then it is said.
const TURNED_AWAY: u32 = 8;
/// What is at something else so often, over some minutes, is not done with it soon: the longest is to make or to take away a machine.
const BUSY: u32 = 16;
/// Answers that are lost so often are lost for a reason that lasts.
const LOST: u32 = 4;

/// Whoever calls, with patience.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    clock: Arc<dyn Clock>,
}

impl Patience {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Makes a call until it has an answer, or there is none to be had soon. Every call here can be made again.
    ///
    /// `who` spreads those over time who were turned away together: each waits somewhat else than the others.
    pub(crate) async fn call<T, F>(&self, who: &str, mut call: impl FnMut() -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let (mut turned_away, mut busy, mut lost) = (0, 0, 0);
        loop {
            let error = match call().await {
                Err(error @ (ApiError::Throttled { .. } | ApiError::Busy(_) | ApiError::Lost(_))) => error,
                answer => return answer,
            };
            let pause = match &error {
                ApiError::Throttled { after } => {
                    turned_away += 1;
                    after.unwrap_or_else(|| pause(turned_away, who))
                }
                ApiError::Busy(_) => {
                    busy += 1;
                    pause(busy, who)
                }
                _ => {
                    lost += 1;
                    pause(lost, who)
                }
            };
            if turned_away >= TURNED_AWAY || busy >= BUSY || lost >= LOST {
                return Err(error);
            }
            debug!(%error, ?pause, "calling again");
            self.clock.sleep(pause).await;
        }
    }
}

/// The pause before another try: twice as long each time, and between half of that and all of it.
fn pause(tries: u32, who: &str) -> Duration {
    let longest = FIRST.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST);
    let spread = who.bytes().fold(tries, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 512;
    longest / 2 + longest * spread / 1024
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    #[derive(Debug, Default)]
    struct Played(Mutex<Vec<Duration>>);

    #[async_trait]
    impl Clock for Played {
        fn now(&self) -> Duration {
            self.0.lock().expect("pauses").iter().sum()
        }

        async fn sleep(&self, time: Duration) {
            self.0.lock().expect("pauses").push(time);
        }
    }

    /// What becomes of a call that fails so often, and the pauses meanwhile.
    async fn tried(times: u32, error: ApiError) -> (Result<u32, ApiError>, Vec<Duration>) {
        let clock = Arc::new(Played::default());
        let calls = Cell::new(0);
        let answer = Patience::new(clock.clone())
            .call("jmn1", async || {
                calls.set(calls.get() + 1);
                if calls.get() <= times { Err(error.clone()) } else { Ok(calls.get()) }
            })
            .await;
        let pauses = clock.0.lock().expect("pauses").clone();
        (answer, pauses)
    }

    #[tokio::test]
    async fn who_is_turned_away_waits_longer_each_time_and_not_for_ever() {
        let throttled = ApiError::Throttled { after: None };
        assert_eq!(tried(0, throttled.clone()).await, (Ok(1), vec![]));
        let (answer, pauses) = tried(7, throttled.clone()).await;
        assert_eq!(answer, Ok(8));
        for (pause, longest) in pauses.iter().zip([500, 1000, 2000, 4000, 8000, 16_000, 20_000]) {
            let longest = Duration::from_millis(longest);
            assert!(*pause >= longest / 2 && *pause <= longest, "{pauses:?}");
        }
        assert_eq!(tried(100, throttled.clone()).await.0, Err(throttled));
        let busy = ApiError::Busy("it is being made".into());
        let (answer, pauses) = tried(15, busy.clone()).await;
        assert_eq!(answer, Ok(16));
        assert!(pauses.iter().sum::<Duration>() > Duration::from_secs(120), "machines are made meanwhile: {pauses:?}");
        assert_eq!(tried(100, busy.clone()).await.0, Err(busy));
        let after = Duration::from_secs(3);
        assert_eq!(tried(1, ApiError::Throttled { after: Some(after) }).await, (Ok(2), vec![after]));
    }

    #[tokio::test]
    async fn a_lost_answer_is_asked_for_again_and_others_are_not() {
        let lost = ApiError::Lost("reset".into());
        assert_eq!(tried(3, lost.clone()).await.0, Ok(4));
        assert_eq!(tried(100, lost.clone()).await.0, Err(lost));
        for error in [ApiError::Quota("no".into()), ApiError::NoCapacity("no".into()), ApiError::Denied("no".into())] {
            assert_eq!(tried(1, error.clone()).await, (Err(error), vec![]), "nobody calls again");
        }
    }

    #[test]
    fn two_who_were_turned_away_together_come_back_apart() {
        let pauses: std::collections::BTreeSet<Duration> = (0..20).map(|n| pause(3, &format!("jmn{n}"))).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}
