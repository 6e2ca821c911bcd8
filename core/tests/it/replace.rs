//! Members whose machines are gone: shown, replaced one by one in their seats, and never more than those.

use std::collections::BTreeSet;

use justmanage_core::manager::Observed;
use justmanage_core::{ClusterView, Manager};
use justmanage_model::record::Operation;
use justmanage_model::{Claim, Grant, NodeId, Seat};
use justmanage_platforms::{ClaimQuery, MachineOrder, Platform};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, Cut, World, name, shape, summary};

async fn made(world: &World, home: &tempfile::TempDir) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let view = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    manager.observe(&view.id).await.expect("claim it");
    world.inside().calls.clear();
    (manager, view)
}

async fn seen(manager: &Manager, view: &ClusterView) -> ClusterView {
    match manager.observe(&view.id).await.expect("observe") {
        Observed::Here(view) => *view,
        other => panic!("not here: {other:?}"),
    }
}

async fn update(manager: &Manager, view: &ClusterView) -> ClusterView {
    manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect("update")
}

fn seat_of(world: &World, node: NodeId) -> Seat {
    world.record().members[&node].seat
}

#[tokio::test]
async fn a_machine_that_is_gone_shows_and_an_update_replaces_it_in_its_seat() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let before = world.record();
    let lost = world.nodes()[3];
    let seat = seat_of(&world, lost);
    world.lose(lost);

    let now = seen(&manager, &view).await;
    assert!(!now.converged && now.needs_apply);
    assert_eq!(now.missing, [(lost, seat)]);
    assert!(now.waiting_on[0].contains("an apply replaces it"), "{:?}", now.waiting_on);
    assert_eq!(now.nodes[3].state.as_str(), "missing");

    let after = update(&manager, &view).await;
    assert!(after.converged);
    let record = world.record();
    let new = world.nodes()[3];
    assert_ne!(new, lost, "a new machine is a new node");
    assert_eq!(record.members[&new].seat, seat);
    assert_eq!(record.members[&new].bus_id, None, "it has not joined yet, as far as an operator can know");
    assert_eq!(record.generation.get(), before.generation.get() + 1, "one change for one node");
    let others = |of: &justmanage_model::Record, not: NodeId| {
        of.members
            .iter()
            .filter(|(node, _)| **node != not)
            .map(|(node, member)| (*node, member.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&record, new), others(&before, lost), "nobody else was touched");
    assert_eq!(world.inside().calls, ["ensure", "propose", "invite"]);
    assert!(seen(&manager, &view).await.converged);
}

#[tokio::test]
async fn two_machines_are_replaced_by_two_changes() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let before = world.record().generation.get();
    let lost = [world.nodes()[0], world.nodes()[5]];
    lost.iter().for_each(|node| world.lose(*node));
    update(&manager, &view).await;
    assert_eq!(world.record().generation.get(), before + 2);
    assert_eq!(world.inside().machines.len(), 6);
    assert!(lost.iter().all(|node| !world.record().members.contains_key(node)));
}

#[tokio::test]
async fn removing_a_member_ends_its_grant_and_no_other() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let nodes = world.nodes();
    for (granted, stays) in [(nodes[1], true), (nodes[3], false)] {
        let lost = world.nodes()[3];
        {
            let mut inside = world.inside();
            let record = inside.groups.values_mut().next().expect("group");
            let given = record.generation;
            record.grant = Some(Grant {
                operation: Operation::Restart,
                nodes: BTreeSet::from([granted]),
                given,
                moves: Vec::new(),
            });
        }
        world.lose(lost);
        if !stays {
            let mut inside = world.inside();
            let record = inside.groups.values_mut().next().expect("group");
            let given = record.generation;
            record.grant =
                Some(Grant { operation: Operation::Restart, nodes: BTreeSet::from([lost]), given, moves: Vec::new() });
        }
        update(&manager, &view).await;
        assert_eq!(world.record().grant.is_some(), stays);
    }
}

#[tokio::test]
async fn a_machine_that_a_killed_update_left_takes_its_seat_or_goes() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let lost = world.nodes()[3];
    let seat = seat_of(&world, lost);
    world.lose(lost);
    let claim = |number: u8, seat| Claim {
        cluster: view.id.cluster.expect("id"),
        name: name(),
        node: NodeId::from_entropy([number; 10]),
        seat: Some(seat),
    };
    let (fits, surplus) = (claim(1, seat), claim(2, Seat { shard: 0, ordinal: 0 }));
    for claim in [&fits, &surplus] {
        let order = MachineOrder::new((*claim).clone(), BTreeSet::new());
        world.ensure(&order).await.expect("left by somebody");
    }
    update(&manager, &view).await;
    assert!(world.record().members.contains_key(&fits.node), "it is used");
    assert!(!world.inside().machines.contains_key(&surplus.node), "its seat is taken: it goes");
    assert_eq!(world.inside().machines.len(), 6);
}

#[tokio::test]
async fn a_machine_that_comes_back_after_it_was_replaced_goes_unless_it_still_thinks_itself_a_member() {
    for thinks_so in [false, true] {
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let (manager, view) = made(&world, &home).await;
        let lost = world.nodes()[3];
        let machine = world.inside().machines[&lost].clone();
        let invitation = world.inside().invitations[&lost].clone();
        let before = world.record();
        world.lose(lost);
        update(&manager, &view).await;
        // It was only out of sight: its disk is mounted again.
        world.inside().machines.insert(lost, machine);
        world.inside().invitations.insert(lost, invitation);
        if thinks_so {
            world.inside().stale.insert(lost, before);
        }
        update(&manager, &view).await;
        // What may hold the only copy of something is for a person to look at.
        assert_eq!(world.inside().machines.contains_key(&lost), thinks_so);
    }
}

#[tokio::test]
async fn nothing_is_made_when_the_majority_is_gone() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    for node in &world.nodes()[..3] {
        world.lose(*node);
    }
    let failed = manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect_err("no majority");
    assert_eq!(summary(&failed.failure), "No majority of agents");
    assert_eq!(world.inside().machines.len(), 3);
    assert_eq!(world.inside().calls, Vec::<&str>::new());
}

#[tokio::test]
async fn an_update_killed_at_any_call_is_finished_by_the_next() {
    for after in [false, true] {
        for at in 0.. {
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let (manager, view) = made(&world, &home).await;
            world.lose(world.nodes()[3]);
            world.lose(world.nodes()[0]);
            let mut spec = shape(3, 1);
            spec.memory = "128MiB".parse().expect("memory");
            let cancel = CancellationToken::new();
            let ended = world.cut_short(Cut { at, after }, manager.update(&view.id, &spec, &cancel)).await;
            if let Some(ended) = ended {
                assert!(ended.expect("nobody killed it").converged);
                assert!(at >= 7, "every call was cut once: {at}");
                break;
            }
            let done = world.manager(&home).update(&view.id, &spec, &cancel).await.expect("the next one");
            assert!(done.converged, "cut at {at}, after: {after}");
            let query = ClaimQuery { name: name(), cluster: None };
            let machines: BTreeSet<NodeId> =
                world.find(&query).await.expect("find").into_iter().map(|machine| machine.claim.node).collect();
            let members: BTreeSet<NodeId> = world.record().members.keys().copied().collect();
            assert_eq!(
                machines, members,
                "cut at {at}, after: {after}: every machine is a member, and there is no other"
            );
            assert_eq!(members.len(), 6);
            assert_eq!(world.record().spec, spec);
        }
    }
}

#[tokio::test]
async fn an_agent_that_cannot_be_started_is_what_the_user_hears_of() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let stopped = world.nodes()[3];
    world.inside().machines.get_mut(&stopped).expect("machine").state = justmanage_platforms::MachineState::Stopped;
    world.inside().broken.insert(stopped);
    let mut spec = shape(3, 1);
    spec.memory = "128MiB".parse().expect("memory");
    let failed = manager.update(&view.id, &spec, &CancellationToken::new()).await.expect_err("it does not start");
    assert!(failed.failure.detail.contains("the port is taken"), "{}", failed.failure);
    assert_eq!(world.record().spec, spec, "the others have what is wanted");
    world.inside().broken.clear();
    assert!(manager.update(&view.id, &spec, &CancellationToken::new()).await.expect("now it does").converged);
    assert_eq!(world.inside().behaviour, Behaviour::Converges);
}
