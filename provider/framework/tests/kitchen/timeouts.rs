//! Timeouts: what happens when they pass, and that they alone are no change.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::core::Core;
use crate::values::{has, json as shown};

const OVEN: &str = "kitchen_oven";

async fn kitchen() -> (TempDir, Core) {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    (directory, core)
}

#[tokio::test]
async fn a_create_that_takes_too_long_ends_with_what_exists_and_names_the_timeout() {
    let (_directory, core) = kitchen().await;
    let config = json!({ "name": "o", "mode": "slow", "timeouts": { "create": "50ms" } });
    let began = Instant::now();
    let late = core.apply(OVEN, None, &config).await;
    assert!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    let error = late.error();
    assert_eq!((error.summary.as_str(), error.path.as_str()), ("Timeout of the create reached", "timeouts.create"));
    assert!(error.detail.contains("50ms") && error.detail.contains("raise timeouts.create"), "{}", error.detail);
    has(&late.state, &json!({ "id": "o", "mode": "slow", "status": null }));
    // Others are not stopped by it.
    core.apply(OVEN, None, &json!({ "name": "p" })).await.ok();
}

#[tokio::test]
async fn an_update_has_its_own_and_an_error_of_the_authors_own_is_explained() {
    let (_directory, core) = kitchen().await;
    let made = core.apply(OVEN, None, &json!({ "name": "o" })).await.ok();
    let timeouts = json!({ "create": "1h", "update": "50ms" });
    let config = json!({ "name": "o", "mode": "slow and proud", "timeouts": timeouts });
    let late = core.apply(OVEN, Some(&made), &config).await;
    let summaries: Vec<_> = late.said.iter().map(|said| said.summary.as_str()).collect();
    assert_eq!(summaries, ["Timeout of the update reached", "Oven proud"]);
    has(&late.state, &json!({ "id": "o", "mode": "slow and proud" }));
}

#[tokio::test]
async fn timeouts_alone_are_no_change_of_the_oven() {
    let (directory, core) = kitchen().await;
    let made = core.apply(OVEN, None, &json!({ "name": "o", "degrees": 200 })).await.ok();
    std::fs::remove_file(directory.path().join("oven-o.json")).expect("it was made");
    let mut before = made;
    for timeouts in [json!({ "delete": "2h" }), json!({ "delete": "1h", "read": "5m" }), json!(null)] {
        let config = json!({ "name": "o", "degrees": 200, "timeouts": timeouts });
        let planned = core.plan(OVEN, Some(&before), &config).await.ok();
        assert!(planned.state.is_wholly_known(), "nothing else changes: {:?}", planned.state);
        has(&planned.state, &json!({ "status": "ready", "id": "o", "timeouts": timeouts }));
        let done = core.carry_out(OVEN, Some(&before), &planned, &config).await.ok();
        assert_eq!((&done.state, &done.private), (&planned.state, &before.private));
        let again = core.plan(OVEN, Some(&done), &config).await.ok();
        assert_eq!(again.state, done.state);
        before = done;
    }
    assert!(!directory.path().join("oven-o.json").exists(), "the author's update was not called");
    // Together with something else they are a change like any other.
    let config = json!({ "name": "o", "degrees": 250, "timeouts": { "create": "1h" } });
    let planned = core.plan(OVEN, Some(&before), &config).await.ok();
    assert_eq!(shown(&planned.state)["status"], "??");
    core.carry_out(OVEN, Some(&before), &planned, &config).await.ok();
    assert!(directory.path().join("oven-o.json").exists());
}

#[tokio::test]
async fn a_duration_that_is_none_is_refused_where_it_stands() {
    let core = Core::new();
    for (text, problem) in [("30", "\"30\" has no unit."), ("1d", "\"d\" is no unit of time."), ("-1m", "is negative")]
    {
        let said = core.validate(OVEN, &json!({ "name": "o", "timeouts": { "update": text } }), true).await;
        let error = crate::core::only_error(&said);
        assert_eq!(error.path, "timeouts.update");
        assert!(error.detail.contains(problem) && error.detail.contains("such as 30s"), "{}", error.detail);
    }
    let said = core.validate(OVEN, &json!({ "name": "o", "timeouts": { "update": "1h30m" } }), true).await;
    assert_eq!(said, []);
}
