//! Creates and destroys that are killed at every single call: the next one ends in exactly what is asked.

use std::collections::BTreeSet;

use justmanage_core::manager::Observed;
use justmanage_model::NodeId;
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, Cut, World, name, shape};

/// What exists is one cluster whose members are exactly its machines.
fn whole(world: &World, nodes: usize, case: &str) {
    let members: BTreeSet<NodeId> = world.record().members.keys().copied().collect();
    let machines: BTreeSet<NodeId> = world.inside().machines.keys().copied().collect();
    assert_eq!(machines, members, "{case}");
    assert_eq!(members.len(), nodes, "{case}");
}

#[tokio::test]
async fn a_create_killed_at_any_call_is_finished_by_the_next() {
    for after in [false, true] {
        for at in 0.. {
            let case = format!("killed at call {at}, after it was done: {after}");
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let cancel = CancellationToken::new();
            let (name, spec) = (name(), shape(3, 1));
            let manager = world.manager(&home);
            let ended = world.cut_short(Cut { at, after }, manager.create(&name, &spec, &cancel)).await;
            if let Some(ended) = ended {
                assert!(ended.expect("nobody killed it").converged);
                assert_eq!(at, 13, "six machines, six invitations, one founding");
                break;
            }
            let done = world.manager(&home).create(&name, &spec, &cancel).await.expect(&case);
            assert!(done.converged, "{case}");
            whole(&world, 6, &case);
        }
    }
}

#[tokio::test]
async fn a_create_of_something_else_after_one_that_was_killed_leaves_nothing_of_the_first() {
    for at in 0..13 {
        let case = format!("killed at call {at}");
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let cancel = CancellationToken::new();
        let (name, first, second) = (name(), shape(3, 1), shape(1, 2));
        world.inside().behaviour = Behaviour::Hesitates;
        let manager = world.manager(&home);
        let ended = world.cut_short(Cut { at, after: true }, manager.create(&name, &first, &cancel)).await;
        assert!(ended.is_none(), "{case}");
        world.inside().behaviour = Behaviour::Converges;
        let done = world.manager(&home).create(&name, &second, &cancel).await.expect(&case);
        assert!(done.converged, "{case}");
        world.inside().groups.retain(|cluster, _| Some(*cluster) == done.id.cluster);
        whole(&world, 3, &case);
    }
}

#[tokio::test]
async fn a_create_killed_again_and_again_gets_there() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let cancel = CancellationToken::new();
    let (name, spec) = (name(), shape(3, 1));
    // Each run gets a few calls further than the one before.
    for run in 0.. {
        assert!(run < 20, "it gets there");
        let manager = world.manager(&home);
        let cut = Cut { at: run, after: run % 2 == 0 };
        let ended = world.cut_short(cut, manager.create(&name, &spec, &cancel)).await;
        if let Some(ended) = ended {
            assert!(ended.expect("create").converged);
            break;
        }
    }
    whole(&world, 6, "at the end");
}

#[tokio::test]
async fn a_destroy_killed_at_any_call_is_finished_by_the_next() {
    for after in [false, true] {
        for at in 0..6 {
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let manager = world.manager(&home);
            let made = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
            let ended = world.cut_short(Cut { at, after }, manager.destroy(&made.id)).await;
            assert!(ended.is_none(), "killed");
            world.manager(&home).destroy(&made.id).await.expect("the next one");
            assert!(world.inside().machines.is_empty());
            assert!(matches!(manager.observe(&made.id).await.expect("observe"), Observed::Gone));
        }
    }
}

#[tokio::test]
async fn an_update_killed_at_any_call_is_finished_by_the_next() {
    let mut wanted = shape(3, 1);
    wanted.config.insert("maxmemory-policy".into(), "allkeys-lru".into());
    for after in [false, true] {
        for at in 0.. {
            let case = format!("killed at call {at}, after it was done: {after}");
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let (manager, cancel) = (world.manager(&home), CancellationToken::new());
            let made = manager.create(&name(), &shape(3, 1), &cancel).await.expect("create");
            // Another configuration, and a machine that is gone.
            world.lose(world.nodes()[4]);
            let ended = world.cut_short(Cut { at, after }, manager.update(&made.id, &wanted, &cancel)).await;
            if let Some(ended) = ended {
                assert!(ended.expect("nobody killed it").converged);
                assert_eq!(at, 4, "the configuration, a machine, its seat, its invitation");
                break;
            }
            let done = world.manager(&home).update(&made.id, &wanted, &cancel).await.expect(&case);
            assert!(done.converged, "{case}");
            assert_eq!(world.record().spec, wanted, "{case}");
            whole(&world, 6, &case);
        }
    }
}

#[tokio::test]
async fn a_user_that_is_set_or_removed_and_killed_at_any_call_is_as_the_next_one_asks() {
    let (app, user) = crate::users::user();
    for removed in [false, true] {
        for after in [false, true] {
            for at in 0.. {
                let case = format!("removed: {removed}, killed at call {at}, after it was done: {after}");
                let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
                let (manager, cancel) = (world.manager(&home), CancellationToken::new());
                let made = manager.create(&name(), &shape(3, 1), &cancel).await.expect("create");
                if removed {
                    manager.put_user(&made.id, &app, &user, &cancel).await.expect("put");
                }
                let change = async |manager: &justmanage_core::Manager| match removed {
                    true => manager.remove_user(&made.id, &app, &cancel).await,
                    false => manager.put_user(&made.id, &app, &user, &cancel).await.map(drop),
                };
                let ended = world.cut_short(Cut { at, after }, change(&manager)).await;
                if let Some(ended) = ended {
                    ended.expect("nobody killed it");
                    assert_eq!(at, 1 + u32::from(removed), "one change of the Record; whoever looks first presents it");
                    break;
                }
                change(&world.manager(&home)).await.expect(&case);
                let wanted = (!removed).then(|| crate::users::made_of(&user));
                assert_eq!(world.record().users.get(&app), wanted.as_ref(), "{case}");
            }
        }
    }
}
