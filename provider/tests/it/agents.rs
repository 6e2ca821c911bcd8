//! Agents that are older or newer than those that come with the provider.

use tfkit::{Severity, Value};

use crate::world::{World, cluster, get, one, text};

fn version(text: &str) -> justmanage_model::Version {
    text.parse().expect("a version")
}

#[tokio::test]
async fn a_newer_provider_shows_and_makes_an_upgrade_of_the_agents() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    assert_eq!(text(&state.value, "agent_version"), "0.1.0");
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());

    world.stage.brings(version("0.2.0")).expect("another program");
    world.restart(&[]).await;
    let state = world.refreshed(&state).await;
    let plan = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(!plan.is_empty() && plan.replace.is_empty(), "an update in place");
    assert_eq!(text(&plan.planned, "agent_version"), "0.2.0", "known in the plan");
    for other in ["endpoints", "version_actual", "converged", "waiting_on", "ca_certificate"] {
        assert_eq!(get(&plan.planned, other), get(&state.value, other), "{other} stays");
    }
    let done = world.apply(Some(&state), &cluster(&[])).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    let state = done.state.expect("a state");
    assert_eq!(text(&state.value, "agent_version"), "0.2.0");
    let state = world.refreshed(&state).await;
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
}

#[tokio::test]
async fn an_older_provider_warns_and_leaves_newer_agents_as_they_are() {
    let mut world = World::new().await;
    world.stage.brings(version("0.3.0")).expect("another program");
    let state = world.made(&cluster(&[])).await;
    world.stage.brings(version("0.2.0")).expect("another program");
    world.restart(&[]).await;
    let state = world.refreshed(&state).await;
    let plan = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(plan.is_empty());
    assert_eq!(one(&plan.warnings, Severity::Warning).summary, "Agents are newer than this provider");
    let changed = cluster(&[("config", Value::map([("maxmemory-policy", "allkeys-lru".into())]))]);
    let done = world.apply(Some(&state), &changed).await;
    assert_eq!(text(&done.state.expect("a state").value, "agent_version"), "0.3.0");
}
