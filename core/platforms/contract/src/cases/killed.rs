//! Whoever is at it is killed, and somebody else comes after them.

use crate::cut::moments;
use crate::trial::Trial;
use crate::{Fault, Place};

/// Whoever ensures dies at one wait after the other. What they leave is found, or nothing: the next who ensures has one machine, and
/// the next who destroys leaves nothing.
pub async fn ensure_by_somebody_who_dies_waiting_is_ended_by_the_next<P: Place>() {
    Trial::<P>::alone(1, async |trial, nothing| {
        let order = trial.order("cache", 1, 0);
        let mut deaths = 0;
        for moment in moments::<P>() {
            let is_done = trial.ensure_until(moment, &order).await.is_some();
            trial.forgets_nothing().await;
            trial.destroy(&order.claim).await;
            assert_eq!(trial.place.contents().await, *nothing, "{moment:?}, then a destroy");

            trial.ensure_until(moment, &order).await;
            let made = trial.ensure(&order).await;
            trial.has(&[&order]).await;
            trial.remove(&made).await;
            assert_eq!(trial.place.contents().await, *nothing, "{moment:?}, then an ensure");
            if is_done {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 0, "somebody was killed");
    })
    .await;
}

/// Whoever removes dies at one wait after the other. The machine is there and found, or gone; the next who removes it leaves nothing.
pub async fn remove_by_somebody_who_dies_waiting_is_ended_by_the_next<P: Place>() {
    Trial::<P>::alone(1, async |trial, nothing| {
        let order = trial.order("cache", 1, 0);
        let mut deaths = 0;
        for moment in moments::<P>() {
            let made = trial.ensure(&order).await;
            let is_done = trial.remove_until(moment, &made).await.is_some();
            trial.forgets_nothing().await;
            trial.remove(&made).await;
            trial.has(&[]).await;
            assert_eq!(trial.place.contents().await, *nothing, "{moment:?}, then again");

            let made = trial.ensure(&order).await;
            trial.remove_until(moment, &made).await;
            trial.destroy(&order.claim).await;
            assert_eq!(trial.place.contents().await, *nothing, "{moment:?}, then a destroy");
            if is_done {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 0, "somebody was killed");
    })
    .await;
}

/// What makes a machine is killed before one of its steps after the other.
pub async fn ensure_killed_between_two_steps_is_ended_by_the_next<P: Place>() {
    Trial::<P>::alone(1, async |trial, nothing| {
        let order = trial.order("cache", 1, 0);
        let made = trial.ensure(&order).await;
        let whole = trial.place.contents().await;
        trial.remove(&made).await;
        for step in 1.. {
            let (made, struck) = trial.with(Fault::Killed, step, trial.try_ensure(&order)).await;
            if struck == 0 {
                made.expect("nobody was killed");
                assert!(step > 1, "nobody was ever killed");
                break;
            }
            trial.forgets_nothing().await;
            let made = trial.ensure(&order).await;
            trial.has(&[&order]).await;
            assert_eq!(trial.place.contents().await, whole, "killed before step {step}, as if nobody had been");
            trial.remove(&made).await;
            assert_eq!(trial.place.contents().await, *nothing, "killed before step {step}");
        }
    })
    .await;
}

/// What removes a machine is killed before one of its steps after the other.
pub async fn remove_killed_between_two_steps_is_ended_by_the_next<P: Place>() {
    Trial::<P>::alone(1, async |trial, nothing| {
        let order = trial.order("cache", 1, 0);
        for step in 1.. {
            let made = trial.ensure(&order).await;
            let (gone, struck) = trial.with(Fault::Killed, step, trial.try_remove(&made)).await;
            if struck == 0 {
                gone.expect("nobody was killed");
                assert!(step > 1, "nobody was ever killed");
                break;
            }
            trial.forgets_nothing().await;
            trial.remove(&made).await;
            assert_eq!(trial.place.contents().await, *nothing, "killed before step {step}");
        }
    })
    .await;
}
