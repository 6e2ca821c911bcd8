//! Votes move to where the Record wants them.

use justmanage_model::Record;
use justmanage_record::{Standing, voters};

use crate::world::{Agent, World, add_user, until};

/// Waits until exactly those vote whom the Record wants, and says that all others do not.
async fn settled(world: &World, record: &Record) {
    let wanted = voters(record);
    for agent in world.running().filter(|agent| record.members.contains_key(&agent.node)) {
        let votes = wanted.contains(&agent.node);
        agent
            .stands(&format!("{}: votes: {votes}", agent.node), |standing| match standing {
                Standing::Leader { .. } | Standing::Follower { leader: Some(_) } => votes,
                Standing::Observer { from: Some(_) } => !votes,
                _ => false,
            })
            .await;
    }
}

/// Puts newcomers among the members, and invites them.
async fn join(world: &mut World, newcomers: Vec<Agent>) -> Record {
    let members: Vec<_> = newcomers.iter().map(|agent| (agent.node, agent.member())).collect();
    let leader = world.leader().await;
    let next = world.agents[leader].change(|record| record.members.extend(members.iter().cloned())).await;
    for agent in &newcomers {
        agent.group().invite(next.clone()).await.expect("an invitation");
    }
    world.agents.extend(newcomers);
    next
}

#[tokio::test]
async fn one_voter_becomes_three_then_five_and_goes_back() {
    let mut world = World::founded(1).await;
    for (shards, expected) in [(1..3, 3), (3..5, 5), (5..7, 5)] {
        let mut newcomers = Vec::new();
        for shard in shards {
            newcomers.push(Agent::started(shard, 0).await);
        }
        let next = join(&mut world, newcomers).await;
        assert_eq!(voters(&next).len(), expected);
        settled(&world, &next).await;
    }
    // It works without the first one: the others do not only watch it.
    world.agents[0].stop().await;
    let last = world.agents[6].change(|record| add_user(record, "later")).await;
    world.all_have(last.generation.get()).await;
    world.agents[0].start().await;
    // Back to one, in a single change.
    let gone: Vec<_> = world.agents[1..].iter().map(|agent| agent.node).collect();
    let alone = world.agents[3].change(|record| record.members.retain(|node, _| !gone.contains(node))).await;
    settled(&world, &alone).await;
    for agent in &mut world.agents[1..] {
        agent.stands("gone", |standing| *standing == Standing::Removed).await;
        agent.stop().await;
    }
    world.agents[0].stands("alone", Standing::leads).await;
    world.agents[0].change(|record| add_user(record, "latest")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_dead_voter_is_replaced() {
    let mut world = World::founded(5).await;
    let leader = world.leader().await;
    let dead = (0..5).find(|index| *index != leader).expect("another");
    world.agents[dead].stop().await;
    let (dead_node, seat) = (world.agents[dead].node, world.agents[dead].seat);
    let newcomer = Agent::started(seat.shard, seat.ordinal).await;
    let member = newcomer.member();
    let next = world.agents[leader]
        .change(|record| {
            record.members.remove(&dead_node);
            record.members.insert(newcomer.node, member.clone());
        })
        .await;
    newcomer.group().invite(next.clone()).await.expect("an invitation");
    world.agents.push(newcomer);
    settled(&world, &next).await;
    // Two more may die now.
    let others: Vec<_> = (0..5).filter(|index| *index != leader && *index != dead).take(2).collect();
    for other in others {
        world.agents[other].stop().await;
    }
    world.agents[5].change(|record| add_user(record, "later")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_voter_that_is_merely_dead_keeps_its_vote() {
    let mut world = World::founded(3).await;
    let leader = world.leader().await;
    let dead = (leader + 1) % 3;
    world.agents[dead].stop().await;
    let last = world.agents[leader].change(|record| add_user(record, "orders")).await;
    world.agents[dead].start().await;
    world.agents[dead].stands("back", |standing| matches!(standing, Standing::Follower { leader: Some(_) })).await;
    world.all_have(last.generation.get()).await;
    world.stop().await;
}

#[tokio::test]
async fn the_leader_can_be_removed() {
    let world = World::founded(4).await;
    let leader = world.leader().await;
    let node = world.agents[leader].node;
    let next = world.agents[(leader + 1) % 4].change(|record| record.members.retain(|other, _| *other != node)).await;
    world.agents[leader].stands("removed", |standing| *standing == Standing::Removed).await;
    settled(&world, &next).await;
    let other =
        until("another leader", async || world.agents.iter().position(|agent| agent.leads() && agent.node != node))
            .await;
    world.agents[other].change(|record| add_user(record, "later")).await;
    assert_eq!(world.agents[leader].get(), Some(next), "its copy is the last one that it saw");
    world.stop().await;
}

#[tokio::test]
async fn a_voter_that_becomes_a_watcher_keeps_up_and_may_vote_again() {
    // Two shards of two nodes: (0,0), (1,0) and (0,1) vote.
    let mut world = World { agents: Vec::new() };
    for (shard, ordinal) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        world.agents.push(Agent::started(shard, ordinal).await);
    }
    world.found().await;
    let (second, fourth) = (world.agents[1].node, world.agents[3].node);
    let leader = world.leader().await;
    let swap = |record: &mut Record| {
        let a = record.members[&second].seat;
        record.members.get_mut(&second).expect("it").seat = record.members[&fourth].seat;
        record.members.get_mut(&fourth).expect("it").seat = a;
    };
    let next = world.agents[leader].change(swap).await;
    assert!(voters(&next).contains(&fourth) && !voters(&next).contains(&second));
    settled(&world, &next).await;
    let later = world.agents[1].change(|record| add_user(record, "later")).await;
    world.all_have(later.generation.get()).await;
    let back = world.agents[1].change(swap).await;
    settled(&world, &back).await;
    world.stop().await;
}
