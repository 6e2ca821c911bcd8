//! Planning and carrying out a destroy.

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::core::Core;

#[tokio::test]
async fn a_destroy_is_planned_as_null_and_carried_out() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    assert!(directory.path().join("dish-soup.json").exists());
    let planned = core.plan("kitchen_dish", Some(&made), &Json::Null).await.ok();
    assert!(planned.state.is_null());
    let gone = core.carry_out("kitchen_dish", Some(&made), &planned, &Json::Null).await.ok();
    assert!(gone.state.is_null());
    assert!(!directory.path().join("dish-soup.json").exists());
    // Already gone is fine.
    core.carry_out("kitchen_dish", Some(&made), &planned, &Json::Null).await.ok();
}

#[tokio::test]
async fn a_destroy_can_be_refused_while_planning() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    let config = json!({ "name": "soup", "labels": { "protected": "yes" } });
    let made = core.apply("kitchen_dish", None, &config).await.ok();
    let planned = core.plan("kitchen_dish", Some(&made), &Json::Null).await;
    assert_eq!(planned.error().summary, "Dish protected");
}

#[tokio::test]
async fn a_failed_destroy_keeps_the_prior_state() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    let made = core.apply("kitchen_oven", None, &json!({ "name": "o", "mode": "warn" })).await.ok();
    let planned = core.plan("kitchen_oven", Some(&made), &Json::Null).await.ok();
    let failed = core.carry_out("kitchen_oven", Some(&made), &planned, &Json::Null).await;
    assert_eq!(failed.error().summary, "Oven hot");
    assert_eq!(failed.state, made.state);
    assert!(directory.path().join("oven-o.json").exists());
}
