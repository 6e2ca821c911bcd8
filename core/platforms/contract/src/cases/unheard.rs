//! Answers are lost, calls are turned away: nobody knows what was done, or nothing was.

use justmanage_platforms::{Machine, PlatformError, Visible};

use crate::trial::{Trial, named};
use crate::{Fault, Place};

/// The answer to one call after the other is lost while a machine is made: it is one machine, found, and the next who ensures gets it.
pub async fn a_lost_answer_makes_no_second_machine<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let order = trial.order("cache", 1, 0);
        for call in 1.. {
            let (made, struck) = trial.with(Fault::AnswerLost, call, trial.try_ensure(&order)).await;
            if struck == 0 {
                made.expect("no answer was lost");
                assert!(call > 1, "no answer was ever lost");
                break;
            }
            if let Err(error) = made {
                assert!(may_help_again(&error), "nobody knows what was done: {error:?}");
            }
            trial.forgets_nothing().await;
            let made = trial.ensure(&order).await;
            trial.has(&[&order]).await;
            trial.remove(&made).await;
        }
    })
    .await;
}

/// The same while a machine is removed: the next who removes it leaves nothing.
pub async fn a_lost_answer_keeps_no_machine<P: Place>() {
    Trial::<P>::run(1, async |trial| {
        let order = trial.order("cache", 1, 0);
        for call in 1.. {
            let made = trial.ensure(&order).await;
            let (gone, struck) = trial.with(Fault::AnswerLost, call, trial.try_remove(&made)).await;
            if struck == 0 {
                gone.expect("no answer was lost");
                assert!(call > 1, "no answer was ever lost");
                break;
            }
            if let Err(error) = gone {
                assert!(may_help_again(&error), "nobody knows what was done: {error:?}");
            }
            trial.forgets_nothing().await;
            trial.remove(&made).await;
            trial.has(&[]).await;
        }
    })
    .await;
}

/// The same while machines are looked for: what could not be seen is never said to be absent.
pub async fn a_lost_answer_hides_no_machine<P: Place>() {
    Trial::<P>::run(1, async |trial| {
        let order = trial.order("cache", 1, 0);
        let made = trial.ensure(&order).await;
        for call in 1.. {
            let (found, struck) = trial.with(Fault::AnswerLost, call, sees(trial, &made)).await;
            if struck == 0 {
                assert!(found, "no answer was lost");
                assert!(call > 1, "no answer was ever lost");
                break;
            }
        }
        // Each of them asks on its own, in a process that knows of no silence before: here the first answer of each is lost.
        let platform = trial.platform();
        let (names, struck) = trial.with(Fault::AnswerLost, 1, platform.clusters()).await;
        match names {
            Ok(names) => assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["cache"]),
            Err(error) => assert!(struck > 0 && may_help_again(&error), "{error:?}"),
        }
        let platform = trial.platform();
        let (seen, struck) = trial.with(Fault::AnswerLost, 1, platform.find_seen(&named("cache"))).await;
        match seen {
            Ok(Visible { machines, silent, .. }) => assert!(machines == [made] || !silent.is_empty(), "{machines:?}"),
            Err(error) => assert!(struck > 0 && may_help_again(&error), "{error:?}"),
        }
        trial.has(&[&order]).await;
    })
    .await;
}

/// Who is turned away because there are too many comes through with patience, has one machine, and is never told that it is not there.
pub async fn whoever_is_throttled_gets_one_machine_and_sees_it<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let order = trial.order("cache", 1, 0);
        for times in [1, 3] {
            let tries = async || {
                for _ in 0..=times {
                    match trial.try_ensure(&order).await {
                        Ok(made) => return made,
                        Err(error) => assert!(matches!(error, PlatformError::Unreachable { .. }), "{error:?}"),
                    }
                }
                panic!("after {times} calls that were turned away the next one is not");
            };
            let (made, struck) = trial.with(Fault::Throttled, times, tries()).await;
            assert!(struck > 0, "somebody was turned away");
            trial.has(&[&order]).await;

            let (_, struck) = trial.with(Fault::Throttled, times, sees(trial, &made)).await;
            assert!(struck > 0, "somebody was turned away");
            let tries = async || {
                for _ in 0..=times {
                    match trial.try_remove(&made).await {
                        Ok(()) => return,
                        Err(error) => assert!(matches!(error, PlatformError::Unreachable { .. }), "{error:?}"),
                    }
                }
                panic!("after {times} calls that were turned away the next one is not");
            };
            let ((), struck) = trial.with(Fault::Throttled, times, tries()).await;
            assert!(struck > 0, "somebody was turned away");
            trial.has(&[]).await;
        }
    })
    .await;
}

/// Whether a machine is found; where it is not, then because that cannot be said.
async fn sees<P: Place>(trial: &Trial<P>, made: &Machine) -> bool {
    match trial.platform().find(&named("cache")).await {
        Ok(found) => {
            assert_eq!(found, std::slice::from_ref(made), "what could not be seen is not absent");
            true
        }
        Err(error) => {
            assert!(may_help_again(&error), "{error:?}");
            false
        }
    }
}

/// Whether an error says that asking again may help: an answer that was lost is nobody's fault.
fn may_help_again(error: &PlatformError) -> bool {
    matches!(error, PlatformError::Unreachable { .. } | PlatformError::Failed { .. } | PlatformError::Conflict { .. })
}
