//! `provider_meta`: what a module says reaches the calls about its resources.

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::core::Core;

#[tokio::test]
async fn it_reaches_create_and_update() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    let house = |file: &TempDir| {
        let bytes = std::fs::read(file.path().join("dish-soup.json")).expect("it was made");
        serde_json::from_slice::<Json>(&bytes).expect("JSON")["house"].clone()
    };
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    assert_eq!(house(&directory), json!(null));
    let inn = core.for_module(&json!({ "name": "inn" }));
    let made = inn.apply("kitchen_dish", Some(&made), &json!({ "name": "soup", "hot": false })).await.ok();
    assert_eq!(house(&directory), json!("inn"));
    inn.read("kitchen_dish", &made).await.ok();
    inn.look_up("kitchen_menu", &json!({})).await.ok();
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said_by_every_call() {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    let bad = core.for_module(&json!({ "name": "neighbour" }));
    let config = json!({ "name": "soup" });
    for answer in [
        bad.plan("kitchen_dish", None, &config).await,
        bad.carry_out("kitchen_dish", Some(&made), &made, &config).await,
        bad.read("kitchen_dish", &made).await,
        bad.look_up("kitchen_menu", &json!({})).await,
    ] {
        let error = answer.error();
        assert_eq!((error.path.as_str(), error.detail.as_str()), ("", "We do not cook for the neighbour."));
    }
}
