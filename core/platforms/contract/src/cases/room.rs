//! There is no room.

use justmanage_platforms::PlatformError;

use crate::trial::Trial;
use crate::{Fault, Place};

/// No room for a machine more.
pub async fn without_capacity_there_is_an_error_for_that_and_nothing_is_forgotten<P: Place>() {
    no_room::<P>(Fault::NoCapacity).await;
}

/// Room, but not for us.
pub async fn beyond_a_quota_there_is_an_error_for_that_and_nothing_is_forgotten<P: Place>() {
    no_room::<P>(Fault::Quota).await;
}

/// The error says that it is room which is wanting, and what to do; nothing is left that is not found; with room again there is the
/// machine. What is there already needs none.
async fn no_room<P: Place>(fault: Fault) {
    Trial::<P>::run(2, async |trial| {
        let order = trial.order("cache", 1, 0);
        for _ in 0..2 {
            let (refused, _) = trial.with(fault, 0, trial.try_ensure(&order)).await;
            let error = refused.expect_err("there is no room");
            assert!(matches!(error, PlatformError::Quota { .. }), "{error:?}");
            assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "what to do: {error:?}");
            trial.forgets_nothing().await;
        }
        let made = trial.ensure(&order).await;
        trial.has(&[&order]).await;
        let (again, _) = trial.with(fault, 0, trial.try_ensure(&order)).await;
        assert_eq!(again.expect("it is there already"), made);
        trial.remove(&made).await;
        trial.has(&[]).await;
    })
    .await;
}
