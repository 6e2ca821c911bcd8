//! The typed layer through a real process and real TLS: the kitchen, driven by the test host under core's rules.

use tfkit::{
    Path, Value,
    plan::Action,
    testing::{Host, HostError},
};

use crate::support::{built, directory, launch_program};

/// A configured kitchen with its files in a directory.
pub async fn kitchen(directory: &std::path::Path) -> Host {
    let mut host = launch_program(built("kitchen"), directory).start().await.unwrap();
    let files = directory.join("files").display().to_string();
    host.configure(&Value::object([("directory", files.into())])).await.unwrap();
    host
}

fn soup(more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let required = [("name", Value::from("soup"))];
    Value::object(required.into_iter().chain(more))
}

pub fn at<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(&Path::attribute(name)).unwrap()
}

#[tokio::test]
async fn a_dish_lives_as_core_has_it_live() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let plate = Value::object([("colour", "blue".into())]);
    let orders = Value::map([("7", Value::object([("count", 2.into())]))]);
    let sides = Value::set_of([Value::object([("name", "bread".into())])]);
    let first = [("plate", plate), ("orders", orders), ("sides", sides), ("secret_wo", "salt".into())];
    let config = soup(first.clone());

    let plan = host.plan("kitchen_dish", None, &config).await.unwrap();
    assert_eq!(plan.action, Action::Create);
    assert!(at(&plan.planned, "id").is_unknown() && at(&plan.planned, "secret_wo").is_null());
    let state = host.create("kitchen_dish", &config).await.unwrap();
    assert_eq!(at(&state.value, "secret_length"), &4.into());
    assert!(host.plan("kitchen_dish", Some(&state), &config).await.unwrap().is_empty());
    assert_eq!(host.read("kitchen_dish", &state).await.unwrap().unwrap().value, state.value);

    let config = soup(first.into_iter().chain([("stars", 3.into())]));
    let plan = host.plan("kitchen_dish", Some(&state), &config).await.unwrap();
    assert_eq!((plan.action, plan.replace.as_slice()), (Action::Update, &[][..]));
    assert_eq!(at(&plan.planned, "id"), at(&state.value, "id"), "kept");
    assert!(at(&plan.planned, "revision").is_unknown(), "marked");
    let state = host.update("kitchen_dish", &state, &config).await.unwrap();

    let renamed = Value::object([("name", "stew".into())]);
    let plan = host.plan("kitchen_dish", Some(&state), &renamed).await.unwrap();
    assert_eq!(plan.replace, [Path::attribute("name")]);
    let stew = host.apply(&plan).await.unwrap().state.unwrap();
    assert_eq!(at(&stew.value, "name"), &"stew".into());
    assert_eq!(host.read("kitchen_dish", &state).await.unwrap(), None, "the soup is gone");
    let both = host.read_all("kitchen_dish", &[state, stew.clone()], 2).await.unwrap();
    let names: Vec<_> = both.iter().map(|dish| dish.as_ref().map(|dish| at(&dish.value, "name"))).collect();
    assert_eq!(names, [None, Some(&"stew".into())], "in the order that they were asked for");

    let imported = host.import("kitchen_dish", "stew").await.unwrap();
    assert_eq!(at(&imported.value, "id"), at(&stew.value, "id"));
    let menu = host.read_data_source("kitchen_menu", &Value::object::<&str>([])).await.unwrap();
    assert_eq!(at(&menu, "names"), &Value::list(["stew"]));
    host.destroy("kitchen_dish", &stew).await.unwrap();
    assert_eq!(host.read("kitchen_dish", &stew).await.unwrap(), None);
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_becomes_known_at_apply_fits_the_plan() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let plan = host.plan("kitchen_dish", None, &soup([("recipe", Value::unknown())])).await.unwrap();
    assert!(at(&plan.planned, "recipe").is_unknown());
    let applied = host.apply(&plan.with_config(&soup([("recipe", "boil".into())]))).await.unwrap();
    assert_eq!(at(&applied.state.unwrap().value, "recipe"), &"boil".into());
}

#[tokio::test]
async fn a_create_that_fails_late_leaves_a_tainted_state() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    for (mode, tainted) in [("fail early", false), ("fail late", true), ("panic late", true)] {
        let config = Value::object([("name", mode.into()), ("mode", mode.into())]);
        let plan = host.plan("kitchen_oven", None, &config).await.unwrap();
        let applied = host.apply(&plan).await.unwrap();
        assert!(applied.diagnostics.has_errors(), "{mode}");
        assert_eq!((applied.tainted, applied.state.is_some()), (tainted, tainted), "{mode}");
    }
    assert_eq!(host.healthy("plugin").await.unwrap(), Some(true), "the process lives on after the panic");
}

#[tokio::test]
async fn errors_of_a_configuration_have_the_paths_that_terraform_shows() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let config = soup([("weight", "heavy".into())]);
    let found = host.validate("kitchen_dish", &config).await.unwrap();
    let errors: Vec<_> = found.iter().map(|found| found.path.clone()).collect();
    assert_eq!(errors, [Path::attribute("weight")]);
    let error = host.create("kitchen_dish", &config).await.unwrap_err();
    assert!(matches!(error, HostError::Diagnostics(_)), "{error}");
}

#[tokio::test]
async fn functions_are_called_as_core_calls_them() {
    let directory = directory();
    let mut host = launch_program(built("kitchen"), directory.path()).start().await.unwrap();
    assert_eq!(host.functions().await.unwrap()[0].name, "order_text");
    // Before ConfigureProvider.
    let said = host.call("order_text", &["soup".into(), Value::Null, "salt".into()]).await.unwrap();
    assert_eq!(said, "soup to take away, with salt".into());
    assert!(host.call("order_text", &[Value::unknown(), 1.into()]).await.unwrap().is_unknown());
    for (arguments, blamed) in [
        (vec![Value::from("soup"), 0.into()], Some(1)),
        (vec![Value::from("soup"), 1.into(), "".into()], Some(2)),
        (vec![Value::Null, 1.into()], Some(0)),
        (vec![Value::from("soup")], None),
    ] {
        let error = host.call("order_text", &arguments).await.unwrap_err();
        assert!(matches!(error, HostError::Function(_, found) if found == blamed), "{arguments:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_ephemeral_resource_is_opened_renewed_and_closed() {
    let directory = directory();
    let mut host = kitchen(directory.path()).await;
    let config = Value::object([("name", "k".into()), ("renewed", true.into())]);
    let mut open = host.open("kitchen_key", &config).await.unwrap();
    assert_eq!(at(&open.result, "code"), &"sesame-k".into());
    host.renew(&mut open).await.unwrap();
    host.close(&open).await.unwrap();
    host.close(&open).await.unwrap();
    let key = std::fs::read_to_string(directory.path().join("files/key-k.json")).unwrap();
    assert_eq!(key, r#"{"closed":2,"opened":1,"renewed":1}"#);
    let failed = host.open("kitchen_key", &Value::object([("name", "k".into()), ("mode", "fail".into())])).await;
    assert!(matches!(failed.unwrap_err(), HostError::Diagnostics(_)));
    let quiet = host.open("kitchen_key", &Value::object([("name", "k".into())])).await.unwrap();
    assert!(host.renew(&mut quiet.clone()).await.is_err(), "it does not want to be renewed");
    assert!(!host.output().text().contains("sesame"));
}
