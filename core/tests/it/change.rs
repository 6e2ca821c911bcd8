//! Changing, looking, removing: by compare-and-set, by claims, and after a restart of the machine.

use justmanage_core::manager::Observed;
use justmanage_core::{ClusterView, Manager};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, World, spec, summary};

async fn made(world: &World, home: &tempfile::TempDir) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let name = "cache".parse().expect("name");
    let view = manager.create(&name, &spec(), &CancellationToken::new()).await.expect("create");
    (manager, view)
}

#[tokio::test]
async fn agents_that_do_not_run_show_as_unfinished_work_and_an_update_starts_them() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.stop_agents();
    let Observed::Here(seen) = manager.observe(&view.id).await.expect("observe") else { panic!("not here") };
    assert!(!seen.converged && seen.record.is_none());
    assert!(seen.waiting_on[0].contains("an apply starts them"), "{:?}", seen.waiting_on);
    assert!(seen.needs_apply);

    let after = manager.update(&view.id, &spec(), &CancellationToken::new()).await.expect("update");
    assert!(after.converged);
    assert!(!world.record().unclaimed);
}

#[tokio::test]
async fn agents_that_keep_silent_are_not_gone() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().behaviour = Behaviour::Silent;
    let Observed::Unreachable(failure) = manager.observe(&view.id).await.expect("observe") else {
        panic!("not silent")
    };
    assert_eq!(summary(&failure), "Agent not reachable");
}

#[tokio::test]
async fn an_operator_key_that_is_not_known_is_an_error_with_the_way_back() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().behaviour = Behaviour::Denies;
    let failure = manager.observe(&view.id).await.expect_err("denied");
    assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("operator_key")), "{failure}");
}

#[tokio::test]
async fn what_cannot_be_changed_in_place_is_refused_and_nothing_is_touched() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    manager.observe(&view.id).await.expect("claim it");
    let before = world.record();
    let mut other = spec();
    other.testing.plaintext = true;
    let failed = manager.update(&view.id, &other, &CancellationToken::new()).await.expect_err("refused");
    assert_eq!(summary(&failed.failure), "Testing switches differ");
    assert_eq!(world.record(), before);
}

#[tokio::test]
async fn a_cluster_goes_by_its_claims_also_when_no_agent_answers() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().behaviour = Behaviour::Silent;
    manager.destroy(&view.id).await.expect("destroy");
    assert!(world.inside().machines.is_empty());
    assert!(matches!(manager.observe(&view.id).await.expect("observe"), Observed::Gone));
    manager.destroy(&view.id).await.expect("again");
}

#[tokio::test]
async fn a_destroy_is_done_when_it_has_looked_and_found_nothing() {
    for (made_again, done) in [(0, true), (2, true), (3, false), (100, false)] {
        let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
        let (manager, view) = made(&world, &home).await;
        world.inside().made_again = made_again;
        let ended = manager.destroy(&view.id).await;
        assert_eq!(ended.is_ok(), done, "{made_again}: {ended:?}");
        assert_eq!(world.inside().machines.is_empty(), done, "{made_again}: what is left is said");
        if let Err(failure) = ended {
            assert_eq!(summary(&failure), "Cluster is being made again");
            assert!(failure.to_string().contains("destroy again"), "{failure}");
        }
        world.inside().made_again = 0;
        manager.destroy(&view.id).await.expect("alone");
        assert!(world.inside().machines.is_empty());
    }
}

#[tokio::test]
async fn what_the_agents_do_by_themselves_needs_no_apply() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let seen = async || match manager.observe(&view.id).await.expect("observe") {
        Observed::Here(view) => view,
        other => panic!("not here: {other:?}"),
    };
    world.inside().behaviour = Behaviour::FormsOnly;
    let at_work = seen().await;
    assert!(!at_work.converged && !at_work.needs_apply, "{:?}", at_work.waiting_on);
    world.inside().behaviour = Behaviour::Stuck;
    let stuck = seen().await;
    assert!(!stuck.converged && stuck.needs_apply, "{:?}", stuck.waiting_on);
    world.stop_agents();
    assert!(seen().await.needs_apply, "nobody is there to do anything");
}

#[tokio::test]
async fn a_machine_that_an_update_made_of_one_that_was_just_removed_goes_again() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.stop_agents();
    // Somebody destroys it after the update has looked: what is started then has never been told anything.
    world.inside().invitations.clear();
    let unfinished = manager.update(&view.id, &spec(), &CancellationToken::new()).await.expect_err("it is gone");
    assert!(unfinished.view.is_none(), "nothing exists");
    assert_eq!(summary(&unfinished.failure), "Cluster not found");
    assert!(world.inside().machines.is_empty());
}

#[tokio::test]
async fn a_change_of_what_somebody_else_has_changed_meanwhile_is_refused() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let cancel = CancellationToken::new();
    let (mut theirs, mut ours) = (spec(), spec());
    theirs.memory = justmanage_model::Bytes::mib(128);
    ours.config.insert("maxmemory-policy".into(), "allkeys-lru".into());
    manager.update_from(&view.id, &spec(), &theirs, &cancel).await.expect("they are first");
    let unfinished = manager.update_from(&view.id, &spec(), &ours, &cancel).await.expect_err("ours is of before");
    assert_eq!(summary(&unfinished.failure), "Cluster was changed by somebody else");
    assert_eq!(world.record().spec, theirs, "nothing of theirs is undone");
    assert!(unfinished.view.is_some_and(|view| view.record.is_some_and(|record| record.spec == theirs)), "true state");
    // Asked again for what is there already, there is nothing to refuse.
    manager.update_from(&view.id, &spec(), &theirs, &cancel).await.expect("as it is");
    ours.memory = theirs.memory;
    manager.update_from(&view.id, &theirs, &ours, &cancel).await.expect("planned from what is");
    assert_eq!(world.record().spec, ours);
}
