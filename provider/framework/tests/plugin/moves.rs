//! Moves between types, and configurations that are made of states.

use tfkit::{Path, Value};

use crate::identity::{identity, jar, refused};
use crate::kitchen::{at, kitchen};
use crate::support::directory;

const JAR: &str = "kitchen_jar";
const HERE: &str = "example.test/justmanage/kitchen";

#[tokio::test]
async fn a_state_of_another_type_is_taken_over() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let dish = host.create("kitchen_dish", &Value::object([("name", "soup".into())])).await.unwrap();
    let moved = host.move_state((HERE, "kitchen_dish"), (1, r#"{"name": "soup", "price": 1e30}"#), JAR).await.unwrap();
    assert_eq!((at(&moved.value, "shelf"), at(&moved.value, "name")), (&"dishes".into(), at(&dish.value, "name")));
    assert_eq!(moved.identity, identity("dishes", "soup"));
    // The same provider of another registry.
    let from = ("registry.opentofu.org/justmanage/kitchen", "kitchen_dish");
    assert_eq!(host.move_state(from, (1, r#"{"name": "soup"}"#), JAR).await.unwrap().value, moved.value);
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_with_what_can() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    for (from, stored, to, summary, says) in [
        (
            (HERE, "kitchen_oven"),
            (0, "{}"),
            JAR,
            "Move not supported",
            "kitchen_dish of justmanage/kitchen, terraform_data of",
        ),
        (("example.test/other/kitchen", "kitchen_dish"), (1, "{}"), JAR, "Move not supported", "other/kitchen"),
        ((HERE, "kitchen_jar"), (0, "{}"), "kitchen_dish", "Move not supported", "No other type can be moved"),
        ((HERE, "kitchen_dish"), (2, "{}"), JAR, "Dish too new", "up to version 1"),
        ((HERE, "kitchen_dish"), (1, "{"), JAR, "State not readable", "kitchen_dish to be moved"),
        ((HERE, "kitchen_dish"), (1, r#"{"name": 7}"#), JAR, "Not to be put into a jar", "no name"),
    ] {
        let error = refused(host.move_state(from, stored, to).await);
        assert_eq!(error.summary, summary, "{from:?} {stored:?}");
        assert!(error.detail.contains(says), "{error:?}");
    }
}

#[tokio::test]
async fn a_generated_configuration_is_what_a_user_would_have_written() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let label = |text: &str| Value::object([("text", Value::from(text))]);
    let labels = || Value::list([label("2024"), label("sour")]);
    let written = jar([("content", "jam".into()), ("labels", labels())]);
    let given = jar([("content", "jam".into()), ("labels", labels()), ("key", "sesame".into())]);
    let state = host.create(JAR, &given).await.unwrap();
    let config = host.generate_config(JAR, &state).await.unwrap();
    let schemas = host.schemas().await.unwrap();
    assert_eq!(
        config,
        tfkit::testing::complete(&schemas.resources[JAR], &written),
        "no id, no writes, no default, no key"
    );
    let imported = host.import(JAR, "top/plums").await.unwrap();
    assert!(host.validate(JAR, &config).await.unwrap().is_empty());
    assert!(host.plan(JAR, Some(&imported), &config).await.unwrap().is_empty());

    let plain =
        host.create("kitchen_dish", &Value::object([("name", "soup".into()), ("secret_wo", "salt".into())])).await;
    let config = host.generate_config("kitchen_dish", &plain.unwrap()).await.unwrap();
    for (name, expected) in
        [("name", Value::from("soup")), ("weight", Value::Null), ("revision", Value::Null), ("secret_wo", Value::Null)]
    {
        assert_eq!(config.get(&Path::attribute(name)), Some(&expected), "{name}");
    }
    let nothing = tfkit::testing::State { value: Value::Null, private: Default::default(), identity: Value::Null };
    assert_eq!(refused(host.generate_config(JAR, &nothing).await).summary, "No state to generate a configuration from");
}
