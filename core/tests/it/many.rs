//! Clusters of many nodes: made side by side, told by whoever answers, removed without anybody's consent.

use std::time::{Duration, Instant};

use justmanage_core::manager::Observed;
use justmanage_core::{ClusterView, Manager};
use justmanage_model::journal::{Entry, Event, Outcome, Who};
use justmanage_model::{Claim, ClusterId, Epoch, NodeId, Seat, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, World, name, shape, summary};

async fn made(world: &World, home: &tempfile::TempDir) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let view = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    (manager, view)
}

async fn seen(manager: &Manager, view: &ClusterView) -> ClusterView {
    match manager.observe(&view.id).await.expect("observe") {
        Observed::Here(view) => *view,
        other => panic!("not here: {other:?}"),
    }
}

#[tokio::test]
async fn six_machines_are_made_side_by_side_and_founded_once() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (_, view) = made(&world, &home).await;
    assert!(view.converged);
    assert_eq!(world.inside().most_at_once, 6);
    let calls = world.inside().calls.clone();
    let count = |call: &str| calls.iter().filter(|done| **done == call).count();
    assert_eq!((count("ensure"), count("invite"), count("found"), count("propose")), (6, 6, 1, 0));
    let seats: Vec<Seat> = world.record().members.values().map(|member| member.seat).collect();
    assert_eq!(seats.len(), 6);
    assert_eq!(view.endpoints().len(), 6);
}

#[tokio::test]
async fn no_more_machines_are_made_at_once_than_there_are_hands() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let manager = world.manager(&home);
    manager.create(&name(), &shape(20, 1), &CancellationToken::new()).await.expect("create");
    assert_eq!(world.inside().most_at_once, 16);
    assert_eq!(world.record().members.len(), 40);
}

#[tokio::test]
async fn the_nodes_and_endpoints_come_in_the_order_of_their_seats() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let view = seen(&manager, &view).await;
    let seats: Vec<(u16, u16)> =
        view.nodes.iter().filter_map(|node| node.seat.map(|seat| (seat.shard, seat.ordinal))).collect();
    assert_eq!(seats, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
    let clients: Vec<_> = view.nodes.iter().map(|node| node.client.to_string()).collect();
    assert_eq!(view.endpoints(), clients);
    assert_eq!(view.version_actual.as_deref(), Some("7.0.15"));
}

#[tokio::test]
async fn the_lowest_version_that_runs_is_the_one_that_is_shown() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let node = world.nodes()[4];
    let mut old = world.record();
    old.release.version = "7.0.11".parse().expect("version");
    world.inside().servers.insert(node, crate::world::running(&old));
    assert_eq!(seen(&manager, &view).await.version_actual.as_deref(), Some("7.0.11"));
}

#[tokio::test]
async fn an_agent_that_does_not_answer_among_others_that_do_is_no_reason_to_give_up() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let first = world.nodes()[0];
    world.inside().odd.insert(first, Behaviour::Silent);
    let now = seen(&manager, &view).await;
    assert!(!now.converged && !now.needs_apply, "the majority says so, and an apply cannot help: {:?}", now.waiting_on);
    assert_eq!(now.nodes[0].state.as_str(), "unknown");
    assert_eq!(now.nodes[1].state.as_str(), "joining", "the others are seen");
}

#[tokio::test]
async fn an_agent_that_hangs_is_not_waited_for() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let manager = world.manager(&home).with_patience(Duration::from_secs(60));
    let view = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    let first = world.nodes()[0];
    world.inside().odd.insert(first, Behaviour::Hangs);
    let begun = Instant::now();
    assert!(!seen(&manager, &view).await.converged);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn without_a_majority_nobody_says_how_it_is_and_nothing_is_changed() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    manager.observe(&view.id).await.expect("claim it");
    let before = world.record();
    for node in &world.nodes()[..3] {
        world.inside().odd.insert(*node, Behaviour::Silent);
    }
    let Observed::Unreachable(failure) = manager.observe(&view.id).await.expect("observe") else {
        panic!("not silent")
    };
    assert_eq!(summary(&failure), "No majority of agents");
    let mut other = shape(3, 1);
    other.memory = "128MiB".parse().expect("memory");
    let failed = manager.update(&view.id, &other, &CancellationToken::new()).await.expect_err("no majority");
    assert_eq!(summary(&failed.failure), "No majority of agents");
    assert_eq!(world.record(), before);
    assert!(failed.view.is_some_and(|view| view.record.is_some()), "what is known of it is told");
}

#[tokio::test]
async fn a_cluster_goes_without_its_majority() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().behaviour = Behaviour::Silent;
    manager.destroy(&view.id).await.expect("destroy");
    assert!(world.inside().machines.is_empty());
    assert_eq!(world.inside().removed.len(), 6);
}

#[tokio::test]
async fn agents_that_do_not_run_are_started_by_an_update_and_by_nothing_else() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let stopped = world.nodes()[2];
    let stop = |world: &World| {
        world.inside().machines.get_mut(&stopped).expect("machine").state = justmanage_platforms::MachineState::Stopped;
    };
    stop(&world);
    let now = seen(&manager, &view).await;
    assert!(!now.converged && now.needs_apply);
    assert!(now.waiting_on[0].contains("shard 1, node 0") && now.waiting_on[0].contains("an apply starts it"));
    assert_eq!(now.nodes[2].state.as_str(), "agent-stopped");
    let after = manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect("update");
    assert!(after.converged && seen(&manager, &view).await.converged);
    assert_eq!(world.inside().machines.len(), 6);
}

#[tokio::test]
async fn of_two_who_make_the_same_name_at_once_whoever_sees_the_other_gives_way() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let rival = Claim {
        cluster: ClusterId::from_entropy([7; 10]),
        name: name(),
        node: NodeId::from_entropy([7; 10]),
        seat: Some(Seat { shard: 0, ordinal: 0 }),
    };
    world.inside().rival = Some(rival.clone());
    let failed =
        world.manager(&home).create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect_err("a rival");
    assert_eq!(summary(&failed.failure), "Cluster is being changed by somebody else");
    assert!(failed.view.is_none(), "nothing of ours is left to be kept in a state");
    let left: Vec<NodeId> = world.inside().machines.keys().copied().collect();
    assert_eq!(left, [rival.node]);
}

#[tokio::test]
async fn a_name_that_means_two_clusters_is_an_error_that_tells_them_apart() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let mut other = world.inside().machines.values().next().expect("machine").clone();
    other.claim.cluster = ClusterId::from_entropy([7; 10]);
    other.claim.node = NodeId::from_entropy([7; 10]);
    world.inside().machines.insert(other.claim.node, other);
    let failed = manager.observe(&"local/cache".parse().expect("locator")).await.expect_err("which?");
    assert_eq!(summary(&failed), "Name not unique");
    assert!(failed.detail.contains(&view.id.cluster.expect("id").to_string()), "{failed}");
    assert!(seen(&manager, &view).await.converged, "the whole id is clear");
}

#[tokio::test]
async fn of_two_who_found_the_same_cluster_at_once_both_go_on_with_the_one_that_was_first() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let theirs = Epoch::from_entropy([7; 8]);
    world.inside().founded_meanwhile = Some(theirs);
    let (_, view) = made(&world, &home).await;
    assert!(view.converged);
    assert_eq!(world.record().epoch, theirs);
    assert_eq!(world.inside().machines.len(), 6);
}

fn entry(node: NodeId, number: u64, second: i64) -> Entry {
    Entry {
        number,
        at: Timestamp::from_second(second).expect("a moment"),
        node,
        generation: None,
        who: Who::Server,
        what: Event::Up,
        why: String::new(),
        outcome: Outcome::Done,
        planned: false,
        note: String::new(),
        ticket: String::new(),
    }
}

#[tokio::test]
async fn the_journals_of_all_nodes_make_one_and_who_does_not_answer_is_left_out() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let nodes = world.nodes();
    for (node, seconds) in [(nodes[0], vec![1, 4, 5, 8, 9]), (nodes[1], vec![2, 6]), (nodes[2], vec![3, 7])] {
        let entries = seconds.into_iter().zip(1..).map(|(second, number)| entry(node, number, second));
        world.inside().journals.insert(node, entries.collect());
    }
    let seconds = |entries: Vec<Entry>| entries.iter().map(|entry| entry.at.as_second()).collect::<Vec<_>>();
    assert_eq!(seconds(manager.journal(&view.id, 100).await.expect("read")), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(seconds(manager.journal(&view.id, 3).await.expect("read")), [7, 8, 9], "the last ones");
    world.inside().odd.insert(nodes[1], Behaviour::Silent);
    assert_eq!(seconds(manager.journal(&view.id, 100).await.expect("read")), [1, 3, 4, 5, 7, 8, 9]);
    world.inside().behaviour = Behaviour::Silent;
    assert_eq!(summary(&manager.journal(&view.id, 100).await.expect_err("nobody")), "Agent not reachable");
}
