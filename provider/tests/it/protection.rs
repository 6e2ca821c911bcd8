//! Protection against being destroyed: refused before users go, once more in the destroy itself, and never in the way otherwise.

use tfkit::Severity;
use tfkit::testing::Applied;

use crate::world::{CLUSTER, World, cluster, get, one, refused};

const SUMMARY: &str = "Cluster is protected from being destroyed";

#[tokio::test]
async fn a_destroy_is_refused_in_its_plan_until_protection_is_off() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let error = refused(world.host.plan_destroy(CLUSTER, &state).await);
    assert_eq!(error.summary, SUMMARY);
    assert!(error.detail.contains("deletion_protection = false"), "{}", error.detail);

    let free = cluster(&[("deletion_protection", false.into())]);
    let generation = world.stage.record().generation;
    let freed = world.apply(Some(&state), &free).await;
    assert!(freed.diagnostics.is_empty(), "{:?}", freed.diagnostics);
    assert_eq!(world.stage.record().generation, generation, "the change is Terraform's alone");
    let state = freed.state.expect("a state");
    let destroy = world.host.plan_destroy(CLUSTER, &state).await.expect("free");
    assert!(world.host.apply(&destroy).await.expect("lawful").state.is_none());
    assert!(!world.stage.clusters().exists(), "nothing is left");
}

#[tokio::test]
async fn a_change_of_protection_leaves_everything_else_known_in_the_plan() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let change = world.plan(Some(&state), &cluster(&[("deletion_protection", false.into())])).await.expect("plan");
    assert!(change.planned.is_wholly_known(), "{:?}", change.planned);
}

#[tokio::test]
async fn a_replacement_of_a_cluster_that_holds_data_is_refused_too() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    // Terraform plans no destroy when it replaces something (tainted by hand): only the call itself can refuse.
    let mut free = state.clone();
    free.value = cluster_with(&free.value, false);
    let destroy = world.host.plan_destroy(CLUSTER, &free).await.expect("this one is free");
    let with_prior = destroy.of(&state);
    let Applied { state: left, diagnostics, .. } = world.host.apply(&with_prior).await.expect("lawful");
    assert_eq!(one(&diagnostics, Severity::Error).summary, SUMMARY);
    assert!(left.is_some() && world.stage.nodes().len() == 6, "it is still there");
}

fn cluster_with(state: &tfkit::Value, protected: bool) -> tfkit::Value {
    let mut state = state.clone();
    state.set(&tfkit::Path::attribute("deletion_protection"), protected.into()).expect("an attribute");
    state
}

#[tokio::test]
async fn a_cluster_that_nobody_can_ask_is_protected_and_can_be_set_free() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    for node in world.stage.nodes() {
        world.stage.silence(node);
    }
    let error = refused(world.host.plan_destroy(CLUSTER, &state).await);
    assert!(error.detail.contains("may hold data"), "{}", error.detail);
    let free = cluster(&[("deletion_protection", false.into())]);
    let freed = world.apply(Some(&state), &free).await;
    assert!(freed.diagnostics.is_empty(), "{:?}", freed.diagnostics);
    let destroy = world.host.plan_destroy(CLUSTER, &freed.state.expect("a state")).await.expect("free");
    assert!(world.host.apply(&destroy).await.expect("lawful").state.is_none());
}

#[tokio::test]
async fn a_cluster_with_unfinished_work_can_be_set_free_although_the_apply_fails() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    for node in &world.stage.nodes()[..3] {
        world.stage.lose(*node).expect("lost");
    }
    let state = world.refreshed(&state).await;
    assert_eq!(get(&state.value, "converged"), &false.into());
    let free = cluster(&[("deletion_protection", false.into())]);
    let failed = world.apply(Some(&state), &free).await;
    assert_eq!(one(&failed.diagnostics, Severity::Error).summary, "No majority of agents");
    let state = failed.state.expect("a state");
    assert_eq!(get(&state.value, "deletion_protection"), &false.into());
    let destroy = world.host.plan_destroy(CLUSTER, &state).await.expect("free");
    assert!(world.host.apply(&destroy).await.expect("lawful").state.is_none());
    assert!(!world.stage.clusters().exists());
}
