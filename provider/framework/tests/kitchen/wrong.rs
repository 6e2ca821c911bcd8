//! What an author's code does wrong must reach the user, and must not keep Terraform.

use std::time::Duration;

use tfkit::model::Empty;
use tfkit::{
    Action, Cx, DataSource, Diagnostic, Diagnostics, Failed, Identified, ListEnd, ListResource, Listing, Model,
    MoveFrom, MoveSource, Plan, Progress, Provider as Builder, Resource, Value, View, async_trait, wire,
};
use tfkit_proto::tfplugin6::invoke_action::{self, event::Type};
use tfkit_proto::tfplugin6::provider_server::Provider;
use tfkit_proto::tfplugin6::{
    DynamicValue, RawState, configure_provider, list_resource, move_resource_state, upgrade_resource_identity,
    upgrade_resource_state, validate_data_resource_config,
};
use tokio_stream::StreamExt;
use tonic::Request;

use crate::core::{Said, only_error, said};

/// A thing of few words.
#[derive(Model)]
struct Thing {
    /// Its name.
    #[tf(required)]
    name: String,
}

/// Whose code fails without a word.
struct Silent;

fn silence() -> Diagnostics {
    Diagnostics::new()
}

#[async_trait]
impl Resource for Silent {
    type Model = Thing;
    type Client = ();
    const TYPE: &'static str = "silent";
    const VERSION: i64 = 1;
    const MOVES: &'static [MoveFrom] = &[MoveFrom { provider: "a/b", type_name: "b_thing" }];

    async fn create(&self, _: &Cx<(), Thing>, _: Plan<Thing>) -> Result<Thing, Failed<Thing>> {
        Err(silence().into())
    }

    async fn read(&self, _: &Cx<(), Thing>, _: Thing) -> Result<Option<Thing>, Diagnostics> {
        Err(silence())
    }

    async fn update(&self, _: &Cx<(), Thing>, _: Thing, _: Plan<Thing>) -> Result<Thing, Failed<Thing>> {
        Err(silence().into())
    }

    async fn delete(&self, _: &Cx<(), Thing>, _: Thing) -> Result<(), Failed<Thing>> {
        Err(silence().into())
    }

    fn upgrade(&self, _: i64, _: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        Err(silence())
    }

    fn move_from(&self, _: MoveSource) -> Result<Thing, Diagnostics> {
        Err(silence())
    }
}

#[async_trait]
impl Identified for Silent {
    type Identity = Thing;
    const IDENTITY_VERSION: i64 = 1;

    fn identity(&self, _: &Thing) -> Option<Thing> {
        None
    }

    fn import_id(&self, _: Thing) -> Result<String, Diagnostics> {
        Err(silence())
    }

    fn upgrade_identity(&self, _: i64, _: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        Err(silence())
    }
}

#[async_trait]
impl ListResource for Silent {
    type Resource = Silent;
    type Config = Empty;

    async fn list(&self, _: &Cx<(), Empty>, _: Empty, _: &Listing<Silent>) -> Result<(), ListEnd> {
        Err(silence().into())
    }
}

fn json(text: &str) -> Option<RawState> {
    Some(RawState { json: text.to_owned().into(), ..Default::default() })
}

/// An answer without a value and without an error is read as "there is nothing".
#[tokio::test]
async fn a_failure_without_a_word_is_an_error_in_every_answer() {
    let builder = Builder::new("x").config(|_: Empty, _| async { Err::<(), _>(silence()) });
    let service = builder.identified(Silent).list(Silent).into_service().expect("the schemas are right");
    let type_name = || "x_silent".to_owned();
    let mut answers: Vec<(&str, Vec<Said>)> = Vec::new();

    let answer = service.configure_provider(Request::new(configure_provider::Request::default())).await;
    answers.push(("configure", said(answer.expect("no status").into_inner().diagnostics)));

    let request = upgrade_resource_state::Request { type_name: type_name(), version: 0, raw_state: json("{}") };
    let answer = service.upgrade_resource_state(Request::new(request)).await.expect("no status").into_inner();
    answers.push(("upgrade", said(answer.diagnostics)));

    let request = upgrade_resource_identity::Request { type_name: type_name(), version: 0, raw_identity: json("{}") };
    let answer = service.upgrade_resource_identity(Request::new(request)).await.expect("no status").into_inner();
    answers.push(("upgrade of an identity", said(answer.diagnostics)));

    let request = move_resource_state::Request {
        source_provider_address: "example.test/a/b".to_owned(),
        source_type_name: "b_thing".to_owned(),
        source_state: json("{}"),
        target_type_name: type_name(),
        ..Default::default()
    };
    let answer = service.move_resource_state(Request::new(request)).await.expect("no status").into_inner();
    answers.push(("move", said(answer.diagnostics)));

    let request = list_resource::Request { type_name: type_name(), limit: 9, ..Default::default() };
    let events = service.list_resource(Request::new(request)).await.expect("no status").into_inner();
    let events: Vec<_> = events.map(|event| event.expect("no status")).collect().await;
    answers.push(("list", events.into_iter().flat_map(|event| said(event.diagnostic)).collect()));

    let successes: Vec<_> = answers.iter().filter(|(_, said)| said.is_empty()).map(|(call, _)| call).collect();
    assert!(successes.is_empty(), "these look like success: {successes:?}");
    for (call, said) in answers {
        assert_eq!(only_error(&said).summary, "Operation failed", "{call}");
    }
}

/// Whose check says something and then panics.
struct Shaky;

#[async_trait]
impl DataSource for Shaky {
    type Model = Thing;
    type Client = ();
    const TYPE: &'static str = "shaky";

    fn validate(&self, _: &View<Thing>, report: &mut Diagnostics) {
        report.push(Diagnostic::error("Bad name", "Take another."));
        panic!("the check fell down");
    }

    async fn read(&self, _: &Cx<(), Thing>, config: Thing) -> Result<Thing, Diagnostics> {
        Ok(config)
    }
}

#[tokio::test]
async fn what_a_check_reported_before_it_panicked_is_said_too() {
    let service = Builder::new("x").without_config().data_source(Shaky).into_service().expect("the schemas are right");
    let config = Value::object([("name", Value::from("n"))]);
    let msgpack = wire::msgpack::encode(&config, &Thing::block().object_type()).expect("of the type").into();
    let config = Some(DynamicValue { msgpack, ..Default::default() });
    let request = validate_data_resource_config::Request { type_name: "x_shaky".to_owned(), config };
    let answer = service.validate_data_resource_config(Request::new(request)).await.expect("no status").into_inner();
    let summaries: Vec<_> = said(answer.diagnostics).into_iter().map(|one| one.summary).collect();
    assert_eq!(summaries, ["Bad name", "Provider panicked"]);
}

/// An action that leaves a way to say something in hands that never let go of it.
struct Talkative;

#[async_trait]
impl Action for Talkative {
    type Model = Empty;
    type Client = ();
    const TYPE: &'static str = "talkative";

    async fn invoke(&self, _: &Cx<(), Empty>, _: Empty, progress: &Progress) -> Result<(), Diagnostics> {
        progress.say("begun").await;
        let progress = progress.clone();
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            progress.say("never").await;
        });
        Ok(())
    }
}

#[tokio::test]
async fn an_action_that_has_ended_ends_its_answer_whoever_could_still_say_something() {
    let service = Builder::new("x").without_config().action(Talkative).into_service().expect("the schemas are right");
    let request = invoke_action::Request { action_type: "x_talkative".to_owned(), ..Default::default() };
    let events = service.invoke_action(Request::new(request)).await.expect("no status").into_inner();
    let events = tokio::time::timeout(Duration::from_secs(10), events.collect::<Vec<_>>()).await.expect("it ends");
    let kinds = events.into_iter().map(|event| event.expect("no status").r#type.expect("a kind"));
    let progress = |message: &str| Type::Progress(invoke_action::event::Progress { message: message.to_owned() });
    assert_eq!(kinds.collect::<Vec<_>>(), [progress("begun"), Type::Completed(Default::default())]);
}

/// Whose upgrade looks for the state where it never was.
struct Forgetful;

#[async_trait]
impl Resource for Forgetful {
    type Model = Thing;
    type Client = ();
    const TYPE: &'static str = "forgetful";
    const VERSION: i64 = 1;

    async fn create(&self, _: &Cx<(), Thing>, plan: Plan<Thing>) -> Result<Thing, Failed<Thing>> {
        Ok(plan.planned)
    }

    async fn read(&self, _: &Cx<(), Thing>, state: Thing) -> Result<Option<Thing>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Cx<(), Thing>, _: Thing, plan: Plan<Thing>) -> Result<Thing, Failed<Thing>> {
        Ok(plan.planned)
    }

    async fn delete(&self, _: &Cx<(), Thing>, _: Thing) -> Result<(), Failed<Thing>> {
        Ok(())
    }

    fn upgrade(&self, _: i64, mut state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        Ok(state["attributes"].take())
    }
}

/// Terraform accepts that, and then has no state of a thing that exists.
#[tokio::test]
async fn an_upgrade_never_makes_nothing_of_a_state() {
    let service = Builder::new("x").without_config().resource(Forgetful).into_service().expect("the schemas are right");
    let raw_state = json(r#"{"name": "n"}"#);
    let request = upgrade_resource_state::Request { type_name: "x_forgetful".to_owned(), version: 0, raw_state };
    let answer = service.upgrade_resource_state(Request::new(request)).await.expect("no status").into_inner();
    assert_eq!(answer.upgraded_state, None);
    let said = said(answer.diagnostics);
    assert_eq!(only_error(&said).summary, "Provider bug");
    assert!(only_error(&said).detail.contains("upgrade of x_forgetful"), "{said:?}");
}
