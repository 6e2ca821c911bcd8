//! `timeouts` of a cluster: an operation that takes longer ends, says which timeout it was, and leaves the truth in the state.

use justmanage_model::{Phase, Waiting};
use tfkit::{Path, Severity, Value};

use crate::world::{World, cluster, get, one};

fn with(operation: &str, limit: &str, more: &[(&str, Value)]) -> Value {
    let limits = ["create", "read", "update", "delete"]
        .map(|name| (name, if name == operation { Value::from(limit) } else { Value::Null }));
    let timeouts: [(&str, Value); 1] = [("timeouts", Value::object(limits))];
    cluster(&[&timeouts[..], more].concat())
}

#[tokio::test]
async fn a_create_that_takes_longer_is_tainted_while_it_is_empty() {
    let mut world = World::new().await;
    world.stage.no_further_than(Some(Phase::Forming));
    let failed = world.apply(None, &with("create", "1s", &[])).await;
    let error = one(&failed.diagnostics, Severity::Error);
    assert_eq!(error.summary, "Timeout of the create reached");
    assert_eq!(error.path, Path::attribute("timeouts").attr("create"));
    assert!(error.detail.contains("raise timeouts.create"), "{}", error.detail);
    assert!(failed.tainted);
    assert!(failed.state.is_some_and(|state| get(&state.value, "id").as_str().is_some()), "it is not forgotten");
}

#[tokio::test]
async fn a_create_that_takes_longer_after_it_has_served_is_a_warning_and_finished_by_the_next_apply() {
    let mut world = World::new().await;
    let node = Waiting::ViewsDiffer;
    world.stage.wait_for_always(vec![node]);
    let config = with("create", "2s", &[]);
    let made = world.apply(None, &config).await;
    assert_eq!(one(&made.diagnostics, Severity::Warning).summary, "Timeout of the create reached");
    let state = made.state.expect("a state");
    assert_eq!(get(&state.value, "converged"), &false.into());
    world.stage.wait_for_always(Vec::new());
    let done = world.apply(Some(&state), &config).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert_eq!(get(&done.state.expect("a state").value, "converged"), &true.into());
}

#[tokio::test]
async fn an_update_that_takes_longer_is_an_error_that_keeps_the_truth() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    world.stage.wait_for_always(vec![Waiting::ViewsDiffer]);
    let failed = world.apply(Some(&state), &with("update", "2s", &[("memory", "128MiB".into())])).await;
    assert_eq!(one(&failed.diagnostics, Severity::Error).summary, "Timeout of the update reached");
    let state = failed.state.expect("a state");
    assert_eq!(get(&state.value, "converged"), &false.into());
    assert_eq!(get(&state.value, "memory"), &"128MiB".into(), "the agents were told");
}

#[tokio::test]
async fn a_change_of_timeouts_alone_reaches_nobody() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let generation = world.stage.record().generation;
    let config = with("delete", "2m", &[]);
    let change = world.plan(Some(&state), &config).await.expect("plan");
    assert!(!change.is_empty() && change.planned.is_wholly_known(), "{:?}", change.planned);
    let done = world.apply(Some(&state), &config).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert_eq!(world.stage.record().generation, generation);
    let state = world.refreshed(&done.state.expect("a state")).await;
    assert!(world.plan(Some(&state), &config).await.expect("plan").is_empty());
}

#[tokio::test]
async fn a_timeout_that_is_none_is_blamed() {
    let mut world = World::new().await;
    let errors = world.host.validate(crate::world::CLUSTER, &with("update", "soon", &[])).await.expect("an answer");
    let error = one(&errors, Severity::Error);
    assert_eq!(error.path, Path::attribute("timeouts").attr("update"));
}
