//! UpgradeResourceState and ImportResourceState (U1, I1).

use serde_json::json;
use tempfile::TempDir;

use crate::core::Core;
use crate::values::{has, json as shown};

#[tokio::test]
async fn the_same_version_drops_what_is_gone_and_nulls_what_is_new() {
    // Before ConfigureProvider.
    let core = Core::new();
    let stored = r#"{"name": "soup", "weight": "1kg", "hot": true, "price": 0.1, "crumbs": 18446744073709551615,
        "gone_since": "last year", "plate": {"colour": "red", "handle": true}, "secret_wo": "never"}"#;
    let upgraded = core.upgrade("kitchen_dish", 1, stored).await.ok();
    let expected: serde_json::Value = serde_json::from_str(
        r#"{"name": "soup", "weight": "1kg", "hot": true, "price": 0.1, "crumbs": 18446744073709551615,
            "plate": {"colour": "red"}}"#,
    )
    .expect("JSON");
    assert_eq!(shown(&upgraded.state), expected);
}

#[tokio::test]
async fn an_older_version_is_upgraded_by_the_author() {
    let core = Core::new();
    let upgraded = core.upgrade("kitchen_dish", 0, r#"{"title": "soup", "price": 1e30, "hot": false}"#).await.ok();
    has(&upgraded.state, &json!({ "name": "soup", "weight": "1kg", "hot": false }));
    let price: tfkit::Value = "1e30".parse::<tfkit::Number>().expect("a number").into();
    assert!(upgraded.state.get(&tfkit::Path::attribute("price")).expect("there").same(&price));
}

#[tokio::test]
async fn what_cannot_be_upgraded_is_refused_clearly() {
    let core = Core::new();
    for (name, version, stored, summary, detail) in [
        ("kitchen_dish", 2, "{}", "State written by a newer provider", "knows versions up to 1"),
        ("kitchen_dish", -1, "{}", "State too old", "version -1"),
        ("kitchen_oven", -1, "{}", "State too old", "version -1"),
        ("kitchen_dish", 1, "{", "State not readable", "kitchen_dish"),
        ("kitchen_dish", 0, "{", "State not readable", "kitchen_dish"),
        ("kitchen_dish", 1, r#"{"stars": "secret"}"#, "State not readable", "stars"),
        ("kitchen_dish", 1, "", "State not readable", "0.11"),
    ] {
        let upgraded = core.upgrade(name, version, stored).await;
        let error = upgraded.error();
        assert_eq!(error.summary, summary, "{name} {version} {stored}");
        assert!(error.detail.contains(detail), "{stored}: {}", error.detail);
        assert!(!error.detail.contains("secret"), "values stay out: {}", error.detail);
        assert!(upgraded.state.is_null());
    }
}

#[tokio::test]
async fn an_import_answers_with_the_whole_state() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    core.apply("kitchen_dish", None, &json!({ "name": "soup", "weight": "300g" })).await.ok();
    let imported = core.import("kitchen_dish", "soup").await.ok();
    let expected = json!({
        "name": "soup", "id": "soup", "revision": 1, "owner": "chef", "weight": "300g", "hot": true, "steps": ["cook"],
        "garnish": "parsley",
    });
    assert_eq!(shown(&imported.state), expected);
    let read = core.read("kitchen_dish", &imported).await.ok();
    assert_eq!(read.state, imported.state);
    let planned = core.plan("kitchen_dish", Some(&read), &json!({ "name": "soup", "weight": "300g" })).await.ok();
    assert_eq!(planned.state, imported.state);
}

#[tokio::test]
async fn what_cannot_be_imported_says_why() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    for (name, summary) in [("kitchen_dish", "No such dish"), ("kitchen_oven", "Import not supported")] {
        let imported = core.import(name, "nothing").await;
        assert_eq!(imported.error().summary, summary);
        assert!(imported.state.is_null());
    }
}
