//! Spares: made with the cluster, counted by every apply, and taken away again; whoever is killed is followed by one who goes on.

use std::collections::BTreeSet;

use justmanage_core::manager::Observed;
use justmanage_core::view::RoleView;
use justmanage_core::{ClusterView, Manager};
use justmanage_model::pool::Zone;
use justmanage_model::{Bytes, ClusterSpec, NodeId};
use tokio_util::sync::CancellationToken;

use crate::world::{Cut, World, name, shape, summary};

fn with(spares: u16) -> ClusterSpec {
    ClusterSpec { spares, ..shape(3, 1) }
}

async fn made(world: &World, home: &tempfile::TempDir, spares: u16) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let made = manager.create(&name(), &with(spares), &CancellationToken::new()).await.expect("create");
    manager.observe(&made.id).await.expect("claim it");
    world.inside().calls.clear();
    (manager, made)
}

async fn seen(manager: &Manager, view: &ClusterView) -> ClusterView {
    match manager.observe(&view.id).await.expect("observe") {
        Observed::Here(view) => *view,
        other => panic!("not here: {other:?}"),
    }
}

/// What is not so: there are exactly the members and so many spares, each with a machine that was told, and nothing is left over.
fn lacking(world: &World, spares: usize) -> Vec<String> {
    let (record, inside) = (world.record(), world.inside());
    let machines: BTreeSet<NodeId> = inside.machines.keys().copied().collect();
    let nodes: BTreeSet<NodeId> = record.agents().map(|(node, _)| node).collect();
    let counts = (record.members.len(), record.spares.len(), record.retired.len(), usize::from(record.spec.spares));
    let told = nodes.iter().all(|node| inside.invitations.contains_key(node));
    let checks = [
        (machines == nodes, format!("machines {machines:?} and not {nodes:?}")),
        (told, "somebody was not told".to_owned()),
        (
            counts == (6, spares, 0, spares),
            format!("members, spares, retired and spares that are asked for: {counts:?}"),
        ),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what).collect()
}

fn whole(world: &World, spares: usize, case: &str) {
    assert_eq!(lacking(world, spares), Vec::<String>::new(), "{case}");
}

#[tokio::test]
async fn a_cluster_is_made_with_its_spares_which_serve_nobody() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 2).await;
    whole(&world, 2, "made");
    let now = seen(&manager, &view).await;
    assert!(now.converged, "{:?}", now.waiting_on);
    assert_eq!(now.endpoints().len(), 6);
    let spares: Vec<_> = now.nodes.iter().filter(|node| node.role == RoleView::Spare).collect();
    assert!(spares.iter().all(|node| node.seat.is_none() && node.state.as_str() == "standing-by"), "{spares:?}");
    assert_eq!((spares.len(), now.nodes.len()), (2, 8));
    manager.destroy(&view.id).await.expect("destroy");
    assert!(world.inside().machines.is_empty());
}

#[tokio::test]
async fn spares_come_and_go_with_an_update_and_nobody_else_is_touched() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 0).await;
    let before = world.record().members;
    for count in [1, 3, 1, 0] {
        let cancel = CancellationToken::new();
        let done = manager.update(&view.id, &with(count), &cancel).await.expect("update");
        assert!(done.converged, "{:?}", done.waiting_on);
        whole(&world, count.into(), &format!("{count} spares"));
        assert_eq!(world.record().members, before);
    }
}

#[tokio::test]
async fn a_spare_that_was_used_shows_and_an_update_removes_the_lost_machine_and_makes_another() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 1).await;
    let lost = world.nodes()[3];
    world.inside().replace(lost);
    let now = seen(&manager, &view).await;
    assert!(!now.converged && now.needs_apply && now.spares_missing == 1, "{:?}", now.waiting_on);
    let says = |words: &str| now.waiting_on.iter().any(|one| one.contains(words));
    assert!(says("an apply removes its machine") && says("1 of 1 spare is used"), "{:?}", now.waiting_on);
    assert!(now.missing.is_empty(), "nobody with a place is missing");
    let done = manager.update(&view.id, &with(1), &CancellationToken::new()).await.expect("update");
    assert!(done.converged && done.waiting_on.is_empty(), "{:?}", done.waiting_on);
    whole(&world, 1, "afterwards");
    assert!(!world.inside().machines.contains_key(&lost), "and its agent was never started again");
}

#[tokio::test]
async fn an_update_during_which_a_spare_is_used_says_so_and_the_next_makes_another() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 1).await;
    let lost = world.nodes()[3];
    let before = world.record().generation;
    world.inside().lost_after = Some((before, lost));
    let (cancel, spec) = (CancellationToken::new(), ClusterSpec { memory: Bytes::mib(128), ..with(1) });
    let failed = manager.update(&view.id, &spec, &cancel).await.expect_err("a spare is missing");
    assert_eq!(summary(&failed.failure), "Spare was used");
    assert!(failed.view.is_some_and(|view| !view.converged && view.needs_apply));
    assert!(!world.inside().machines.contains_key(&lost));
    let done = manager.update(&view.id, &spec, &cancel).await.expect("update");
    assert!(done.converged, "{:?}", done.waiting_on);
    whole(&world, 1, "afterwards");
}

#[tokio::test]
async fn an_update_notes_in_which_zones_members_and_spares_stand() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 1).await;
    assert!(world.record().zones.is_empty(), "the platform has none");
    let nodes: Vec<NodeId> = world.record().agents().map(|(node, _)| node).collect();
    let zone = |name: &str| name.parse::<Zone>().expect("a zone");
    world.inside().zones.extend(nodes.iter().map(|node| (*node, zone("a"))));
    let update = async |spares| {
        let done = manager.update(&view.id, &with(spares), &CancellationToken::new()).await.expect("update");
        assert!(done.converged, "{:?}", done.waiting_on);
        world.record()
    };
    let record = update(1).await;
    assert_eq!(record.zones, nodes.iter().map(|node| (*node, zone("a"))).collect(), "the spare's, too");
    assert_eq!(update(1).await.generation, record.generation, "the same once more is no change");
    // One is put somewhere else, one nowhere that has a name, one goes.
    world.inside().zones.insert(nodes[0], zone("b"));
    world.inside().zones.remove(&nodes[1]);
    let zones = update(0).await.zones;
    assert_eq!((zones.get(&nodes[0]), zones.get(&nodes[1])), (Some(&zone("b")), None));
    assert_eq!(zones.keys().filter(|node| !world.nodes().contains(node)).count(), 0, "nobody who is gone");
    assert_eq!(zones.len(), 5);
}

#[tokio::test]
async fn a_spare_whose_machine_is_gone_is_made_again() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 1).await;
    let spare = *world.record().spares.keys().next().expect("a spare");
    world.lose(spare);
    let now = seen(&manager, &view).await;
    assert!(!now.converged && now.needs_apply && now.spares_missing == 1, "{:?}", now.waiting_on);
    manager.update(&view.id, &with(1), &CancellationToken::new()).await.expect("update");
    whole(&world, 1, "afterwards");
    assert!(!world.record().belongs(spare));
}

#[tokio::test]
async fn a_create_with_spares_killed_at_any_call_is_finished_by_the_next() {
    for after in [false, true] {
        for at in 0.. {
            let case = format!("killed at call {at}, after it was done: {after}");
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let cancel = CancellationToken::new();
            let (name, spec) = (name(), with(1));
            let manager = world.manager(&home);
            let ended = world.cut_short(Cut { at, after }, manager.create(&name, &spec, &cancel)).await;
            if let Some(ended) = ended {
                assert!(ended.expect("nobody killed it").converged);
                assert_eq!(at, 15, "seven machines, seven invitations, one founding");
                break;
            }
            let done = world.manager(&home).create(&name, &spec, &cancel).await.expect(&case);
            assert!(done.converged, "{case}: {:?}", done.waiting_on);
            whole(&world, 1, &case);
        }
    }
}

#[tokio::test]
async fn an_update_of_spares_killed_at_any_call_is_finished_by_the_next() {
    for (from, to, lost) in [(0, 2, false), (2, 0, false), (1, 1, true), (1, 2, true), (2, 1, true)] {
        for after in [false, true] {
            for at in 0.. {
                let case = format!("{from} to {to}, one lost: {lost}, killed at call {at}, after it was done: {after}");
                let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
                let (manager, view) = made(&world, &home, from).await;
                if lost {
                    let lost = world.nodes()[0];
                    world.inside().replace(lost);
                }
                let cancel = CancellationToken::new();
                let spec = with(to);
                let ended = world.cut_short(Cut { at, after }, manager.update(&view.id, &spec, &cancel)).await;
                if let Some(ended) = ended {
                    assert!(ended.expect("nobody killed it").converged, "{case}");
                    assert!(at >= 2, "every call was cut once: {at}");
                    break;
                }
                // Once it is asked for, the next plan shows all that is still to be done.
                let now = seen(&world.manager(&home), &view).await;
                let asked = world.record().spec.spares == to;
                assert!(
                    !asked || lacking(&world, to.into()).is_empty() || now.needs_apply && !now.converged,
                    "{case}: {:?}",
                    now.waiting_on
                );
                let done = world.manager(&home).update(&view.id, &spec, &cancel).await.expect(&case);
                assert!(done.converged, "{case}: {:?}", done.waiting_on);
                whole(&world, to.into(), &case);
            }
        }
    }
}
