//! The four verbs: idempotent, by claim, and without a trace at the end.

use std::fs;
use std::path::PathBuf;

use justmanage_platforms::{ClaimQuery, MachineRef, MachineState, Platform, PlatformError};

use crate::{Place, mode, order};

fn query(name: &str) -> ClaimQuery {
    ClaimQuery { name: name.parse().expect("name"), cluster: None }
}

#[tokio::test]
async fn a_machine_is_made_found_and_removed_without_a_trace() {
    let place = Place::new();
    let local = place.local();
    let order = order("cache", 1);

    let made = local.ensure(&order).await.expect("ensure");
    assert!(matches!(made.state, MachineState::Running(_)), "{:?}", made.state);
    let found = local.find(&query("cache")).await.expect("find");
    assert_eq!(found, std::slice::from_ref(&made));
    let reached = local.reach(&made).await.expect("reach");
    assert_eq!(reached.agent.agent.to_string(), "127.0.0.1:19000");

    local.remove(&made.reference).await.expect("remove");
    assert_eq!(local.find(&query("cache")).await.expect("find"), []);
    assert!(!place.root().path().exists(), "the last cluster takes the root with it");
    local.remove(&made.reference).await.expect("what is gone stays gone");
}

#[tokio::test]
async fn the_same_claim_gives_the_same_machine() {
    let place = Place::new();
    let first = place.local().ensure(&order("cache", 1)).await.expect("first");
    let second = place.local().ensure(&order("cache", 1)).await.expect("second");
    assert_eq!(first, second);
    assert_eq!(place.local().find(&query("cache")).await.expect("find").len(), 1);
}

#[tokio::test]
async fn only_what_is_asked_for_is_found() {
    let place = Place::new();
    let local = place.local();
    let cache = order("cache", 1);
    local.ensure(&cache).await.expect("cache");
    local.ensure(&order("queue", 2)).await.expect("queue");

    let of_name = local.find(&query("cache")).await.expect("find");
    assert_eq!(of_name.iter().map(|m| m.claim.clone()).collect::<Vec<_>>(), std::slice::from_ref(&cache.claim));
    let other = ClaimQuery { cluster: Some(order("x", 9).claim.cluster), ..query("cache") };
    assert_eq!(local.find(&other).await.expect("find"), []);

    local.remove(&of_name[0].reference).await.expect("remove");
    assert_eq!(local.find(&query("queue")).await.expect("find").len(), 1, "another cluster stays");
}

#[tokio::test]
async fn an_agent_that_does_not_run_is_a_machine_that_is_stopped() {
    let place = Place::new();
    let local = place.local();
    let made = local.ensure(&order("cache", 1)).await.expect("ensure");
    fs::remove_file(PathBuf::from(&made.reference.0).join("running")).expect("stop it");

    let found = local.find(&query("cache")).await.expect("find");
    assert_eq!(found[0].state, MachineState::Stopped);
    let refused = local.reach(&found[0]).await.expect_err("nobody to reach");
    assert!(matches!(refused, PlatformError::Unreachable { .. }), "{refused:?}");
}

#[tokio::test]
async fn the_agents_own_words_reach_the_user() {
    let place = Place::new();
    let local = place.local();
    let made = local.ensure(&order("cache", 1)).await.expect("ensure");
    fs::write(PathBuf::from(&made.reference.0).join("refuse"), "").expect("refuse");
    let failed = local.ensure(&order("cache", 1)).await.expect_err("refused");
    assert!(failed.to_string().contains("the port is taken. Free it."), "{failed}");
    assert!(failed.hint().is_some_and(|hint| hint.contains("agent.log")), "{failed:?}");
}

#[tokio::test]
async fn nobody_else_can_look_into_a_node() {
    let place = Place::new();
    let made = place.local().ensure(&order("cache", 1)).await.expect("ensure");
    let directory = PathBuf::from(&made.reference.0);
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(place.root().path()), 0o700);
    assert_eq!(mode(&place.root().programs()), 0o700);
}

#[tokio::test]
async fn a_directory_outside_the_root_is_never_removed() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().expect("temporary directory");
    let refused = place.local().remove(&MachineRef(elsewhere.path().display().to_string())).await.expect_err("refused");
    assert!(matches!(refused, PlatformError::Invalid { .. }), "{refused:?}");
    assert!(elsewhere.path().exists());
    assert_eq!(place.calls(), Vec::<String>::new(), "the agent is not even asked");
}

#[tokio::test]
async fn a_provider_without_its_agent_says_so() {
    let place = Place::new();
    fs::remove_file(place.agent()).expect("take the agent away");
    let failed = place.local().ensure(&order("cache", 1)).await.expect_err("no agent");
    assert!(matches!(&failed, PlatformError::Invalid { field, .. } if field == "agent"), "{failed:?}");
    assert_eq!(place.local().find(&query("cache")).await.expect("find"), [], "nothing half-made");
}
