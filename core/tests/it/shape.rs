//! More and fewer shards and replicas: machines are made first and removed last, and whoever is killed in between is followed by one
//! who goes on.

use std::collections::BTreeSet;

use justmanage_core::manager::Observed;
use justmanage_core::{ClusterView, Manager};
use justmanage_model::{Bytes, FieldPath, NodeId, Seat, Shape};
use justmanage_platforms::{ClaimQuery, MachineState, Platform};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, Cut, World, name, shape, summary};

pub(crate) async fn made(
    world: &World,
    home: &tempfile::TempDir,
    shards: u16,
    replicas: u16,
) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let made = manager.create(&name(), &shape(shards, replicas), &CancellationToken::new()).await.expect("create");
    manager.observe(&made.id).await.expect("claim it");
    world.inside().calls.clear();
    (manager, made)
}

pub(crate) async fn seen(manager: &Manager, view: &ClusterView) -> ClusterView {
    match manager.observe(&view.id).await.expect("observe") {
        Observed::Here(view) => *view,
        other => panic!("not here: {other:?}"),
    }
}

/// The cluster has exactly this shape, every machine is a member, and nothing is left to do.
pub(crate) async fn assert_is(world: &World, (shards, replicas): (u16, u16), case: &str) {
    let record = world.record();
    let seats: BTreeSet<Seat> = record.members.values().map(|member| member.seat).collect();
    let wanted: BTreeSet<Seat> = Shape { shards, replicas_per_shard: replicas }.seats().collect();
    assert_eq!(seats, wanted, "{case}");
    assert_eq!((record.reshaping, record.retired.len()), (None, 0), "{case}");
    let machines = world.find(&ClaimQuery { name: name(), cluster: None }).await.expect("find");
    let machines: BTreeSet<NodeId> = machines.into_iter().map(|machine| machine.claim.node).collect();
    assert_eq!(machines, record.members.keys().copied().collect(), "{case}");
}

#[tokio::test]
async fn a_cluster_takes_another_shape_and_keeps_who_has_a_place_in_it() {
    for (from, to) in [((3, 1), (4, 1)), ((4, 1), (3, 1)), ((3, 1), (3, 2)), ((3, 2), (3, 0)), ((2, 2), (4, 0))] {
        let case = format!("{from:?} to {to:?}");
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let (manager, view) = made(&world, &home, from.0, from.1).await;
        let before = world.record();
        let done = manager.update(&view.id, &shape(to.0, to.1), &CancellationToken::new()).await.expect(&case);
        assert!(done.converged && done.waiting_on.is_empty(), "{case}: {:?}", done.waiting_on);
        assert_is(&world, to, &case).await;
        let after = world.record();
        let place = |seat: Seat| Shape { shards: to.0, replicas_per_shard: to.1 }.has(seat);
        let stayed = before.members.iter().filter(|(_, member)| place(member.seat));
        assert!(stayed.into_iter().all(|(node, member)| after.members.get(node) == Some(member)), "{case}");
        assert!(seen(&manager, &view).await.converged, "{case}");
    }
}

#[tokio::test]
async fn machines_go_when_nobody_needs_them_and_not_before() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 4, 0).await;
    world.inside().slots_stay = true;
    let failed = manager.update(&view.id, &shape(3, 0), &CancellationToken::new()).await.expect_err("slots stay");
    assert_eq!(summary(&failed.failure), "Cluster makes no progress");
    assert!(world.inside().removed.is_empty() && world.record().members.len() == 4);
    let now = seen(&manager, &view).await;
    assert!(!now.converged && !now.needs_apply, "agents do it by themselves: {:?}", now.waiting_on);
    assert_eq!(now.slots().len(), 4, "the shard that goes still has its slots");

    world.inside().slots_stay = false;
    let now = seen(&manager, &view).await;
    assert!(!now.converged && now.needs_apply, "{:?}", now.waiting_on);
    assert!(now.waiting_on[0].contains("an apply removes them"), "{:?}", now.waiting_on);
    world.inside().calls.clear();
    manager.update(&view.id, &shape(3, 0), &CancellationToken::new()).await.expect("update");
    assert_eq!(world.inside().calls, ["propose", "remove", "propose"], "out of the Record, gone, forgotten");
    assert_is(&world, (3, 0), "at the end").await;
}

#[tokio::test]
async fn a_change_of_mind_ends_where_it_was_and_leaves_nothing() {
    for (from, over, to) in [((3, 1), (4, 1), (3, 1)), ((4, 1), (3, 1), (4, 1)), ((3, 1), (3, 2), (4, 0))] {
        let case = format!("{from:?} over {over:?} to {to:?}");
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let (manager, view) = made(&world, &home, from.0, from.1).await;
        world.inside().slots_stay = true;
        world.inside().behaviour = Behaviour::Hesitates;
        let cancel = CancellationToken::new();
        manager.update(&view.id, &shape(over.0, over.1), &cancel).await.expect_err(&case);
        world.inside().slots_stay = false;
        world.inside().behaviour = Behaviour::Converges;
        let done = manager.update(&view.id, &shape(to.0, to.1), &cancel).await.expect(&case);
        assert!(done.converged, "{case}");
        assert_is(&world, to, &case).await;
    }
}

#[tokio::test]
async fn a_change_of_shape_killed_at_any_call_is_finished_by_the_next() {
    for (from, to, calls) in [((2, 1), (3, 2), 16), ((3, 2), (2, 1), 8), ((3, 1), (2, 2), 8)] {
        for after in [false, true] {
            for at in 0.. {
                let case = format!("{from:?} to {to:?}, killed at call {at}, after it was done: {after}");
                let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
                let (manager, view) = made(&world, &home, from.0, from.1).await;
                let (spec, cancel) = (shape(to.0, to.1), CancellationToken::new());
                let ended = world.cut_short(Cut { at, after }, manager.update(&view.id, &spec, &cancel)).await;
                if let Some(ended) = ended {
                    assert!(ended.expect("nobody killed it").converged);
                    assert!(at >= calls, "every call was cut once: {at}");
                    break;
                }
                let now = seen(&manager, &view).await;
                let is_there = world.record().retired.is_empty() && world.record().reshaping.is_none();
                assert!(is_there || now.needs_apply && !now.converged, "{case}: {:?}", now.waiting_on);
                let done = world.manager(&home).update(&view.id, &spec, &cancel).await.expect(&case);
                assert!(done.converged, "{case}");
                assert_is(&world, to, &case).await;
            }
        }
    }
}

#[tokio::test]
async fn a_change_of_shape_that_was_killed_is_taken_back_by_the_next() {
    for at in 0.. {
        let case = format!("killed at call {at}");
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let (manager, view) = made(&world, &home, 3, 1).await;
        let cancel = CancellationToken::new();
        let wanted = shape(4, 0);
        let ended = world.cut_short(Cut { at, after: true }, manager.update(&view.id, &wanted, &cancel)).await;
        if ended.is_some() {
            break;
        }
        world.manager(&home).update(&view.id, &shape(3, 1), &cancel).await.expect(&case);
        assert_is(&world, (3, 1), &case).await;
    }
}

#[tokio::test]
async fn a_node_that_somebody_needs_again_is_not_removed() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 4, 0).await;
    // Whatever is changed when they are to be taken out, they are looked at anew.
    world.inside().somebody_first = 3;
    let done = manager.update(&view.id, &shape(3, 0), &CancellationToken::new()).await.expect("update");
    assert!(done.converged);
    assert_is(&world, (3, 0), "at the end").await;
}

#[tokio::test]
async fn who_is_lost_and_has_no_place_any_more_is_not_replaced() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 1).await;
    let lost = world.nodes()[5];
    world.lose(lost);
    manager.update(&view.id, &shape(3, 0), &CancellationToken::new()).await.expect("update");
    assert!(!world.inside().calls.contains(&"ensure"), "{:?}", world.inside().calls);
    assert_is(&world, (3, 0), "at the end").await;
}

#[tokio::test]
async fn a_retired_node_whose_agent_does_not_start_is_in_nobodys_way() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 2, 0).await;
    let last = world.nodes()[1];
    let cancel = CancellationToken::new();
    // One change of the Record says so, one takes it out.
    let cut = Cut { at: 1, after: true };
    assert!(world.cut_short(cut, manager.update(&view.id, &shape(1, 0), &cancel)).await.is_none());
    assert_eq!(world.record().retired, BTreeSet::from([last]));
    world.inside().machines.get_mut(&last).expect("a machine").state = MachineState::Stopped;
    world.inside().broken.insert(last);
    manager.update(&view.id, &shape(1, 0), &cancel).await.expect("update");
    assert_is(&world, (1, 0), "at the end").await;
}

#[test]
fn more_nodes_than_possible_on_the_way_are_refused() {
    use justmanage_core::manager::refuse_change;
    for (from, to, about) in [
        ((20, 4), (100, 0), Some("shards")),
        ((100, 0), (20, 4), Some("replicas_per_shard")),
        ((20, 4), (50, 1), Some("shards")),
        ((20, 4), (20, 1), None),
        ((20, 1), (50, 1), None),
        ((49, 1), (50, 1), None),
    ] {
        let refused = refuse_change(&shape(from.0, from.1), &shape(to.0, to.1));
        assert_eq!(refused.map(|failure| failure.about), about.map(FieldPath::of), "{from:?} to {to:?}");
    }
}

#[tokio::test]
async fn a_cluster_that_was_never_made_to_the_end_keeps_its_shape() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.inside().behaviour = Behaviour::Hesitates;
    let cancel = CancellationToken::new();
    let made = world.manager(&home).create(&name(), &shape(1, 0), &cancel).await.expect_err("it hesitates");
    let locator = made.view.expect("what there is").id;
    let failed = world.manager(&home).update(&locator, &shape(2, 0), &cancel).await.expect_err("refused");
    assert_eq!(summary(&failed.failure), "Cluster has not formed");
    assert_eq!(world.record().spec, shape(1, 0));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_changed() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 0).await;
    for node in world.nodes() {
        world.inside().used.insert(node, Bytes::mib(40));
    }
    let before = world.record();
    let cancel = CancellationToken::new();
    let less = |memory: &str| justmanage_model::ClusterSpec { memory: memory.parse().expect("memory"), ..shape(3, 0) };
    for (spec, about, says) in [
        (shape(1, 0), "shards", "Data do not fit into fewer shards"),
        (less("32MiB"), "memory", "Data do not fit into less memory"),
    ] {
        let failed = manager.update(&view.id, &spec, &cancel).await.expect_err("too much");
        assert_eq!((summary(&failed.failure), &failed.failure.about), (says, &FieldPath::of(about)));
        assert_eq!(world.record(), before);
    }
    let silent = world.nodes()[0];
    world.inside().servers.insert(silent, justmanage_model::ServerState::Stopped);
    let failed = manager.update(&view.id, &shape(2, 0), &cancel).await.expect_err("unseen");
    assert_eq!(summary(&failed.failure), "Data not seen");
    assert_eq!(world.record(), before);
}
