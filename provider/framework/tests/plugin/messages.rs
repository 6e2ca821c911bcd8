//! Messages: great ones, and those that this provider does not know.

use tfkit_proto::tfplugin6::{get_metadata, get_resource_identity_schemas};

use crate::support::{apply, directory, launch, plan, thing};

#[tokio::test]
async fn an_attribute_of_20_mib_passes_both_ways() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let text = "x".repeat(20 << 20);
    assert!(plan(&host, &text).await.unwrap().planned_state == thing(&text));
    assert!(apply(&host, &text).await.unwrap().new_state == thing(&text));
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn ten_calls_at_a_time_each_get_their_own_answer() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let texts: Vec<String> = (0..10_usize).map(|i| i.to_string().repeat(i * 10_000 + 1)).collect();
    let answers = futures_util::future::join_all(texts.iter().map(|text| plan(&host, text))).await;
    for (text, answer) in texts.iter().zip(answers) {
        assert!(answer.unwrap().planned_state == thing(text));
    }
}

#[tokio::test]
async fn calls_that_the_provider_lacks_are_unimplemented() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let mut client = host.client();
    let status = client.get_resource_identity_schemas(get_resource_identity_schemas::Request {}).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
    let status = client.get_metadata(get_metadata::Request {}).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn the_health_of_the_plugin_can_be_asked() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    assert_eq!(host.healthy("plugin").await.unwrap(), Some(true));
    assert_eq!(host.healthy("").await.unwrap(), Some(true));
    assert_eq!(host.healthy("other").await.unwrap(), None);
}

#[tokio::test]
async fn the_test_host_does_what_core_does() {
    let directory = directory();
    let mut host = launch(directory.path()).start().await.unwrap();
    let config = tfkit::Value::object([("text", "a".into())]);
    let state = host.create("bare_thing", &config).await.unwrap();
    let whole = tfkit::Value::object([("text", "a".into()), ("note", tfkit::Value::Null)]);
    assert_eq!(state.value, whole);
    assert_eq!(host.read("bare_thing", &state).await.unwrap(), Some(state.clone()));
    assert!(host.plan("bare_thing", Some(&state), &config).await.unwrap().is_empty());
    let other = tfkit::Value::object([("text", "b".into())]);
    assert!(!host.plan("bare_thing", Some(&state), &other).await.unwrap().is_empty());
    assert_eq!(host.upgrade("bare_thing", 0, r#"{"note":null,"text":"a"}"#).await.unwrap(), whole);
    host.destroy("bare_thing", &state).await.unwrap();
    host.shutdown().await.unwrap();
}
