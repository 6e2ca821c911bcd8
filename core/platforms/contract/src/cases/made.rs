//! Machines are made.

use justmanage_platforms::MachineState;

use crate::Place;
use crate::trial::{Trial, named};

/// The same claim gives the same machine, whoever asks and however often.
pub async fn ensure_twice_gives_the_same_machine<P: Place>() {
    Trial::<P>::run(3, async |trial| {
        let (order, other) = (trial.order("cache", 1, 0), trial.order("cache", 1, 1));
        let first = trial.ensure(&order).await;
        assert!(matches!(first.state, MachineState::Running(_)), "its agent runs: {first:?}");
        assert_eq!(trial.ensure(&order).await, first, "another process");
        let platform = trial.platform();
        for _ in 0..2 {
            assert_eq!(platform.ensure(&order).await.expect("ensure"), first, "the same process");
        }
        let second = trial.ensure(&other).await;
        assert_ne!(second.reference, first.reference, "another claim is another machine");
        trial.has(&[&order, &other]).await;
    })
    .await;
}

/// Two who ask for the same machine at the same time both get it, and there is one.
pub async fn ensure_by_two_at_once_gives_one_machine<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let order = trial.order("cache", 1, 0);
        let ask = || {
            let (platform, order) = (trial.platform(), order.clone());
            tokio::spawn(async move { platform.ensure(&order).await })
        };
        let (one, other) = (ask(), ask());
        let one = one.await.expect("no panic").expect("ensure");
        let other = other.await.expect("no panic").expect("ensure");
        assert_eq!(one, other);
        trial.has(&[&order]).await;
    })
    .await;
}

/// Whoever makes, removes and makes again in one process is not misled by what they have seen before.
pub async fn one_process_sees_what_it_did<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let platform = trial.platform();
        let (order, other) = (trial.order("cache", 1, 0), trial.order("cache", 1, 1));
        let there = async || platform.find(&named("cache")).await.expect("find");
        for _ in 0..2 {
            assert_eq!(there().await, []);
            let made = platform.ensure(&order).await.expect("ensure");
            assert_eq!(there().await, std::slice::from_ref(&made));
            trial.has(&[&order]).await;
            platform.ensure(&other).await.expect("ensure");
            assert_eq!(there().await.len(), 2);
            for machine in there().await {
                platform.remove(&machine.reference).await.expect("remove");
            }
            trial.has(&[]).await;
        }
    })
    .await;
}
