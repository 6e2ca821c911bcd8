//! Creating: from nothing, from what was left, and cut short.

use justmanage_core::Locator;
use justmanage_core::manager::Observed;
use justmanage_model::{Phase, Pin};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, World, name, spec, summary};

fn token() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn a_cluster_is_made_and_found_again_by_its_id() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let manager = world.manager(&home);
    let made = manager.create(&name(), &spec(), &token()).await.expect("create");
    assert!(made.converged);
    assert_eq!(made.endpoints(), ["127.0.0.1:21000"]);

    let id: Locator = made.id.to_string().parse().expect("its id is a locator");
    let Observed::Here(seen) = manager.observe(&id).await.expect("observe") else { panic!("not here") };
    assert_eq!(seen.id, made.id);
    assert!(!world.record().unclaimed, "whoever presents the id claims the cluster");
}

#[tokio::test]
async fn the_newest_patch_of_the_line_that_has_tls_is_taken() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.manager(&home).create(&name(), &spec(), &token()).await.expect("create");
    assert_eq!(world.record().release.version.to_string(), "7.0.15");
}

#[tokio::test]
async fn a_version_that_cannot_be_had_leaves_nothing() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let mut spec = spec();
    spec.version = "7.2".parse().expect("version");
    let failed = world.manager(&home).create(&name(), &spec, &token()).await.expect_err("no 7.2");
    assert!(failed.view.is_none());
    assert!(failed.failure.detail.contains("7.0.15"), "it says what there is: {}", failed.failure);
    assert!(world.inside().machines.is_empty());
}

#[tokio::test]
async fn a_create_that_was_cut_short_before_its_machine_ran_tells_what_exists() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.inside().no_capacity = true;
    let failed = world.manager(&home).create(&name(), &spec(), &token()).await.expect_err("no capacity");
    assert_eq!(summary(&failed.failure), "No capacity");
    let view = failed.view.expect("the id must be kept, or nobody finds the rest");
    assert!(view.id.cluster.is_some() && view.record.is_none());
}

#[tokio::test]
async fn what_was_left_unfinished_is_finished_by_the_next_create() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.inside().behaviour = Behaviour::Hesitates;
    let failed = world.manager(&home).create(&name(), &spec(), &token()).await.expect_err("no progress");
    assert_eq!(summary(&failed.failure), "Cluster makes no progress");
    let first = failed.view.expect("view").id;

    world.inside().behaviour = Behaviour::Converges;
    let made = world.manager(&home).create(&name(), &spec(), &token()).await.expect("resume");
    assert_eq!(made.id, first, "the same cluster");
    assert_eq!(world.inside().removed, []);
}

#[tokio::test]
async fn what_was_left_unfinished_and_is_wanted_otherwise_is_made_anew() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.inside().behaviour = Behaviour::Hesitates;
    let first =
        world.manager(&home).create(&name(), &spec(), &token()).await.expect_err("no progress").view.expect("view");

    world.inside().behaviour = Behaviour::Converges;
    let mut other = spec();
    other.memory = "128MiB".parse().expect("memory");
    let made = world.manager(&home).create(&name(), &other, &token()).await.expect("create");
    assert_ne!(made.id, first.id);
    assert_eq!(world.inside().removed.len(), 1);
    assert_eq!(world.inside().machines.len(), 1);
}

#[tokio::test]
async fn a_formed_cluster_that_nobody_claimed_is_adopted_and_a_claimed_one_refused() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let manager = world.manager(&home);
    let made = manager.create(&name(), &spec(), &token()).await.expect("create");
    let adopted = manager.create(&name(), &spec(), &token()).await.expect("adopt");
    assert_eq!(adopted.id, made.id);

    manager.observe(&made.id).await.expect("present the id");
    let refused = manager.create(&name(), &spec(), &token()).await.expect_err("it holds data");
    assert!(refused.view.is_none() && refused.failure.detail.contains("holds data"), "{}", refused.failure);
    assert_eq!(world.inside().machines.len(), 1);
}

#[tokio::test]
async fn a_cluster_of_another_operator_is_refused() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.manager(&home).create(&name(), &spec(), &token()).await.expect("create");
    for record in world.inside().groups.values_mut() {
        record.operators = [Pin::from_digest([7; 32])].into();
    }
    let refused = world.manager(&home).create(&name(), &spec(), &token()).await.expect_err("another operator");
    assert!(refused.failure.detail.contains("another operator"), "{}", refused.failure);
}

#[tokio::test]
async fn agents_that_do_not_run_are_started_before_anything_is_decided() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let manager = world.manager(&home);
    let made = manager.create(&name(), &spec(), &token()).await.expect("create");
    world.stop_agents();
    let adopted = manager.create(&name(), &spec(), &token()).await.expect("wake and adopt");
    assert_eq!(adopted.id, made.id);
}

#[tokio::test]
async fn a_stop_ends_the_wait_and_tells_what_exists() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.inside().behaviour = Behaviour::FormsOnly;
    let cancel = token();
    let manager = world.manager(&home).with_patience(std::time::Duration::from_secs(3600));
    let name = name();
    let spec = spec();
    let (result, ()) = tokio::join!(manager.create(&name, &spec, &cancel), async {
        while world.inside().groups.is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    let stopped = result.expect_err("stopped");
    assert_eq!(summary(&stopped.failure), "Interrupted");
    assert!(stopped.view.is_some());
}

#[tokio::test]
async fn no_progress_after_formed_keeps_the_phase_so_that_data_is_never_tainted() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    world.inside().behaviour = Behaviour::FormsOnly;
    let failed = world.manager(&home).create(&name(), &spec(), &token()).await.expect_err("not converged");
    let record = failed.view.and_then(|view| view.record).expect("a record");
    assert_eq!(record.phase, Phase::Formed);
}
