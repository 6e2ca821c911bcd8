//! Spares: what a plan says of them, and what an apply does when one was used.

use tfkit::{Path, Severity, Value};

use crate::world::{CLUSTER, World, cluster, get, one, text, texts};

fn with(spares: i64) -> Value {
    cluster(&[("spares", spares.into())])
}

async fn roles(world: &mut World, id: &str) -> Vec<String> {
    let found = world.host.read_data_source(CLUSTER, &Value::object([("id", id.into())])).await.expect("found");
    let nodes = get(&found, "nodes").as_elements().expect("nodes").to_vec();
    nodes.iter().map(|node| get(node, "role").as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn spares_are_made_shown_and_taken_away_and_are_no_endpoints() {
    let mut world = World::new().await;
    let mut state = world.made(&with(2)).await;
    let id = text(&state.value, "id").to_owned();
    let said = roles(&mut world, &id).await;
    assert_eq!((said.len(), said[6..].to_vec()), (8, vec!["spare".to_owned(); 2]));
    let endpoints = texts(&state.value, "endpoints");
    assert_eq!(endpoints.len(), 6);
    assert!(world.plan(Some(&state), &with(2)).await.expect("plan").is_empty());
    let change = world.plan(Some(&state), &with(1)).await.expect("plan");
    assert_eq!(texts(&change.planned, "impact"), ["spares 2 -> 1: live"]);
    for count in [1, 0, 1] {
        let done = world.apply(Some(&state), &with(count)).await;
        assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
        state = world.refreshed(&done.state.expect("a state")).await;
        assert_eq!(texts(&state.value, "endpoints"), endpoints);
        assert_eq!(world.stage.record().spares.len(), usize::try_from(count).expect("few"));
        assert!(world.plan(Some(&state), &with(count)).await.expect("plan").is_empty());
    }
    world.host.destroy(CLUSTER, &state).await.expect_err("it is protected");
}

#[tokio::test]
async fn a_spare_that_was_used_shows_in_the_plan_and_an_apply_mends_it() {
    let mut world = World::new().await;
    let config = cluster(&[("spares", 1.into()), ("deletion_protection", false.into())]);
    let state = world.made(&config).await;
    let lost = world.stage.nodes()[5];
    world.stage.replace_by_spare(lost).expect("lost");
    let state = world.refreshed(&state).await;
    assert_eq!(get(&state.value, "converged"), &false.into());
    let change = world.plan(Some(&state), &config).await.expect("plan");
    let warning = one(&change.warnings, Severity::Warning);
    assert_eq!((warning.summary.as_str(), &warning.path), ("Spares used", &Path::attribute("spares")));
    assert!(
        warning.detail.starts_with("1 of 1 spare used; 1 lost machine is removed, 1 spare is made."),
        "{}",
        warning.detail
    );
    assert_eq!(get(&change.planned, "converged"), &true.into());
    let done = world.apply(Some(&state), &config).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    let state = world.refreshed(&done.state.expect("a state")).await;
    let record = world.stage.record();
    assert_eq!((record.members.len(), record.spares.len(), record.retired.len()), (6, 1, 0));
    assert!(!record.belongs(lost));
    let change = world.plan(Some(&state), &config).await.expect("plan");
    assert!(change.is_empty() && change.warnings.is_empty(), "{change:?}");
    world.host.destroy(CLUSTER, &state).await.expect("destroy");
}

#[tokio::test]
async fn how_long_a_node_is_to_be_lost_is_a_span_of_time() {
    let mut world = World::new().await;
    let after = |text: &str| cluster(&[("spares", 1.into()), ("spare_after", text.into())]);
    let state = world.made(&after("90s")).await;
    assert!(world.plan(Some(&state), &after("1m30s")).await.expect("plan").is_empty(), "the same span");
    let change = world.plan(Some(&state), &after("2m")).await.expect("plan");
    assert_eq!(texts(&change.planned, "impact"), ["spare_after: live"]);
    for wrong in ["5s", "8d", "soon"] {
        let error = one(&world.host.validate(CLUSTER, &after(wrong)).await.expect("diagnostics"), Severity::Error);
        assert_eq!(error.path, Path::attribute("spare_after"), "{wrong}: {error:?}");
    }
    let error = one(&world.host.validate(CLUSTER, &with(-1)).await.expect("diagnostics"), Severity::Error);
    assert_eq!(error.path, Path::attribute("spares"));
    let error = one(&world.host.validate(CLUSTER, &with(95)).await.expect("diagnostics"), Severity::Error);
    assert_eq!((error.path, error.summary.as_str()), (Path::attribute("spares"), "Too many nodes"));
}

#[tokio::test]
async fn a_plan_warns_of_spares_that_can_never_be_used_and_not_of_two_nodes_with_one() {
    let mut world = World::new().await;
    let shape = |shards: i64, replicas: i64, spares: i64| {
        cluster(&[("shards", shards.into()), ("replicas_per_shard", replicas.into()), ("spares", spares.into())])
    };
    let plan = world.plan(None, &shape(3, 0, 1)).await.expect("plan");
    assert!(plan.warnings.iter().any(|warning| warning.summary == "Spares without use"), "{:?}", plan.warnings);
    let plan = world.plan(None, &shape(1, 1, 1)).await.expect("plan");
    assert!(plan.warnings.is_empty(), "a spare is the third voter: {:?}", plan.warnings);
    let plan = world.plan(None, &shape(1, 1, 0)).await.expect("plan");
    assert_eq!(one(&plan.warnings, Severity::Warning).path, Path::attribute("replicas_per_shard"));
}
