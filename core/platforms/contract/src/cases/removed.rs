//! Machines are removed.

use crate::Place;
use crate::trial::Trial;

/// What is removed is gone with everything of it, and removing it again is a success; what else is there stays.
pub async fn remove_twice_is_a_success_and_what_is_removed_is_not_found<P: Place>() {
    Trial::<P>::alone(2, async |trial, nothing| {
        let (order, other) = (trial.order("cache", 1, 0), trial.order("cache", 1, 1));
        let made = trial.ensure(&order).await;
        let second = trial.ensure(&other).await;
        trial.remove(&made).await;
        trial.has(&[&other]).await;
        trial.remove(&made).await;
        trial.has(&[&other]).await;
        assert_eq!(trial.ensure(&other).await, second, "the other one is as it was");
        let platform = trial.platform();
        for _ in 0..2 {
            platform.remove(&second.reference).await.expect("the same process");
        }
        trial.has(&[]).await;
        assert_eq!(trial.place.contents().await, *nothing, "nothing is left");
    })
    .await;
}

/// Two who remove the same machine at the same time both succeed.
pub async fn remove_by_two_at_once_is_a_success<P: Place>() {
    Trial::<P>::alone(1, async |trial, nothing| {
        let made = trial.ensure(&trial.order("cache", 1, 0)).await;
        let remove = || {
            let (platform, reference) = (trial.platform(), made.reference.clone());
            tokio::spawn(async move { platform.remove(&reference).await })
        };
        let (one, other) = (remove(), remove());
        one.await.expect("no panic").expect("remove");
        other.await.expect("no panic").expect("remove");
        trial.has(&[]).await;
        assert_eq!(trial.place.contents().await, *nothing, "nothing is left");
    })
    .await;
}
