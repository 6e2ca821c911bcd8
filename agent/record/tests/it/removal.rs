//! Agents that were removed learn it, and those whose copy is gone do not pretend.

use std::fs;

use justmanage_record::{RecordStore, Standing, StoreError};

use crate::world::{World, add_user, until};

#[tokio::test]
async fn a_voter_that_was_removed_while_it_was_away_learns_it() {
    let mut world = World::founded(4).await;
    let away = (world.leader().await + 1) % 3;
    let node = world.agents[away].node;
    world.agents[away].stop().await;
    let other = world.leader().await;
    let next = world.agents[other].change(|record| record.members.retain(|other, _| *other != node)).await;
    // Another votes in its place.
    world.agents[3].stands("it votes", |standing| matches!(standing, Standing::Follower { leader: Some(_) })).await;
    world.agents[other].change(|record| add_user(record, "later")).await;
    world.agents[away].start().await;
    world.agents[away].stands("removed", |standing| *standing == Standing::Removed).await;
    let copy = world.agents[away].get().expect("a copy");
    assert!(copy.generation < next.generation, "it has not heard of anything since");
    // It changes nothing, reads nothing, and disturbs nobody.
    assert!(matches!(world.agents[away].group().read().await, Err(StoreError::NoMajority(_))));
    let tried = world.agents[away].group().compare_and_set((copy.epoch, copy.generation), {
        let mut next = copy.clone();
        next.generation = copy.generation.next();
        next
    });
    assert!(matches!(tried.await, Err(StoreError::NoMajority(_))));
    assert!(world.agents[other].leads(), "who led leads");
    world.stop().await;
}

#[tokio::test]
async fn one_that_only_watched_learns_it_too() {
    let mut world = World::founded(4).await;
    let node = world.agents[3].node;
    world.agents[3].stop().await;
    world.agents[0].change(|record| record.members.retain(|other, _| *other != node)).await;
    world.agents[3].start().await;
    world.agents[3].stands("removed", |standing| *standing == Standing::Removed).await;
    world.stop().await;
}

#[tokio::test]
async fn whoever_was_removed_may_come_back() {
    let world = World::founded(4).await;
    let (node, member) = (world.agents[1].node, world.agents[1].member());
    world.agents[0].change(|record| record.members.retain(|other, _| *other != node)).await;
    world.agents[1].stands("removed", |standing| *standing == Standing::Removed).await;
    let next = world.agents[0].change(|record| record.members.extend([(node, member.clone())])).await;
    world.agents[1].stands("it votes again", Standing::hears_the_majority).await;
    until("it has the Record", async || world.agents[1].get().filter(|record| *record == next)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_voter_whose_copy_is_gone_does_not_vote_under_its_name_again() {
    let mut world = World::founded(3).await;
    let wiped = (world.leader().await + 1) % 3;
    world.agents[wiped].stop().await;
    fs::remove_dir_all(world.agents[wiped].directory()).expect("it was there");
    world.agents[wiped].start().await;
    let broken = |standing: &Standing| matches!(standing, Standing::Broken { why } if why.contains("is lost"));
    world.agents[wiped].stands("its copy is lost", broken).await;
    assert_eq!(world.agents[wiped].get(), None);
    let leader = world.leader().await;
    let next = world.agents[leader].change(|record| add_user(record, "orders")).await;
    // Not by an invitation, and not by a restart.
    assert!(matches!(world.agents[wiped].group().invite(next.clone()).await, Err(StoreError::NoMajority(_))));
    world.agents[wiped].stop().await;
    world.agents[wiped].start().await;
    world.agents[wiped].stands("its copy is lost", broken).await;
    assert_eq!(world.agents[wiped].get(), None);
    // Nor with somebody else's.
    world.agents[wiped].stop().await;
    let other = (0..3).find(|other| *other != wiped && *other != leader).expect("another");
    world.agents[other].stop().await;
    fs::copy(world.agents[other].directory().join("record.redb"), world.agents[wiped].directory().join("record.redb"))
        .expect("a copy");
    world.agents[wiped].start().await;
    world.agents[wiped].stands("its copy is lost", broken).await;
    world.stop().await;
}

#[tokio::test]
async fn a_damaged_copy_is_said_to_be_one() {
    let mut world = World::founded(1).await;
    world.agents[0].stop().await;
    let file = world.agents[0].directory().join("record.redb");
    let mut content = fs::read(&file).expect("a file");
    content[..64].fill(0x55);
    fs::write(&file, content).expect("written");
    world.agents[0].start().await;
    let damaged = |standing: &Standing| matches!(standing, Standing::Broken { why } if why.contains("is damaged"));
    world.agents[0].stands("damaged", damaged).await;
    world.stop().await;
}
