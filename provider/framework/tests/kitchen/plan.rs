//! PlanResourceChange, rule by rule (P1 to P12).

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::core::{Answer, Core};
use crate::values::{has, json as shown};

async fn kitchen() -> (TempDir, Core) {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    (directory, core)
}

async fn soup(core: &Core, config: &Json) -> Answer {
    core.apply("kitchen_dish", None, config).await.ok()
}

#[tokio::test]
async fn a_create_has_defaults_and_unknown_computed_values() {
    let (_directory, core) = kitchen().await;
    let config = json!({
        "name": "soup", "plate": { "colour": "red" }, "ingredients": [{ "name": "salt" }], "orders": { "t": { "count": 1 } },
    });
    let planned = core.plan("kitchen_dish", None, &config).await.ok();
    assert_eq!(
        shown(&planned.state),
        json!({
            "name": "soup", "id": "??", "revision": "??", "owner": "??", "weight": "1kg", "hot": true, "steps": ["cook"],
            "plate": { "colour": "red", "shape": "round", "number": "??" },
            "ingredients": [{ "name": "salt", "amount": "a bit" }],
            "orders": { "t": { "count": 1, "ticket": "??" } },
            "garnish": "??", "secret_length": "??",
        })
    );
    assert_eq!(planned.replace, [""; 0]);
}

#[tokio::test]
async fn no_change_is_the_prior_state_exactly() {
    let (_directory, core) = kitchen().await;
    let config = json!({
        "name": "soup", "price": 0.1, "stars": 3, "sides": [{ "name": "bread" }, { "name": "wine", "extra": true }],
        "tastes": ["salty", "hot"], "orders": { "t": { "count": 1 } }, "plate": { "colour": "red" },
        "secret_wo": "pssst", "secret_wo_version": 1,
    });
    let made = soup(&core, &config).await;
    let planned = core.plan("kitchen_dish", Some(&made), &config).await.ok();
    assert_eq!(planned.state, made.state);
    assert_eq!(planned.replace, [""; 0]);
}

#[tokio::test]
async fn a_change_makes_the_volatile_unknown_and_keeps_the_kept() {
    let (_directory, core) = kitchen().await;
    let made = soup(&core, &json!({ "name": "soup", "plate": { "colour": "red" } })).await;
    let planned = core
        .plan("kitchen_dish", Some(&made), &json!({ "name": "soup", "stars": 2, "plate": { "colour": "red" } }))
        .await;
    let expected = json!({
        "stars": 2, "revision": "??", "secret_length": "??", "id": "soup", "owner": "chef", "garnish": "parsley",
        "plate": { "colour": "red", "shape": "round", "number": 7 },
    });
    has(&planned.ok().state, &expected);
}

#[tokio::test]
async fn unknown_configuration_is_planned_unknown() {
    let (_directory, core) = kitchen().await;
    let config =
        json!({ "name": "??", "stars": "??", "ingredients": "??", "weight": "??", "sides": [{ "name": "??" }] });
    let planned = core.plan("kitchen_dish", None, &config).await.ok();
    has(&planned.state, &json!({ "name": "??", "stars": "??", "ingredients": "??", "weight": "??" }));
    has(&planned.state, &json!({ "sides": [{ "name": "??" }] }));
}

#[tokio::test]
async fn write_only_values_are_null_in_the_plan() {
    let (_directory, core) = kitchen().await;
    let planned = core.plan("kitchen_dish", None, &json!({ "name": "soup", "secret_wo": "pssst" })).await.ok();
    has(&planned.state, &json!({ "secret_wo": null }));
}

#[tokio::test]
async fn a_changed_replace_attribute_asks_for_a_replacement() {
    let (_directory, core) = kitchen().await;
    let made = soup(&core, &json!({ "name": "soup" })).await;
    for (config, replace) in [
        (json!({ "name": "stew" }), vec!["name"]),
        (json!({ "name": "??" }), vec!["name"]),
        (json!({ "name": "soup", "stars": 1 }), vec![]),
        // By the author's modify_plan.
        (json!({ "name": "soup", "garnish": "gold" }), vec!["garnish"]),
        (json!({ "name": "stew", "garnish": "gold" }), vec!["name", "garnish"]),
    ] {
        assert_eq!(core.plan("kitchen_dish", Some(&made), &config).await.ok().replace, replace, "{config}");
        // The create half of the replacement.
        assert_eq!(core.plan("kitchen_dish", None, &config).await.ok().replace, [""; 0], "{config}");
    }
}

#[tokio::test]
async fn planning_twice_gives_the_same() {
    let (_directory, core) = kitchen().await;
    let made = soup(&core, &json!({ "name": "soup" })).await;
    for (prior, config) in
        [(None, json!({ "name": "soup", "stars": "??" })), (Some(&made), json!({ "name": "soup", "stars": 1 }))]
    {
        let first = core.plan("kitchen_dish", prior, &config).await.ok();
        let second = core.plan("kitchen_dish", prior, &config).await.ok();
        assert_eq!((first.state, first.private), (second.state, second.private));
    }
}

#[tokio::test]
async fn another_spelling_of_the_same_is_no_change() {
    let (_directory, core) = kitchen().await;
    let made = soup(&core, &json!({ "name": "soup", "weight": "2kg" })).await;
    has(&made.state, &json!({ "weight": "2kg" }));
    let planned = core.plan("kitchen_dish", Some(&made), &json!({ "name": "soup", "weight": "2000g" })).await.ok();
    assert_eq!(planned.state, made.state);
    let planned = core.plan("kitchen_dish", Some(&made), &json!({ "name": "soup", "weight": "2001g" })).await.ok();
    has(&planned.state, &json!({ "weight": "2001g", "revision": "??" }));
}

#[tokio::test]
async fn modify_plan_can_refuse() {
    let (_directory, core) = kitchen().await;
    let planned = core.plan("kitchen_dish", None, &json!({ "name": "soup", "recipe": "forbidden" })).await;
    assert_eq!((planned.error().summary.as_str(), planned.error().path.as_str()), ("Recipe forbidden", "recipe"));
    assert!(planned.state.is_null());
}

#[tokio::test]
async fn modify_plan_can_find_work_without_a_change_of_configuration() {
    let (_directory, core) = kitchen().await;
    let config = json!({ "name": "oven", "degrees": 200 });
    let mut made = core.apply("kitchen_oven", None, &config).await.ok();
    assert_eq!(core.plan("kitchen_oven", Some(&made), &config).await.ok().state, made.state);
    made.state.set(&tfkit::Path::attribute("status"), "broken".into()).expect("it has a status");
    let planned = core.plan("kitchen_oven", Some(&made), &config).await.ok();
    has(&planned.state, &json!({ "status": "??", "id": "oven", "degrees": 200 }));
    has(
        &core.carry_out("kitchen_oven", Some(&made), &planned, &config).await.ok().state,
        &json!({ "status": "ready" }),
    );
}

#[tokio::test]
async fn an_illegal_plan_is_blamed_on_the_provider_with_its_path() {
    let (_directory, core) = kitchen().await;
    let planned =
        core.plan("kitchen_oven", None, &json!({ "name": "oven", "mode": "plan a lie", "degrees": 200 })).await;
    let error = planned.error();
    assert_eq!((error.summary.as_str(), error.path.as_str()), ("Provider bug", "degrees"));
    assert!(error.detail.contains("plan of kitchen_oven"), "{}", error.detail);
    assert!(error.detail.contains("degrees: the planned value is neither that of the configuration nor the prior one"));
    assert!(error.detail.contains("please report it"));
    assert!(!error.detail.contains("451") && !error.detail.contains("200"), "values stay out: {}", error.detail);
    assert!(planned.state.is_null());
}

#[tokio::test]
async fn unknown_provider_configuration_does_not_stop_a_plan() {
    let core = Core::new();
    assert_eq!(core.configure(&json!({ "directory": "??" })).await, []);
    let config = json!({ "name": "soup" });
    let planned = core.plan("kitchen_dish", None, &config).await.ok();
    has(&planned.state, &json!({ "name": "soup", "id": "??" }));
    assert_eq!(planned.said[0].summary, "Kitchen not known yet");
    // Applying needs the client.
    let applied = core.carry_out("kitchen_dish", None, &planned, &config).await;
    assert_eq!(applied.error().summary, "Provider configuration not known yet");
    assert!(applied.state.is_null());
}

#[tokio::test]
async fn the_unknown_type_is_named() {
    let core = Core::new();
    let read = core.0.clone();
    let request = tfkit_proto::tfplugin6::plan_resource_change::Request {
        type_name: "kitchen_sink".into(),
        ..Default::default()
    };
    let answer =
        tfkit_proto::tfplugin6::provider_server::Provider::plan_resource_change(&read, tonic::Request::new(request));
    let diagnostics = answer.await.expect("no status").into_inner().diagnostics;
    assert!(diagnostics[0].detail.contains("`kitchen_sink`"), "{diagnostics:?}");
}
