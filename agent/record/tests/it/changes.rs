//! Which changes are taken, from whichever agent they come.

use justmanage_model::{Generation, Phase, Record};
use justmanage_record::{RecordStore, StoreError};

use crate::world::{World, add_user, epoch};

#[tokio::test]
async fn a_change_that_is_not_right_is_refused_with_what_is_wrong() {
    let world = World::founded(4).await;
    let formed = world.agents[0]
        .change(|record| {
            record.phase = Phase::Formed;
            record.ca_certificate = Some("PEM".to_owned());
        })
        .await;
    world.all_have(formed.generation.get()).await;
    let at = (formed.epoch, formed.generation);
    let next = |edit: &dyn Fn(&mut Record)| {
        let mut next = Record { generation: formed.generation.next(), ..formed.clone() };
        edit(&mut next);
        next
    };
    // The leader, two that follow, and one that only watches.
    for agent in &world.agents {
        let refused =
            async |edit: &dyn Fn(&mut Record), why: &str| match agent.group().compare_and_set(at, next(edit)).await {
                Err(StoreError::Invalid(text)) => assert!(text.contains(why), "{text}"),
                other => panic!("{why}: {other:?}"),
            };
        refused(&|record| record.operators.clear(), "no operator").await;
        refused(&|record| record.layout += 1, "update it first").await;
        // What only the one before shows.
        refused(&|record| record.phase = Phase::Forming, "phase goes back").await;
        refused(&|record| record.generation = Generation::new(9), "not the next one").await;
        let other = agent.group().compare_and_set((epoch(2), formed.generation), next(&|_| {})).await;
        assert_eq!(other, Err(StoreError::OtherEpoch));
        let early = agent.group().compare_and_set((formed.epoch, Generation::FIRST), {
            let mut early = next(&|record| add_user(record, "early"));
            early.generation = Generation::new(2);
            early
        });
        assert_eq!(early.await, Err(StoreError::Conflict(Some(Box::new(formed.clone())))), "theirs comes with it");
    }
    assert_eq!(world.agents[3].group().read().await, Ok(Some(formed)), "nothing of it was taken");
    world.stop().await;
}

#[tokio::test]
async fn of_two_changes_of_one_generation_one_is_taken() {
    let world = World::founded(4).await;
    let first = world.agents[0].get().expect("a Record");
    for round in 0..5_u64 {
        let current = world.agents[0].group().read().await.expect("a majority").expect("a Record");
        assert_eq!(current.generation.get(), first.generation.get() + round);
        let attempt = async |index: usize| {
            let mut next = Record { generation: current.generation.next(), ..current.clone() };
            add_user(&mut next, &format!("user-{round}-{index}"));
            world.agents[index].group().compare_and_set((current.epoch, current.generation), next).await
        };
        let (a, b, c, d) = tokio::join!(attempt(0), attempt(1), attempt(2), attempt(3));
        let taken = [&a, &b, &c, &d].iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(taken, 1, "{a:?} {b:?} {c:?} {d:?}");
    }
    world.stop().await;
}
