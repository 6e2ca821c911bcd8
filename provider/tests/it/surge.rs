//! Temporary replicas for a change of the release: what the plan says, what the apply does, and what is left when it is killed.

use tfkit::testing::{Applied, State};
use tfkit::{Path, Severity, Value};

use crate::world::{World, cluster, get, one, refused, texts};

/// Three shards with a replica each, of this patch.
fn of(version: &str, surge: bool) -> Value {
    cluster(&[("version", version.into()), ("surge", surge.into())])
}

/// A cluster that runs 7.0.15 and may go over to 7.0.11, whose known holes are a warning of their own.
async fn made() -> (World, State) {
    let mut world = World::new().await;
    world.stage.add_redis("7.0.11".parse().expect("a version")).expect("a program");
    let state = world.made(&of("7.0.15", false)).await;
    let state = world.refreshed(&state).await;
    (world, state)
}

async fn is_there(world: &mut World, done: Applied, config: &Value) -> State {
    assert!(done.diagnostics.iter().all(|said| said.severity != Severity::Error), "{:?}", done.diagnostics);
    let state = done.state.expect("a state");
    assert_eq!((get(&state.value, "converged"), texts(&state.value, "endpoints").len()), (&true.into(), 6));
    let refreshed = world.refreshed(&state).await;
    let change = world.plan(Some(&refreshed), config).await.expect("plan");
    assert!(change.is_empty(), "{change:?}");
    let record = world.stage.record();
    assert_eq!((record.members.len(), record.surge, record.reshaping, record.retired.len()), (6, false, None, 0));
    let machines = std::fs::read_dir(world.stage.clusters().join("cache")).expect("a directory");
    let machines = machines.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().join("order.json").exists()));
    assert_eq!(machines.count(), 6, "no machine is left over");
    refreshed
}

#[tokio::test]
async fn a_plan_counts_what_is_made_for_the_roll_and_then_nothing_of_it_is_left() {
    let (mut world, state) = made().await;
    let wish = world.apply(Some(&state), &of("7.0.15", true)).await;
    assert_eq!(world.stage.record().members.len(), 6, "a wish alone makes nobody");
    let state = is_there(&mut world, wish, &of("7.0.15", true)).await;
    let change = world.plan(Some(&state), &of("7.0.11", true)).await.expect("plan");
    let said = change.warnings.iter().find(|warning| warning.summary == "Rolling downgrade").expect("a warning");
    let says =
        ["3 temporary replicas are made for the roll and removed after it", "up to 192MiB", "9 restarts, 3 handovers"];
    assert!(says.iter().all(|words| said.detail.contains(words)), "{}", said.detail);
    assert_eq!(
        texts(&change.planned, "impact"),
        ["redis 7.0.15 -> redis 7.0.11: rolling restart of 9 nodes, 3 of them temporary, 3 handovers"]
    );
    assert_eq!(get(&change.planned, "endpoints"), get(&state.value, "endpoints"), "temporary ones are none");
    let done = world.host.apply(&change).await.expect("lawful");
    is_there(&mut world, done, &of("7.0.11", true)).await;
    assert!(world.stage.record().layout >= 6, "agents that know of no temporary ones leave it alone");
}

#[tokio::test]
async fn an_apply_that_was_killed_shows_and_the_next_one_finishes() {
    for step in
        ["agents.propose: answered", "platform.ensure: answered", "agents.invite: asked", "platform.remove: asked"]
    {
        let (mut world, state) = made().await;
        world.dies_at(step).await;
        let change = world.plan(Some(&state), &of("7.0.11", true)).await.expect("plan");
        world.host.apply(&change).await.expect_err(step);
        assert!(world.has_died().await, "{step}");
        let state = world.refreshed(&state).await;
        assert_eq!(get(&state.value, "converged"), &false.into(), "{step}");
        let change = world.plan(Some(&state), &of("7.0.11", true)).await.expect("plan");
        assert!(!change.is_empty(), "{step}");
        let done = world.host.apply(&change).await.expect("lawful");
        is_there(&mut world, done, &of("7.0.11", true)).await;
    }
}

#[tokio::test]
async fn a_roll_that_does_not_get_on_shows_until_somebody_turns_back_or_goes_on() {
    for version in ["7.0.11", "7.0.15"] {
        let (mut world, state) = made().await;
        world.stage.hold_servers(true);
        let failed = world.apply(Some(&state), &of("7.0.11", true)).await;
        assert_eq!(one(&failed.diagnostics, Severity::Error).summary, "Cluster makes no progress");
        let state = failed.state.expect("a state");
        assert_eq!((get(&state.value, "converged"), texts(&state.value, "endpoints").len()), (&false.into(), 6));
        let state = world.refreshed(&state).await;
        assert_eq!((world.stage.record().members.len(), get(&state.value, "converged")), (9, &false.into()));
        let error = refused(world.plan(Some(&state), &of("7.0.11", false)).await);
        assert_eq!((error.summary.as_str(), &error.path), ("One way at a time", &Path::attribute("surge")));
        world.stage.hold_servers(false);
        let change = world.plan(Some(&state), &of(version, true)).await.expect("plan");
        assert!(!change.is_empty(), "{version}");
        let done = world.host.apply(&change).await.expect("lawful");
        is_there(&mut world, done, &of(version, true)).await;
    }
}

#[tokio::test]
async fn a_plan_refuses_another_shape_at_the_same_time_and_a_surge_that_is_left_out_is_none() {
    let (mut world, state) = made().await;
    let both = cluster(&[("version", "7.0.11".into()), ("surge", true.into()), ("shards", 4.into())]);
    let error = refused(world.plan(Some(&state), &both).await);
    assert_eq!((error.summary.as_str(), &error.path), ("One way at a time", &Path::attribute("shards")));
    assert!(error.detail.contains("surge = true"), "{error:?}");
    let without = cluster(&[("version", "7.0.15".into())]);
    let done = world.apply(Some(&state), &without).await;
    let state = done.state.expect("a state");
    assert!(get(&state.value, "surge").is_null());
    assert!(world.plan(Some(&state), &without).await.expect("plan").is_empty());
}
