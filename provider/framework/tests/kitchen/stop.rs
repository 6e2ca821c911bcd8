//! StopProvider (A7): calls in flight end soon with the truth, and the provider serves on.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tfkit_proto::tfplugin6::provider_server::Provider;
use tfkit_proto::tfplugin6::stop_provider;
use tonic::Request;

use crate::core::Core;
use crate::values::has;

async fn until_exists(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} did not appear", path.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_create_in_flight_ends_with_what_exists() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    let slow = tokio::spawn({
        let core = core.clone();
        async move { core.apply("kitchen_oven", None, &json!({ "name": "o", "mode": "slow" })).await }
    });
    until_exists(&directory.path().join("started-o.json")).await;
    let asked = Instant::now();
    let answer = core.0.stop_provider(Request::new(stop_provider::Request {})).await.expect("no status");
    assert_eq!(answer.into_inner().error, "");
    let stopped = slow.await.expect("no panic");
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
    assert_eq!(stopped.error().summary, "Stopped");
    has(&stopped.state, &json!({ "id": "o", "mode": "slow", "status": null }));
    // The provider serves on, with a fresh token.
    core.apply("kitchen_oven", None, &json!({ "name": "p" })).await.ok();
}
