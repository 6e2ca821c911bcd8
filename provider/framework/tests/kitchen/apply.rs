//! ApplyResourceChange, rule by rule (A1 to A6): create and update.

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tfkit::Value;

use crate::core::Core;
use crate::values::{has, json as shown};

async fn kitchen() -> (TempDir, Core) {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    (directory, core)
}

fn thing(directory: &TempDir, name: &str) -> Option<Json> {
    let bytes = std::fs::read(directory.path().join(format!("{name}.json"))).ok()?;
    Some(serde_json::from_slice(&bytes).expect("JSON"))
}

#[tokio::test]
async fn a_created_state_is_wholly_known_and_what_was_planned() {
    let (_directory, core) = kitchen().await;
    let config = json!({
        "name": "soup", "price": 0.1, "crumbs": 18446744073709551615_u64, "anything": "x", "labels": { "a": "b" },
        "tastes": ["b", "a"], "orders": { "t": { "count": 2 } }, "weight": "2000g",
    });
    let made = core.apply("kitchen_dish", None, &config).await.ok();
    assert_eq!(
        shown(&made.state),
        json!({
            "name": "soup", "price": 0.1, "crumbs": 18446744073709551615_u64, "anything": "x", "labels": { "a": "b" },
            "tastes": ["a", "b"], "orders": { "t": { "count": 2, "ticket": "t x 2" } }, "weight": "2000g",
            "id": "soup", "revision": 1, "owner": "chef", "hot": true, "steps": ["cook"], "garnish": "parsley",
        })
    );
}

#[tokio::test]
async fn the_users_spelling_stays_although_the_kitchen_has_its_own() {
    let (directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup", "weight": "3kg" })).await.ok();
    assert_eq!(thing(&directory, "dish-soup").expect("made")["weight"], "3000g");
    has(&made.state, &json!({ "weight": "3kg" }));
}

#[tokio::test]
async fn numbers_stay_exact() {
    let (_directory, core) = kitchen().await;
    for price in ["0.1", "1e30", "18446744073709551615", "0.30000000000000000000000000000000001", "-5"] {
        let config: Json = serde_json::from_str(&format!(r#"{{ "name": "soup", "price": {price} }}"#)).expect("JSON");
        let made = core.apply("kitchen_dish", None, &config).await.ok();
        let price: Value = price.parse::<tfkit::Number>().expect("a number").into();
        assert!(made.state.get(&tfkit::Path::attribute("price")).expect("there").same(&price), "{config}");
        assert_eq!(core.plan("kitchen_dish", Some(&made), &config).await.ok().state, made.state, "{config}");
    }
}

#[tokio::test]
async fn write_only_values_reach_create_and_update_and_nothing_else() {
    let (_directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup", "secret_wo": "pssst" })).await.ok();
    has(&made.state, &json!({ "secret_length": 5, "secret_wo": null }));
    let config = json!({ "name": "soup", "secret_wo": "longer one", "secret_wo_version": 2 });
    let changed = core.apply("kitchen_dish", Some(&made), &config).await.ok();
    has(&changed.state, &json!({ "secret_length": 10, "secret_wo": null }));
}

#[tokio::test]
async fn private_data_goes_from_call_to_call() {
    let (_directory, core) = kitchen().await;
    let made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    has(&made.state, &json!({ "revision": 1 }));
    let read = core.read("kitchen_dish", &made).await.ok();
    let changed = core.apply("kitchen_dish", Some(&read), &json!({ "name": "soup", "hot": false })).await.ok();
    has(&changed.state, &json!({ "revision": 2 }));
    // {"private": {"reads": "1", "writes": "2"}}, for whoever looks into a state file.
    let private: Json = serde_json::from_slice(&changed.private).expect("JSON");
    assert_eq!(private, json!({ "private": { "reads": "MQ", "writes": "Mg" } }));
}

#[tokio::test]
async fn damaged_private_data_is_an_error_that_keeps_the_state() {
    let (_directory, core) = kitchen().await;
    let mut made = core.apply("kitchen_dish", None, &json!({ "name": "soup" })).await.ok();
    made.private = b"\x00"[..].into();
    let planned = core.plan("kitchen_dish", Some(&made), &json!({ "name": "soup" })).await;
    assert_eq!(planned.error().summary, "Private data not readable");
    let applied = core.carry_out("kitchen_dish", Some(&made), &made, &json!({ "name": "soup" })).await;
    assert_eq!(applied.error().summary, "Private data not readable");
    assert_eq!((applied.state, applied.private), (made.state, made.private));
}

/// How an oven fails -> what is saved of it after a create, and after an update from 100 to 200 degrees.
const FAILURES: [(&str, &str, bool); 6] = [
    ("fail early", "Oven broken", false),
    ("fail late", "Oven broken", true),
    ("panic early", "Provider panicked", false),
    ("panic late", "Provider panicked", true),
    ("lie", "Provider bug", true),
    ("leave unknown", "Provider bug", true),
];

#[tokio::test]
async fn a_failed_create_saves_what_exists() {
    for (mode, summary, exists) in FAILURES {
        let (directory, core) = kitchen().await;
        let failed = core.apply("kitchen_oven", None, &json!({ "name": "o", "mode": mode, "degrees": 200 })).await;
        assert_eq!(failed.error().summary, summary, "{mode}");
        assert_eq!(thing(&directory, "oven-o").is_some(), exists, "{mode}");
        if exists {
            has(&failed.state, &json!({ "id": "o", "name": "o" }));
            assert!(failed.state.is_wholly_known(), "{mode}: {:?}", failed.state);
        } else {
            assert!(failed.state.is_null(), "{mode}: {:?}", failed.state);
        }
    }
}

#[tokio::test]
async fn a_failed_update_saves_the_truth() {
    for (mode, summary, changed) in FAILURES {
        let (directory, core) = kitchen().await;
        let made = core.apply("kitchen_oven", None, &json!({ "name": "o", "degrees": 100 })).await.ok();
        let config = json!({ "name": "o", "mode": mode, "degrees": 200 });
        let failed = core.apply("kitchen_oven", Some(&made), &config).await;
        assert_eq!(failed.error().summary, summary, "{mode}");
        if changed {
            assert_eq!(thing(&directory, "oven-o").expect("there")["degrees"], 200, "{mode}");
            let degrees = if mode == "lie" { 0 } else { 200 };
            // The status was planned unknown, and is what it was before.
            let expected = json!({ "id": "o", "degrees": degrees, "mode": mode });
            has(&failed.state, &expected);
            assert_eq!(shown(&failed.state)["status"], "ready", "{mode}");
        } else {
            assert_eq!(failed.state, made.state, "{mode}");
        }
    }
}

#[tokio::test]
async fn a_panic_says_what_happened_and_the_process_lives() {
    let (_directory, core) = kitchen().await;
    let failed = core.apply("kitchen_oven", None, &json!({ "name": "o", "mode": "panic late" })).await;
    assert!(failed.error().detail.contains("the oven exploded late"), "{}", failed.error().detail);
    assert!(failed.error().detail.contains("please report it"));
    core.apply("kitchen_oven", None, &json!({ "name": "p" })).await.ok();
}

#[tokio::test]
async fn an_answer_other_than_planned_is_blamed_on_the_provider_with_its_path() {
    let (_directory, core) = kitchen().await;
    for (mode, path, rule) in [
        ("lie", "degrees", "is not the value that was planned"),
        ("leave unknown", "status", "must be known in this answer"),
    ] {
        let failed = core.apply("kitchen_oven", None, &json!({ "name": "o", "mode": mode, "degrees": 200 })).await;
        assert_eq!(failed.error().path, path);
        assert!(failed.error().detail.contains("apply of kitchen_oven"), "{}", failed.error().detail);
        assert!(failed.error().detail.contains(rule), "{}", failed.error().detail);
    }
}

#[tokio::test]
async fn a_warning_goes_with_the_state() {
    let (_directory, core) = kitchen().await;
    let made = core.apply("kitchen_oven", None, &json!({ "name": "o", "mode": "warn" })).await.ok();
    assert_eq!((made.said[0].summary.as_str(), made.said[0].path.as_str()), ("Oven dirty", "name"));
    has(&made.state, &json!({ "status": "ready" }));
}

#[tokio::test]
async fn without_configuration_nothing_is_made() {
    let core = Core::new();
    let failed = core.apply("kitchen_oven", None, &json!({ "name": "o" })).await;
    assert_eq!(failed.error().summary, "Provider not configured");
    assert!(failed.state.is_null());
}
