//! A group that is founded anew, and the old one that comes back.

use justmanage_record::{RecordStore, Standing, StoreError};

use crate::world::{Agent, World, add_user, epoch};

#[tokio::test]
async fn a_group_is_founded_anew_and_never_mixes_with_the_old_one() {
    let mut world = World::founded(3).await;
    let survivor = (world.leader().await + 1) % 3;
    let lost: Vec<usize> = (0..3).filter(|index| *index != survivor).collect();
    let before = world.agents[survivor].change(|record| add_user(record, "before")).await;
    world.all_have(before.generation.get()).await;
    assert!(
        matches!(world.agents[survivor].group().refound(epoch(2)).await, Err(StoreError::Invalid(_))),
        "nothing is lost"
    );
    for index in &lost {
        world.agents[*index].stop().await;
    }
    let agent = &world.agents[survivor];
    agent.stands("alone", |standing| matches!(standing, Standing::NoMajority { .. })).await;
    agent.group().refound(epoch(2)).await.expect("a new group");
    agent.group().refound(epoch(2)).await.expect("again, with the same epoch");
    agent.stands("alone", Standing::leads).await;
    let anew = agent.get().expect("a Record");
    assert_eq!((anew.epoch, anew.generation), (epoch(2), before.generation.next()));
    assert_eq!((&anew.users, &anew.members), (&before.users, &before.members), "all that it had seen");
    let mut stale = before.clone();
    stale.generation = before.generation.next();
    let refused = agent.group().compare_and_set((before.epoch, before.generation), stale).await;
    assert_eq!(refused, Err(StoreError::OtherEpoch));

    // The old majority comes back, and is one: in its own epoch.
    for index in &lost {
        world.agents[*index].start().await;
    }
    let old = world.agents[lost[0]].change(|record| add_user(record, "old")).await;
    assert_eq!(old.epoch, epoch(1));
    let new = world.agents[survivor].change(|record| add_user(record, "new")).await;
    assert_eq!(new.epoch, epoch(2));
    for _ in 0..5 {
        let old = world.agents[lost[1]].change(|record| add_user(record, "older")).await;
        assert!(old.epoch == epoch(1) && !old.users.keys().any(|name| name.as_str() == "new"));
        let new = world.agents[survivor].change(|record| add_user(record, "newer")).await;
        assert!(new.epoch == epoch(2) && !new.users.keys().any(|name| name.as_str() == "old"));
    }
    assert!(world.agents[survivor].leads(), "nobody has taken it over");

    // The new group goes on with new agents in the place of the lost ones.
    let lost: Vec<_> = lost.iter().map(|index| (world.agents[*index].node, world.agents[*index].seat)).collect();
    let mut newcomers = Vec::new();
    for (_, seat) in &lost {
        newcomers.push(Agent::started(seat.shard, seat.ordinal).await);
    }
    let next = world.agents[survivor]
        .change(|record| {
            record.members.retain(|node, _| !lost.iter().any(|(lost, _)| lost == node));
            record.members.extend(newcomers.iter().map(|agent| (agent.node, agent.member())));
        })
        .await;
    for agent in &newcomers {
        agent.group().invite(next.clone()).await.expect("an invitation");
    }
    for agent in &newcomers {
        agent.stands("it votes", |standing| matches!(standing, Standing::Follower { leader: Some(_) })).await;
    }
    world.agents.extend(newcomers);
    world.stop().await;
}

#[tokio::test]
async fn one_that_only_watched_can_found_anew() {
    let mut world = World::founded(2).await;
    let before = world.agents[0].change(|record| add_user(record, "before")).await;
    world.all_have(before.generation.get()).await;
    world.agents[0].stop().await;
    world.agents[1].stands("alone", |standing| matches!(standing, Standing::Observer { from: None })).await;
    world.agents[1].group().refound(epoch(2)).await.expect("a new group");
    world.agents[1].stands("alone", Standing::leads).await;
    let anew = world.agents[1].change(|record| add_user(record, "after")).await;
    assert_eq!((anew.epoch, anew.generation), (epoch(2), before.generation.next().next()));
    assert_eq!(anew.users.len(), 2);
    // It is so after a restart, too.
    world.agents[1].stop().await;
    world.agents[1].start().await;
    world.agents[1].stands("alone", Standing::leads).await;
    assert_eq!(world.agents[1].group().read().await, Ok(Some(anew)));
    world.stop().await;
}

#[tokio::test]
async fn who_never_saw_a_record_founds_nothing_anew() {
    let world = World::of(1).await;
    assert!(matches!(world.agents[0].group().refound(epoch(2)).await, Err(StoreError::Invalid(_))));
    assert_eq!(world.agents[0].standing(), Standing::Uninvited);
    world.stop().await;
}
