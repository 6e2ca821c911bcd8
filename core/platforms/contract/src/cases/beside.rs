//! Other things are there.

use justmanage_platforms::PlatformError;

use crate::Place;
use crate::cut::moments;
use crate::trial::{Trial, named};

/// A reference that leads to no machine of ours is nothing to remove: a success, or an order that is none; and nothing is touched.
pub async fn remove_of_what_is_not_ours_touches_nothing<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let order = trial.order("cache", 1, 0);
        let made = trial.ensure(&order).await;
        let before = trial.place.contents().await;
        let elsewhere = trial.place.leading_elsewhere(&made);
        assert!(!elsewhere.is_empty(), "there are such references");
        for reference in elsewhere {
            match trial.platform().remove(&reference).await {
                Ok(()) | Err(PlatformError::Invalid { .. } | PlatformError::NotFound { .. }) => {}
                Err(error) => panic!("{reference:?}: {error:?}"),
            }
            assert_eq!(trial.place.contents().await, before, "{reference:?} leads to nothing of ours");
        }
        trial.has(&[&order]).await;
        assert_eq!(trial.ensure(&order).await, made);
    })
    .await;
}

/// Foreign things are neither found nor touched, whatever is done and whoever is killed at it.
pub async fn foreign_things_are_untouched_by_all_of_it<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let before = trial.place.foreign().await;
        let untouched = async |when: &str| assert_eq!(trial.place.foreign().await, before, "{when}");
        trial.has(&[]).await;
        assert!(trial.platform().clusters().await.expect("clusters").is_empty(), "foreign things are no clusters");
        untouched("looked for").await;

        let (order, other) = (trial.order("cache", 1, 0), trial.order("queue", 2, 0));
        for moment in moments::<P>() {
            let made = trial.ensure_until(moment, &order).await;
            untouched("ensure, killed").await;
            if made.is_some() {
                break;
            }
        }
        let made = trial.ensure(&order).await;
        trial.ensure(&other).await;
        untouched("ensure").await;
        trial.has(&[&order, &other]).await;
        trial.place.stop(&made).await;
        trial.ensure(&order).await;
        untouched("ensure of what was stopped").await;
        for moment in moments::<P>() {
            let gone = trial.remove_until(moment, &made).await;
            untouched("remove, killed").await;
            if gone.is_some() {
                break;
            }
        }
        trial.remove(&made).await;
        trial.has(&[&other]).await;
        for machine in trial.find(&named("queue")).await {
            trial.remove(&machine).await;
        }
        trial.has(&[]).await;
        untouched("remove of the last one").await;
    })
    .await;
}
