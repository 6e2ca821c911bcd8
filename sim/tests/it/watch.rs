//! Whether the simulation sees what must not happen: each time, somebody does what the planner never plans.

use justmanage_model::{
    Engine, Fence, Grant, NodeStep, RecordChange, Release, Step, Takeover, Version, record::Operation,
};
use justmanage_sim::server::Process;
use justmanage_sim::shape::{Shape, node_id};
use justmanage_sim::timestamp;
use justmanage_sim::world::World;

/// A cluster that serves.
fn formed(shape: Shape) -> World {
    let mut world = World::new(shape, 1);
    until(&mut world, World::converged);
    assert!(world.field.promises.broken.is_empty());
    world
}

fn until(world: &mut World, done: impl Fn(&World) -> bool) {
    for _ in 0..600 {
        if done(world) {
            return;
        }
        world.tick();
    }
    panic!("not within a minute: {:?}", world.plan());
}

fn seen(world: &World) -> String {
    world.field.promises.broken.first().map(|(_, what)| what.clone()).unwrap_or_default()
}

fn take_over(world: &mut World, by: usize, from: usize) {
    let at = timestamp(world.field.now, 0);
    let takeover = Takeover { by: node_id(by), from: node_id(from), cleared: true, done: false, at };
    let change = Step::Record(RecordChange::TakeOver(0, takeover));
    world.carry_out(&[change, Step::Node(node_id(by), NodeStep::TakeOver)]).unwrap();
}

#[test]
fn a_takeover_without_a_fence_that_has_run_out_is_seen() {
    let mut world = formed(Shape::of(1, 1));
    assert_eq!(world.store.record.fence(0), Fence::Closed);
    // The primary still has its replica's report of a moment ago.
    world.field.network.part(&[0], &[1], u64::MAX);
    take_over(&mut world, 1, 0);
    until(&mut world, |world| !seen(world).is_empty());
    assert!(seen(&world).contains("acknowledges a write, though another took over"), "{}", seen(&world));
}

#[test]
fn a_takeover_that_nobody_decided_is_seen() {
    let mut world = formed(Shape::of(1, 1));
    world.carry_out(&[Step::Node(node_id(1), NodeStep::TakeOver)]).unwrap();
    assert!(seen(&world).contains("without the majority's word"), "{}", seen(&world));
}

#[test]
fn a_primary_that_comes_back_empty_beside_a_copy_is_seen() {
    let mut world = formed(Shape { persistent: false, ..Shape::of(3, 1) });
    world.field.end(0, "is killed");
    world.supervise(0);
    world.carry_out(&[Step::Node(node_id(0), NodeStep::StartServer)]).unwrap();
    world.pass(5000);
    assert!(seen(&world).contains("comes back as a primary without its data"), "{}", seen(&world));
}

#[test]
fn a_stop_without_a_grant_is_seen() {
    let mut world = formed(Shape::of(3, 1));
    world.carry_out(&[Step::Node(node_id(0), NodeStep::StopServer)]).unwrap();
    assert!(seen(&world).contains("is stopped without a grant"), "{}", seen(&world));
}

#[test]
fn a_second_grant_is_seen() {
    let mut world = formed(Shape::of(3, 1));
    for node in [0, 1] {
        let given = world.store.record.generation.next();
        let grant = Grant { operation: Operation::Restart, nodes: [node_id(node)].into(), given, moves: Vec::new() };
        world.carry_out(&[Step::Record(RecordChange::Give(grant))]).unwrap();
    }
    assert!(seen(&world).contains("a grant is given while another is out"), "{}", seen(&world));
}

/// Hands a shard over as the planner does, but for its question whether votes are stale.
fn hand_over(world: &mut World, to: usize) {
    world.carry_out(&[Step::Record(RecordChange::ClearGrant)]).unwrap();
    let given = world.store.record.generation.next();
    let nodes = [node_id(to)].into();
    let grant = Grant { operation: Operation::Handover, nodes, given, moves: Vec::new() };
    world.carry_out(&[Step::Record(RecordChange::Give(grant)), Step::Node(node_id(to), NodeStep::TakeTurn)]).unwrap();
    // A few seconds: the others hear of it, and whoever led copies.
    world.pass(4000);
}

#[test]
fn a_handover_to_who_has_the_votes_of_an_earlier_election_is_seen() {
    for release in
        [Release::new(Engine::Redis, Version::new(7, 0, 15)), Release::new(Engine::Valkey, Version::new(8, 1, 8))]
    {
        let stale = release.votes_go_stale();
        let mut world = formed(Shape { release, ..Shape::of(3, 1) });
        // 3 wins an election, then 0; and 3 has won one a moment ago.
        for to in [3, 0] {
            hand_over(&mut world, to);
            assert_eq!((world.field.primary(0), seen(&world)), (Some(to), String::new()));
        }
        hand_over(&mut world, 3);
        assert_eq!(seen(&world).contains("the votes of an earlier election"), stale, "{}", seen(&world));
    }
}

#[test]
fn acknowledged_writes_that_are_gone_are_seen() {
    let mut world = formed(Shape::of(1, 1));
    // Both forget what clients were told, and nothing broke.
    for node in [0, 1] {
        let parts = world.field.parts.len();
        world.field.nodes[node].server.data = justmanage_sim::data::Data::none(parts);
    }
    world.field.account();
    assert!(seen(&world).contains("are lost without a reason"), "{}", seen(&world));
}

/// A primary freezes (`SIGSTOP`): its connections stay open, and only its silence tells. By themselves the agents make its replica
/// the primary, and when it goes on, it becomes a replica and no acknowledged write is missing that no reason is known for.
#[test]
fn a_replica_takes_over_from_a_frozen_primary() {
    for (shards, replicas) in [(1, 1), (1, 2), (2, 1)] {
        let mut world = formed(Shape::of(shards, replicas));
        world.field.nodes[0].server.hung = true;
        until(&mut world, |world| world.counts.frozen == 1);
        let primary = world.field.primary(0).unwrap();
        until(&mut world, |world| world.field.takes_writes(primary));
        world.field.wake(0);
        until(&mut world, |world| world.converged() && !world.field.nodes[0].server.bus.is_primary());
        world.field.account();
        assert_eq!(seen(&world), "");
        assert_eq!((world.counts.takeovers, world.field.primary(0)), (1, Some(primary)));
    }
}

/// While replicas hear from it, nobody takes over from a primary whose agent is gone.
#[test]
fn nobody_takes_over_from_a_primary_that_is_heard() {
    let mut world = formed(Shape::of(1, 2));
    world.agent_dies(0);
    for _ in 0..600 {
        world.tick();
    }
    assert_eq!((world.counts.takeovers, world.field.primary(0)), (0, Some(0)));
    assert!(world.store.record.takeovers.is_empty() && world.field.takes_writes(0));
}

#[test]
fn a_password_that_ends_before_its_time_is_seen() {
    let mut world = formed(Shape::of(1, 0));
    world.rotate("app", 60_000);
    world.rotate("app", 60_000);
    assert_eq!(world.store.record.users.values().next().unwrap().passwords.len(), 2);
    let early = timestamp(world.field.now + 61_000, 0);
    world.carry_out(&[Step::Record(RecordChange::EndPasswords(early))]).unwrap();
    assert!(seen(&world).contains("ends before its time"), "{}", seen(&world));
}

#[test]
fn passwords_and_guests_end_by_themselves_in_their_time() {
    let mut world = formed(Shape::of(3, 1));
    // One clock is ten minutes ahead, and one behind: the first must not make it early, the second may make it late.
    (world.field.nodes[1].ahead, world.field.nodes[2].ahead) = (600_000, -600_000);
    world.rotate("app", 5000);
    world.rotate("app", 5000);
    world.somebody_comes_for(5000);
    for _ in 0..40 {
        world.tick();
    }
    assert_eq!(world.store.record.users.len(), 2, "nothing is early");
    until(&mut world, |world| {
        world.store.record.ended_by(justmanage_model::Timestamp::MAX).is_none() || world.field.now > 60_000
    });
    world.field.nodes.iter_mut().for_each(|node| node.ahead = 600_000);
    until(&mut world, |world| world.store.record.users.len() == 1);
    until(&mut world, World::converged);
    assert_eq!(world.store.record.users.values().next().unwrap().passwords.len(), 1);
    assert_eq!(seen(&world), "");
}

/// A spare takes the place of a machine that is lost for good, be it a primary's, and nobody has to do anything.
#[test]
fn a_spare_takes_the_place_of_a_machine_that_is_lost() {
    for (shards, replicas) in [(1, 1), (1, 2), (2, 1), (3, 1)] {
        let mut world = formed(Shape { spares: 1, ..Shape::of(shards, replicas) });
        let spare = world.field.nodes.len() - 1;
        world.agent_dies(0);
        world.field.lose(0);
        until(&mut world, |world| world.store.record.members.contains_key(&node_id(spare)));
        until(&mut world, World::converged);
        let record = &world.store.record;
        assert!(!record.belongs(node_id(0)) && record.retired.contains(&node_id(0)));
        assert_eq!(world.field.nodes[spare].seat, world.field.nodes[0].seat);
        world.field.account();
        assert_eq!(seen(&world), "", "{shards} x {replicas}");
    }
}

/// It was only away: when it comes back, its place is another's, and its server does not stay up.
#[test]
fn a_node_that_comes_back_after_a_spare_has_its_place_does_not_serve() {
    for (shards, replicas) in [(1, 2), (3, 1)] {
        let mut world = formed(Shape { spares: 1, ..Shape::of(shards, replicas) });
        world.field.power_cut(0);
        world.agent_dies(0);
        until(&mut world, |world| world.store.record.retired.contains(&node_id(0)));
        until(&mut world, World::converged);
        world.field.nodes[0].on = true;
        world.agent_begins(0);
        until(&mut world, |world| world.agents[0].copy.generation == world.store.record.generation);
        until(&mut world, |world| world.field.nodes[0].server.process == Process::Off);
        until(&mut world, World::converged);
        world.field.account();
        assert_eq!(seen(&world), "", "{shards} x {replicas}");
    }
}

/// Nodes that are cut off are not lost: whoever sees too little decides nothing, and who sees two missing waits.
#[test]
fn a_network_that_is_cut_uses_no_spare() {
    for cut in [vec![0, 1], vec![3, 4, 5, 6], vec![0, 1, 2, 3, 4, 5]] {
        let mut world = formed(Shape { spares: 1, ..Shape::of(3, 1) });
        let others: Vec<usize> = (0..world.field.nodes.len()).filter(|node| !cut.contains(node)).collect();
        world.field.network.part(&cut, &others, u64::MAX);
        for _ in 0..900 {
            world.tick();
        }
        assert_eq!((world.store.record.spares.len(), world.store.record.retired.len()), (1, 0), "{cut:?}");
        world.field.network.mend();
        until(&mut world, World::converged);
        assert_eq!(seen(&world), "", "{cut:?}");
    }
}

#[test]
fn a_spare_in_the_place_of_who_serves_is_seen() {
    let mut world = formed(Shape { spares: 1, ..Shape::of(3, 1) });
    let by = node_id(world.field.nodes.len() - 1);
    world.carry_out(&[Step::Record(RecordChange::Replace { lost: node_id(0), by })]).unwrap();
    assert!(seen(&world).contains("which takes writes"), "{}", seen(&world));
}

#[test]
fn slots_that_nobody_serves_are_seen_where_nothing_is_broken() {
    for peaceful in [true, false] {
        let mut world = formed(Shape::of(3, 1));
        world.peace_ends();
        if peaceful {
            world.peace_begins();
        }
        for node in &mut world.field.nodes {
            node.server.hung = node.seat.shard == 1;
        }
        (0..40).for_each(|_| world.tick());
        assert_eq!(seen(&world).contains("are not served"), peaceful, "{}", seen(&world));
    }
}
