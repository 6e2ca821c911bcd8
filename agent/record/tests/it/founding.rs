//! How a group begins: invitations, and founding with one, three and five voters and others that watch.

use std::time::Instant;

use justmanage_model::Generation;
use justmanage_record::{RecordStore, Standing, StoreError};

use crate::world::{Agent, World, add_user, epoch, record, until};

#[tokio::test]
async fn one_agent_is_its_own_majority() {
    let world = World::founded(1).await;
    let agent = &world.agents[0];
    agent.stands("alone", Standing::leads).await;
    let next = agent.change(|record| add_user(record, "orders")).await;
    assert_eq!(agent.get().as_ref(), Some(&next), "it is there when the change returns");
    assert_eq!(agent.group().read().await, Ok(Some(next)));
    world.stop().await;
}

#[tokio::test]
async fn one_agent_leads_again_after_a_restart() {
    let mut world = World::founded(1).await;
    let agent = &mut world.agents[0];
    let next = agent.change(|record| add_user(record, "orders")).await;
    agent.stop().await;
    let begun = Instant::now();
    agent.start().await;
    assert!(agent.get().is_some(), "its copy is there at once");
    agent.stands("restarted", Standing::leads).await;
    eprintln!("leads again after {:?}", begun.elapsed());
    assert_eq!(agent.group().read().await, Ok(Some(next)));
    world.stop().await;
}

#[tokio::test]
async fn three_and_five_vote_and_others_watch() {
    for count in [3, 5, 7] {
        let world = World::founded(count).await;
        for (index, agent) in world.agents.iter().enumerate() {
            match agent.stands("all hear", Standing::hears_the_majority).await {
                Standing::Observer { .. } => assert!(index >= 5, "{index} of {count} only watches"),
                other => assert!(index < 5, "{index} of {count} votes: {other:?}"),
            }
        }
        // From anywhere: from the leader, from a follower, from one that watches.
        for (index, agent) in world.agents.iter().enumerate() {
            agent.change(|record| add_user(record, &format!("user-{index}"))).await;
            let read = world.agents[0].group().read().await.expect("a majority").expect("a Record");
            assert_eq!(read.users.len(), index + 1, "what was taken is read by everybody, at once");
        }
        world.all_have(1 + u64::from(count)).await;
        world.stop().await;
    }
}

#[tokio::test]
async fn an_agent_that_only_watches_can_be_told_to_found() {
    let world = World::of(2).await;
    let first = record(&world.agents.iter().collect::<Vec<_>>());
    for agent in &world.agents {
        agent.group().invite(first.clone()).await.expect("an invitation");
    }
    world.agents[1].group().found().await.expect("a group");
    world.all_have(1).await;
    world.agents[0].stands("it votes", Standing::leads).await;
    world.agents[1].stands("it watches", |standing| matches!(standing, Standing::Observer { from: Some(_) })).await;
    world.stop().await;
}

#[tokio::test]
async fn everybody_may_found_at_once_and_again() {
    let world = World::of(3).await;
    let first = record(&world.agents.iter().collect::<Vec<_>>());
    for agent in &world.agents {
        agent.group().invite(first.clone()).await.expect("an invitation");
        agent.stands("invited", |standing| *standing == Standing::Invited).await;
        assert_eq!(agent.get(), None, "an invitation is no Record");
    }
    let [a, b, c] = &world.agents[..] else { unreachable!("three") };
    let founded = tokio::join!(a.group().found(), b.group().found(), c.group().found());
    assert_eq!(founded, (Ok(()), Ok(()), Ok(())));
    world.all_have(1).await;
    assert_eq!(b.group().found().await, Ok(()));
    assert_eq!(b.group().read().await.expect("a majority").map(|record| record.generation), Some(Generation::FIRST));
    world.stop().await;
}

#[tokio::test]
async fn founding_waits_for_those_who_are_to_vote_and_says_who_is_missing() {
    let mut world = World::of(3).await;
    let first = record(&world.agents.iter().collect::<Vec<_>>());
    for agent in &world.agents {
        agent.group().invite(first.clone()).await.expect("an invitation");
    }
    world.agents[2].stop().await;
    let missing = world.agents[2].node.to_string();
    match world.agents[0].group().found().await {
        Err(StoreError::NoMajority(why)) => assert!(why.contains(&missing), "{why}"),
        other => panic!("{other:?}"),
    }
    world.agents[2].start().await;
    world.agents[2].stands("it kept its invitation", |standing| *standing == Standing::Invited).await;
    world.agents[0].group().found().await.expect("a group");
    world.all_have(1).await;
    world.stop().await;
}

#[tokio::test]
async fn an_invitation_can_be_replaced_until_the_agent_takes_part() {
    let world = World::of(1).await;
    let agent = &world.agents[0];
    assert_eq!(agent.standing(), Standing::Uninvited);
    assert!(matches!(agent.group().found().await, Err(StoreError::Invalid(_))), "nobody invited it");
    let first = record(&[agent]);
    agent.group().invite(first.clone()).await.expect("an invitation");
    agent.group().invite(first.clone()).await.expect("the same one again");
    let mut second = first.clone();
    second.epoch = epoch(2);
    agent.group().invite(second.clone()).await.expect("another one");
    assert_eq!(agent.group().invitation(), Some(second.clone()));
    agent.group().found().await.expect("a group");
    assert_eq!(agent.get().map(|record| record.epoch), Some(epoch(2)));
    agent.group().invite(second.clone()).await.expect("the same one again, also later");
    let refused = agent.group().invite(first).await;
    assert_eq!(refused, Err(StoreError::Conflict(agent.get().map(Box::new))));
    world.stop().await;
}

#[tokio::test]
async fn an_invitation_must_be_for_this_agent() {
    let (world, stranger) = (World::of(1).await, Agent::new(7, 0).await);
    let agent = &world.agents[0];
    let invite = async |change: &dyn Fn(&mut justmanage_model::Record)| {
        let mut first = record(&[agent, &stranger]);
        change(&mut first);
        agent.group().invite(first).await
    };
    assert!(matches!(invite(&|r| r.members.retain(|node, _| *node != agent.node)).await, Err(StoreError::Invalid(_))));
    let other_key = |r: &mut justmanage_model::Record| {
        r.members.remove(&stranger.node);
        r.members.get_mut(&agent.node).expect("it").pin = stranger.pin();
    };
    assert!(matches!(invite(&other_key).await, Err(StoreError::Invalid(_))));
    assert!(matches!(invite(&|r| r.operators.clear()).await, Err(StoreError::Invalid(_))), "it is checked");
    assert_eq!(agent.standing(), Standing::Uninvited);
    world.stop().await;
}

#[tokio::test]
async fn agents_with_other_invitations_are_not_taken_in() {
    let world = World::of(3).await;
    let first = record(&world.agents.iter().collect::<Vec<_>>());
    let mut other = first.clone();
    other.epoch = epoch(2);
    for (agent, invitation) in world.agents.iter().zip([&first, &first, &other]) {
        agent.group().invite(invitation.clone()).await.expect("an invitation");
    }
    assert_eq!(world.agents[0].group().found().await, Err(StoreError::OtherEpoch));
    world.agents[2].group().invite(first.clone()).await.expect("the right one");
    world.agents[0].group().found().await.expect("a group");
    world.all_have(1).await;
    world.stop().await;
}

#[tokio::test]
async fn one_who_joins_later_is_invited_with_the_record_of_the_day() {
    let mut world = World::founded(1).await;
    let newcomer = Agent::started(0, 1).await;
    let member = newcomer.member();
    let next = world.agents[0].change(|record| record.members.extend([(newcomer.node, member.clone())])).await;
    newcomer.group().invite(next.clone()).await.expect("an invitation");
    until("it has a copy", async || newcomer.get().filter(|record| *record == next)).await;
    newcomer.stands("it watches", |standing| matches!(standing, Standing::Observer { from: Some(_) })).await;
    assert!(matches!(newcomer.group().found().await, Ok(())), "there is a group: nothing to do");
    world.agents.push(newcomer);
    // Its copy outlives both.
    world.agents[0].stop().await;
    world.agents[1].stop().await;
    world.agents[1].start().await;
    assert_eq!(world.agents[1].get(), Some(next), "its last copy is there at once, without anybody else");
    world.agents[1].stands("nobody answers", |standing| matches!(standing, Standing::Observer { from: None })).await;
    world.stop().await;
}
