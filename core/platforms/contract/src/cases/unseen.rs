//! Lists come late: what was made is not in them yet.

use justmanage_platforms::PlatformError;

use crate::cut::moments;
use crate::trial::{Trial, named};
use crate::{Fault, Place};

/// So many looks have to pass before what was made is in one.
const LOOKS: usize = 3;
/// So many who make it are killed, one after the other: some of them right after they have made it.
const DEATHS: usize = 16;

/// Who looks right after a machine was made finds it, or is told that this cannot be said yet; who ensures it again gets the same.
pub async fn what_is_not_visible_yet_is_never_said_to_be_absent<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let order = trial.order("cache", 1, 0);
        let work = async {
            match trial.try_ensure(&order).await {
                Ok(made) => match trial.platform().find(&named("cache")).await {
                    Ok(found) => assert_eq!(found, [made], "what was made is found"),
                    Err(error) => assert!(is_not_authoritative(&error), "{error:?}"),
                },
                Err(error) => assert!(is_not_authoritative(&error), "{error:?}"),
            }
        };
        let ((), struck) = trial.with(Fault::NotVisible, LOOKS, work).await;
        assert!(struck > 0, "a list came late");
        let first = trial.ensure(&order).await;
        trial.has(&[&order]).await;
        trial.remove(&first).await;

        // Whoever did not wait for it is followed by somebody who does not see it either.
        let work = async {
            for moment in moments::<P>().take(DEATHS) {
                trial.ensure_until(moment, &order).await;
            }
        };
        trial.with(Fault::NotVisible, LOOKS, work).await;
        trial.ensure(&order).await;
        trial.has(&[&order]).await;
    })
    .await;
}

/// Who removes a machine right after it was made has removed it, seen or not.
pub async fn what_is_not_visible_yet_can_be_removed<P: Place>() {
    Trial::<P>::run(1, async |trial| {
        let order = trial.order("cache", 1, 0);
        let work = async {
            match trial.try_ensure(&order).await {
                // By its reference, for which nobody needs a list.
                Ok(made) => {
                    trial.remove(&made).await;
                    assert_eq!(trial.place.machines().await, [], "what was removed is gone");
                }
                Err(error) => assert!(is_not_authoritative(&error), "{error:?}"),
            }
        };
        let ((), struck) = trial.with(Fault::NotVisible, LOOKS, work).await;
        assert!(struck > 0, "a list came late");
        trial.forgets_nothing().await;
        trial.destroy(&order.claim).await;
        trial.has(&[]).await;
    })
    .await;
}

/// Whether an error says that what is not in an answer may be there.
fn is_not_authoritative(error: &PlatformError) -> bool {
    matches!(error, PlatformError::Unreachable { .. } | PlatformError::Denied { .. })
}
