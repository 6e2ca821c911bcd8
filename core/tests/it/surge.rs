//! Temporary replicas for a change of the release: made first and removed last, whoever is killed in between; and no others.

use justmanage_core::manager::{refuse_release, refuse_second_way};
use justmanage_model::{ClusterSpec, FieldPath, Seat};
use tokio_util::sync::CancellationToken;

use crate::shape::{assert_is, made, seen};
use crate::world::{Cut, World, shape, summary};

/// The same cluster with another patch than the one that it is made with, which is 7.0.15.
fn over(shards: u16, replicas: u16) -> ClusterSpec {
    ClusterSpec { version: "7.0.11".parse().expect("a version"), surge: true, ..shape(shards, replicas) }
}

fn back(shards: u16, replicas: u16, surge: bool) -> ClusterSpec {
    ClusterSpec { version: "7.0.15".parse().expect("a version"), surge, ..shape(shards, replicas) }
}

fn runs(world: &World) -> String {
    world.record().release.version.to_string()
}

#[tokio::test]
async fn each_shard_has_one_more_as_long_as_servers_go_over_and_not_longer() {
    for (shards, replicas) in [(3, 1), (1, 1), (3, 0), (2, 2)] {
        let case = format!("{shards} x {replicas}");
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let (manager, view) = made(&world, &home, shards, replicas).await;
        let before = world.record();
        let cancel = CancellationToken::new();
        // As if emptying were no question: that one copies from the temporary one.
        world.inside().servers_stay = true;
        let failed = manager.update(&view.id, &over(shards, replicas), &cancel).await.expect_err(&case);
        assert_eq!(summary(&failed.failure), "Cluster makes no progress", "{case}");
        let now = seen(&manager, &view).await;
        assert!(!now.converged && now.needs_apply, "{case}: {:?}", now.waiting_on);
        let nodes = usize::from(shards * (replicas + 1));
        assert_eq!((now.nodes.len(), now.endpoints().len()), (nodes + usize::from(shards), nodes), "{case}");
        let ordinals: Vec<u16> = (0..shards)
            .filter_map(|shard| {
                let seats = world.record().members.values().map(|member| member.seat).collect::<Vec<Seat>>();
                seats.into_iter().filter(|seat| seat.shard == shard).map(|seat| seat.ordinal).max()
            })
            .collect();
        assert_eq!(ordinals, vec![replicas + 1; shards.into()], "{case}");
        assert_eq!(world.inside().removed.len(), 0, "{case}");

        world.inside().servers_stay = false;
        let now = seen(&manager, &view).await;
        assert!(!now.converged && now.needs_apply, "{case}: {:?}", now.waiting_on);
        let done = manager.update(&view.id, &over(shards, replicas), &cancel).await.expect(&case);
        assert!(done.converged && seen(&manager, &view).await.converged, "{case}");
        assert_is(&world, (shards, replicas), &case).await;
        assert_eq!((runs(&world).as_str(), world.record().surge), ("7.0.11", false), "{case}");
        assert!(before.members.keys().eq(world.record().members.keys()), "{case}: nobody else came or went");
    }
}

#[tokio::test]
async fn a_change_killed_at_any_call_is_finished_by_the_next() {
    for after in [false, true] {
        for at in 0.. {
            let case = format!("killed at call {at}, after it was done: {after}");
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let (manager, view) = made(&world, &home, 2, 1).await;
            let (spec, cancel) = (over(2, 1), CancellationToken::new());
            let ended = world.cut_short(Cut { at, after }, manager.update(&view.id, &spec, &cancel)).await;
            if let Some(ended) = ended {
                assert!(ended.expect("nobody killed it").converged);
                assert!(at >= 10, "every call was cut once: {at}");
                break;
            }
            let now = seen(&manager, &view).await;
            let (wanted, record) = (world.record().spec == spec, world.record());
            let is_there = record.retired.is_empty() && record.reshaping.is_none();
            assert!(!wanted || is_there || now.needs_apply && !now.converged, "{case}: {:?}", now.waiting_on);
            let done = world.manager(&home).update(&view.id, &spec, &cancel).await.expect(&case);
            assert!(done.converged, "{case}");
            assert_is(&world, (2, 1), &case).await;
            assert_eq!(runs(&world), "7.0.11", "{case}");
        }
    }
}

#[tokio::test]
async fn a_change_that_was_killed_is_taken_back_by_the_next_with_all_that_was_made_for_it() {
    for surge in [false, true] {
        for at in 0.. {
            let case = format!("killed at call {at}; surge = {surge} after that");
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let (manager, view) = made(&world, &home, 2, 1).await;
            let cancel = CancellationToken::new();
            world.inside().servers_stay = true;
            let cut = Cut { at, after: true };
            let ended = world.cut_short(cut, manager.update(&view.id, &over(2, 1), &cancel)).await;
            world.inside().servers_stay = false;
            if ended.is_some() {
                assert!(at >= 5, "every call was cut once: {at}");
                break;
            }
            world.inside().calls.clear();
            world.manager(&home).update(&view.id, &back(2, 1, surge), &cancel).await.expect(&case);
            assert_is(&world, (2, 1), &case).await;
            assert_eq!(runs(&world), "7.0.15", "{case}");
            assert!(!world.inside().calls.contains(&"ensure"), "{case}: nobody new is needed");
        }
    }
}

#[tokio::test]
async fn a_destroy_takes_temporary_replicas_along() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 1).await;
    world.inside().servers_stay = true;
    manager.update(&view.id, &over(3, 1), &CancellationToken::new()).await.expect_err("servers stay");
    assert_eq!(world.inside().machines.len(), 9);
    manager.destroy(&view.id).await.expect("destroy");
    assert!(world.inside().machines.is_empty());
}

#[tokio::test]
async fn a_temporary_replica_whose_machine_is_lost_is_made_again_until_all_have_gone_over() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 1).await;
    let cancel = CancellationToken::new();
    world.inside().servers_stay = true;
    manager.update(&view.id, &over(3, 1), &cancel).await.expect_err("servers stay");
    let temporary = world.nodes()[2];
    assert_eq!(world.record().members[&temporary].seat.ordinal, 2);
    world.lose(temporary);
    manager.update(&view.id, &over(3, 1), &cancel).await.expect_err("servers stay");
    assert!(world.record().members.len() == 9 && !world.record().members.contains_key(&temporary));
    world.inside().servers_stay = false;
    world.lose(world.nodes()[2]);
    manager.update(&view.id, &over(3, 1), &cancel).await.expect("update");
    assert_is(&world, (3, 1), "at the end").await;
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_and_nothing_is_changed() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 1).await;
    let (before, cancel) = (world.record(), CancellationToken::new());
    for (spec, about) in [(over(4, 1), "shards"), (over(3, 2), "replicas_per_shard")] {
        let failed = manager.update(&view.id, &spec, &cancel).await.expect_err("one way at a time");
        assert_eq!((summary(&failed.failure), &failed.failure.about), ("One way at a time", &FieldPath::of(about)));
        assert!(failed.failure.detail.contains("surge = true"), "{}", failed.failure);
        assert_eq!(world.record(), before);
    }
    world.inside().servers_stay = true;
    manager.update(&view.id, &over(3, 1), &cancel).await.expect_err("servers stay");
    let without = ClusterSpec { surge: false, ..over(3, 1) };
    let failed = manager.update(&view.id, &without, &cancel).await.expect_err("they are needed");
    assert_eq!((summary(&failed.failure), &failed.failure.about), ("One way at a time", &FieldPath::of("surge")));
    assert!(world.record().spec.surge);
}

#[test]
fn a_roll_that_needs_another_copy_or_too_many_nodes_is_told_by_the_spec() {
    use justmanage_core::manager::Standing;
    use justmanage_model::{Engine, Release};
    let release = |version: &str| Release::new(Engine::Redis, version.parse().expect("a version"));
    let (from, to) = (release("7.0.15"), release("7.0.11"));
    let standing = Standing { release: &from, previous: None };
    for (spec, about) in [
        (over(3, 0), None),
        (ClusterSpec { surge: false, ..over(3, 0) }, Some("version")),
        (over(33, 1), None),
        (over(34, 1), Some("surge")),
        (ClusterSpec { spares: 1, ..over(33, 1) }, None),
        (ClusterSpec { spares: 2, ..over(33, 1) }, Some("surge")),
        (over(50, 0), None),
        (over(51, 0), Some("surge")),
        (ClusterSpec { surge: false, ..over(50, 1) }, None),
    ] {
        let refused = refuse_release(standing, &to, &spec, None);
        assert_eq!(refused.map(|failure| failure.about), about.map(FieldPath::of), "{spec:?}");
    }
    // To have temporary ones some other time is a wish like any other.
    let wish = (&shape(3, 1), &ClusterSpec { surge: true, ..shape(3, 1) });
    assert_eq!(refuse_second_way(standing, wish, false), None);
    let more = (&shape(3, 1), &ClusterSpec { surge: true, ..shape(3, 2) });
    assert_eq!(refuse_second_way(standing, more, false), None);
}
