//! Agents that are cut off from the others, or do not find them.

use std::collections::BTreeMap;

use justmanage_record::{RecordStore, Standing, StoreError};

use crate::world::{World, add_user, until};

#[tokio::test]
async fn a_leader_that_is_cut_off_stops_leading_and_answers_nothing_stale() {
    let world = World::founded(3).await;
    let leader = world.leader().await;
    let before = world.agents[leader].change(|record| add_user(record, "before")).await;
    world.cut_off(leader, true);
    let other = until("another leader", async || {
        world.agents.iter().enumerate().position(|(index, agent)| index != leader && agent.leads())
    })
    .await;
    let after = world.agents[other].change(|record| add_user(record, "after")).await;
    let cut = &world.agents[leader];
    cut.stands("it knows", |standing| matches!(standing, Standing::NoMajority { .. })).await;
    assert_eq!(cut.get(), Some(before.clone()), "its copy is what it was");
    assert!(matches!(cut.group().read().await, Err(StoreError::NoMajority(_))), "and it does not pass it off for new");
    let mut next = before.clone();
    next.generation = before.generation.next();
    let tried = cut.group().compare_and_set((before.epoch, before.generation), next).await;
    assert!(matches!(tried, Err(StoreError::NoMajority(_))), "{tried:?}");
    world.cut_off(leader, false);
    cut.stands("back", Standing::hears_the_majority).await;
    until("it has what it missed", async || cut.get().filter(|record| *record == after)).await;
    world.stop().await;
}

#[tokio::test]
async fn one_that_watches_goes_to_another_when_its_source_is_gone() {
    let mut world = World::founded(7).await;
    let watcher = 6;
    for _ in 0..2 {
        let hears = |standing: &Standing| matches!(standing, Standing::Observer { from: Some(_) });
        let Standing::Observer { from: Some(source) } = world.agents[watcher].stands("it watches", hears).await else {
            unreachable!("it was waited for")
        };
        let gone = world.agents.iter().position(|agent| agent.node == source).expect("an agent");
        world.agents[gone].stop().await;
        let other = (0..5).find(|index| *index != gone && world.running().any(|a| a.node == world.agents[*index].node));
        let next = world.agents[other.expect("another")].change(|record| add_user(record, &format!("{gone}"))).await;
        until("it hears of it", async || world.agents[watcher].get().filter(|record| *record == next)).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_cluster_whose_addresses_all_changed_is_told_where_it_is() {
    let mut world = World::founded(3).await;
    let before = world.agents[0].change(|record| add_user(record, "before")).await;
    world.all_have(before.generation.get()).await;
    let mut places = BTreeMap::new();
    for agent in &mut world.agents {
        agent.stop().await;
        agent.address = World::new_address().await;
        places.insert(agent.node, agent.address);
    }
    for agent in &mut world.agents {
        agent.start().await;
    }
    world.agents[0].stands("lost", |standing| matches!(standing, Standing::NoMajority { .. })).await;
    for agent in &world.agents {
        agent.group().relocate(&places);
    }
    world.agents[0]
        .change(|record| {
            record.members.iter_mut().for_each(|(node, member)| member.agent = places[node]);
        })
        .await;
    // It is in the Record now: nobody needs to be told again.
    for agent in &mut world.agents {
        agent.stop().await;
        agent.start().await;
    }
    world.leader().await;
    world.agents[1].change(|record| add_user(record, "after")).await;
    world.stop().await;
}
