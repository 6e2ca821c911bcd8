//! Actions and lists, whose answers are streams.

use tfkit::{
    Path, Severity, Value,
    testing::{Host, HostError, Listed},
};
use tfkit_proto::tfplugin6::{invoke_action, list_resource};

use crate::identity::{identity, refused};
use crate::kitchen::{at, kitchen};
use crate::support::{directory, until, within};

const BELL: &str = "kitchen_bell";
const JAR: &str = "kitchen_jar";

fn ring(call: &str, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::object([("call", Value::from(call))].into_iter().chain(more))
}

#[tokio::test]
async fn an_action_says_how_far_it_is_and_how_it_ended() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let config = ring("dinner", [("times", 3.into())]);
    assert!(host.plan_action(BELL, &config).await.unwrap().is_empty());
    assert!(!directory.path().join("files/bell-rung.json").exists(), "a plan does nothing");
    let invoked = host.invoke_action(BELL, &config).await.unwrap();
    assert_eq!(invoked.progress, ["dinner (1 of 3)", "dinner (2 of 3)", "dinner (3 of 3)"]);
    assert!(invoked.diagnostics.is_empty());
    assert!(directory.path().join("files/bell-rung.json").exists());
    // More lines than wait for a reader; and the default.
    assert_eq!(host.invoke_action(BELL, &ring("dinner", [("times", 500.into())])).await.unwrap().progress.len(), 500);
    assert_eq!(host.invoke_action(BELL, &ring("tea", [])).await.unwrap().progress, ["tea (1 of 1)"]);
}

#[tokio::test]
async fn an_action_that_goes_wrong_ends_with_what_went_wrong() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    for (call, severity, summary) in [
        ("crack", Severity::Error, "Bell cracked"),
        ("panic", Severity::Error, "Provider panicked"),
        ("hush", Severity::Warning, "Bell muffled"),
    ] {
        let invoked = host.invoke_action(BELL, &ring(call, [])).await.unwrap();
        assert_eq!(invoked.progress, [format!("{call} (1 of 1)")]);
        let said: Vec<_> = invoked.diagnostics.iter().map(|one| (one.severity, one.summary.as_str())).collect();
        assert_eq!(said, [(severity, summary)]);
    }
    let found = host.plan_action(BELL, &ring("fire", [])).await.unwrap();
    assert_eq!(found.iter().next().unwrap().path, Path::attribute("call"));
    let found = host.plan_action(BELL, &ring("tea", [("times", 0.into())])).await.unwrap();
    assert_eq!(found.iter().next().unwrap().summary, "Silence");
    assert!(host.plan_action(BELL, &ring("tea", [("times", Value::unknown())])).await.unwrap().is_empty());

    // What Terraform would not send ends with an answer too.
    let request = invoke_action::Request { action_type: "kitchen_gong".into(), ..Default::default() };
    let mut events = host.client().invoke_action(request).await.unwrap().into_inner();
    let Some(invoke_action::event::Type::Completed(end)) = events.message().await.unwrap().unwrap().r#type else {
        panic!("an end")
    };
    assert_eq!(end.diagnostics[0].summary, "Unknown type");
}

/// An action that goes on until it is stopped, and has begun.
async fn begun(host: &mut Host) -> tonic::Streaming<invoke_action::Event> {
    let ty = host.schemas().await.unwrap().actions[BELL].object_type();
    let config = ring("on", [("times", Value::Null), ("on_and_on", true.into())]);
    let msgpack = tfkit::wire::msgpack::encode(&config, &ty).unwrap().into();
    let config = Some(tfkit_proto::tfplugin6::DynamicValue { msgpack, ..Default::default() });
    let request = invoke_action::Request { action_type: BELL.into(), config, ..Default::default() };
    let mut events = host.client().invoke_action(request).await.unwrap().into_inner();
    assert!(within("it begins", events.message()).await.unwrap().is_some());
    events
}

#[tokio::test]
async fn an_action_is_stopped_by_the_user_and_when_terraform_goes() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let stopped = directory.path().join("files/bell-stopped.json");

    let mut events = begun(&mut host).await;
    host.stop().await.unwrap();
    let end = within("it ends", events.message()).await.unwrap().unwrap();
    let Some(invoke_action::event::Type::Completed(end)) = end.r#type else { panic!("an end, not {end:?}") };
    assert_eq!(end.diagnostics[0].summary, "Bell stopped");
    std::fs::remove_file(&stopped).unwrap();

    drop(begun(&mut host).await);
    until("it is stopped", || stopped.exists()).await;
}

/// A kitchen with jars on shelves.
async fn shelves(directory: &std::path::Path, places: &[(&str, &str)]) -> Host {
    let mut host = kitchen(directory).await;
    for (shelf, name) in places {
        let jar = Value::object([("shelf", Value::from(*shelf)), ("name", (*name).into()), ("key", "sesame".into())]);
        host.create(JAR, &jar).await.unwrap();
    }
    host
}

fn nothing() -> Value {
    Value::object::<&str>([])
}

#[tokio::test]
async fn a_list_finds_things_by_name_and_identity_with_their_state_if_asked() {
    let directory = directory();
    let mut host = shelves(directory.path(), &[("low", "beans"), ("top", "plums"), ("top", "quinces")]).await;
    let (found, warnings) = host.list(JAR, &nothing(), 100, false).await.unwrap();
    assert!(warnings.is_empty());
    let expected = [("low", "beans"), ("top", "plums"), ("top", "quinces")].map(|(shelf, name)| Listed {
        name: format!("jar {name} on {shelf}"),
        identity: identity(shelf, name),
        object: None,
    });
    assert_eq!(found, expected);

    let only = Value::object([("shelf", Value::from("top")), ("title", "pot".into())]);
    let (found, _) = host.list(JAR, &only, 100, true).await.unwrap();
    assert_eq!(
        found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["pot plums on top", "pot quinces on top"]
    );
    let imported = host.import_identity(JAR, &found[1].identity).await.unwrap();
    assert_eq!(found[1].object.as_ref(), Some(&imported.value), "what a read would give");
    let config = host.generate_config(JAR, &imported).await.unwrap();
    assert_eq!(at(&config, "name"), &"quinces".into());

    let (found, _) = host.list(JAR, &Value::Null, 100, false).await.unwrap();
    assert_eq!(found[0].name, "jar beans on low", "no `config` block: defaults");

    let (found, _) = host.list(JAR, &nothing(), 2, true).await.unwrap();
    assert_eq!(found.len(), 2, "not more than were asked for");
}

#[tokio::test]
async fn a_list_that_goes_wrong_says_so_after_what_it_found() {
    let directory = directory();
    let places = [("broken", "a"), ("dusty", "b"), ("slippery", "c"), ("top", "d")];
    let mut host = shelves(directory.path(), &places).await;
    let on = |shelf: &str| Value::object([("shelf", Value::from(shelf))]);
    assert_eq!(refused(host.list(JAR, &on("broken"), 9, false).await).summary, "Shelf broken");
    assert_eq!(refused(host.list(JAR, &on("slippery"), 9, false).await).summary, "Provider panicked");
    let error = refused(host.list(JAR, &on(""), 9, false).await);
    assert_eq!((error.summary.as_str(), error.path), ("No shelf", Path::attribute("shelf")));
    let (found, warnings) = host.list(JAR, &on("dusty"), 9, false).await.unwrap();
    assert_eq!((found.len(), warnings.iter().next().unwrap().summary.as_str()), (1, "Shelf dusty"));
    assert!(matches!(host.list("kitchen_dish", &nothing(), 9, false).await, Err(HostError::NoSuchType(_))));
    let request = list_resource::Request { type_name: "kitchen_dish".into(), ..Default::default() };
    let mut events = host.client().list_resource(request).await.unwrap().into_inner();
    assert_eq!(events.message().await.unwrap().unwrap().diagnostic[0].summary, "Unknown type");
    assert_eq!(host.healthy("plugin").await.unwrap(), Some(true), "the process lives on after the panic");
}
