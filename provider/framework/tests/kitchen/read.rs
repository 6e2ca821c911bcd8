//! ReadResource and ReadDataSource (R1 to R4, D1).

use serde_json::json;
use tempfile::TempDir;
use tfkit::Path;

use crate::core::Core;
use crate::values::{has, json as shown};

async fn kitchen() -> (TempDir, Core) {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    (directory, core)
}

#[tokio::test]
async fn what_is_gone_reads_as_null_without_an_error() {
    let (directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    std::fs::remove_file(directory.path().join("dish-soup.json")).expect("it was made");
    assert!(core.read("kitchen_dish", &made).await.ok().state.is_null());
}

#[tokio::test]
async fn another_spelling_is_no_drift_and_another_value_is() {
    let (directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup", "weight": "2kg" })).await.ok();
    // The file says 2000g.
    assert_eq!(core.read("kitchen_dish", &made).await.ok().state, made.state);
    std::fs::write(directory.path().join("dish-soup.json"), r#"{"revision": 9, "weight": "7g"}"#).expect("written");
    has(&core.read("kitchen_dish", &made).await.ok().state, &json!({ "weight": "7g", "revision": 9 }));
}

#[tokio::test]
async fn private_data_survives_a_read() {
    let (_directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    let read = core.read("kitchen_dish", &made).await.ok();
    let text = String::from_utf8(read.private.to_vec()).expect("JSON");
    assert!(text.contains("\"writes\":\"MQ\"") && text.contains("\"reads\":\"MQ\""), "{text}");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_that_keeps_the_state() {
    let (directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    std::fs::write(directory.path().join("dish-soup.json"), "no JSON").expect("written");
    let read = core.read("kitchen_dish", &made).await;
    assert_eq!(read.error().summary, "File not readable");
    assert_eq!((read.state, read.private), (made.state, made.private));
}

#[tokio::test]
async fn a_state_that_the_model_cannot_hold_is_the_providers_fault() {
    let (_directory, core) = kitchen().await;
    let mut made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    made.state.set(&Path::attribute("weight"), tfkit::Value::Null).expect("it has a weight");
    let read = core.read("kitchen_dish", &made).await;
    assert_eq!(
        (read.error().summary.as_str(), read.error().path.as_str()),
        ("State does not fit this version of the provider", "weight")
    );
    assert!(read.error().detail.contains("must not be null"), "{}", read.error().detail);
}

#[tokio::test]
async fn a_data_source_has_defaults_and_answers() {
    let (_directory, core) = kitchen().await;
    for name in ["soup", "stew", "salad"] {
        core.apply("kitchen_dish", None, &json!({ "name": name })).await.ok();
    }
    let found = core.look_up("kitchen_menu", &json!({ "prefix": "s" })).await.ok();
    assert_eq!(
        shown(&found.state),
        json!({ "prefix": "s", "limit": 100, "names": ["salad", "soup", "stew"], "owner": "chef" })
    );
    has(&core.look_up("kitchen_menu", &json!({ "limit": 1 })).await.ok().state, &json!({ "names": ["salad"] }));
}

#[tokio::test]
async fn a_data_source_needs_the_client_and_says_so() {
    let core = Core::new();
    let found = core.look_up("kitchen_menu", &json!({})).await;
    assert_eq!(found.error().summary, "Provider not configured");
    assert!(found.state.is_null());
    core.configure(&json!({ "directory": "??" })).await;
    assert_eq!(core.look_up("kitchen_menu", &json!({})).await.error().summary, "Provider configuration not known yet");
}

#[tokio::test]
async fn defaults_of_the_provider_configuration_are_filled_in() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::new();
    core.configure(&json!({ "directory": directory.path().to_str(), "owner": "boss" })).await;
    has(&core.look_up("kitchen_menu", &json!({})).await.ok().state, &json!({ "owner": "boss" }));
    // Configured again, as a process that is kept running is.
    core.configure(&json!({ "directory": directory.path().to_str() })).await;
    has(&core.look_up("kitchen_menu", &json!({})).await.ok().state, &json!({ "owner": "chef" }));
}

#[tokio::test]
async fn a_failed_configuration_is_said_and_leaves_no_client() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
    let core = Core::in_directory(directory.path()).await;
    let said = core.configure(&json!({ "directory": file.to_str() })).await;
    assert_eq!(crate::core::only_error(&said).summary, "Kitchen not reachable");
    assert_eq!(core.look_up("kitchen_menu", &json!({})).await.error().summary, "Provider not configured");
}
