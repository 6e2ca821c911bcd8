//! Validate, open, renew and close of ephemeral resources (E1).

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tfkit::{Cx, Diagnostics, Ephemeral, Model, Opened, Provider as Builder, Value, async_trait};
use tfkit_proto::tfplugin6::provider_server::Provider;
use tfkit_proto::tfplugin6::{
    close_ephemeral_resource, open_ephemeral_resource, renew_ephemeral_resource, validate_ephemeral_resource_config,
};
use tonic::Request;

use crate::core::{Core, Said, back, only_error, out, said, type_of};
use crate::values::{has, value};

const KEY: &str = "kitchen_key";

/// What came back from opening or renewing.
#[derive(Debug)]
struct Answer {
    result: Value,
    private: Bytes,
    renew_at: Option<SystemTime>,
    said: Vec<Said>,
}

async fn open(core: &Core, config: &Json) -> Answer {
    let config = out(KEY, &value(config, &type_of(KEY)));
    let request = open_ephemeral_resource::Request { type_name: KEY.into(), config, client_capabilities: None };
    let answer = core.0.open_ephemeral_resource(Request::new(request)).await.expect("no status").into_inner();
    Answer {
        result: back(KEY, answer.result),
        private: answer.private.unwrap_or_default(),
        renew_at: answer.renew_at.map(|time| time.try_into().expect("a time")),
        said: said(answer.diagnostics),
    }
}

async fn renew(core: &Core, private: &Bytes) -> Answer {
    let request = renew_ephemeral_resource::Request { type_name: KEY.into(), private: Some(private.clone()) };
    let answer = core.0.renew_ephemeral_resource(Request::new(request)).await.expect("no status").into_inner();
    Answer {
        result: Value::Null,
        private: answer.private.unwrap_or_default(),
        renew_at: answer.renew_at.map(|time| time.try_into().expect("a time")),
        said: said(answer.diagnostics),
    }
}

async fn close(core: &Core, private: &Bytes) -> Vec<Said> {
    let request = close_ephemeral_resource::Request { type_name: KEY.into(), private: Some(private.clone()) };
    said(core.0.close_ephemeral_resource(Request::new(request)).await.expect("no status").into_inner().diagnostics)
}

async fn kitchen() -> (TempDir, Core) {
    let directory = TempDir::new().expect("a directory");
    let core = Core::in_directory(directory.path()).await;
    (directory, core)
}

/// What was done with a key.
fn file(directory: &TempDir) -> Json {
    let bytes = std::fs::read(directory.path().join("key-k.json"));
    bytes.map_or(Json::Null, |bytes| serde_json::from_slice(&bytes).expect("JSON"))
}

#[tokio::test]
async fn a_key_is_opened_renewed_and_closed() {
    let (directory, core) = kitchen().await;
    let opened = open(&core, &json!({ "name": "k", "renewed": true })).await;
    assert_eq!(opened.said, []);
    has(&opened.result, &json!({ "name": "k", "mode": "open", "renewed": true, "code": "sesame-k" }));
    assert!(opened.renew_at.expect("it wants to be renewed") > SystemTime::UNIX_EPOCH);
    let private: Json = serde_json::from_slice(&opened.private).expect("JSON");
    assert_eq!(private, json!({ "private": { "name": "aw" } }));

    let renewed = renew(&core, &opened.private).await;
    assert_eq!(renewed.said, []);
    assert!(renewed.renew_at > opened.renew_at);
    assert_ne!(renewed.private, opened.private);
    assert_eq!(file(&directory), json!({ "opened": 1, "renewed": 1 }));
    assert_eq!(close(&core, &opened.private).await, []);
    assert_eq!(file(&directory), json!({ "opened": 1, "renewed": 1, "closed": 1 }));

    let quiet = open(&core, &json!({ "name": "k" })).await;
    assert_eq!((quiet.said, quiet.renew_at), (vec![], None));
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_opened() {
    let core = Core::new();
    for (config, expected) in [
        (json!({ "name": "k" }), None),
        (json!({ "name": "??", "mode": "??" }), None),
        (json!({}), Some(("Missing required argument", "name"))),
        (json!({ "name": "k", "mode": "x" }), Some(("Attribute value not accepted", "mode"))),
        (json!({ "name": "" }), Some(("Key without a name", "name"))),
        (json!({ "name": "k", "code": "x" }), Some(("Value for a read-only attribute", "code"))),
    ] {
        let message = out(KEY, &value(&config, &type_of(KEY)));
        let request = validate_ephemeral_resource_config::Request { type_name: KEY.into(), config: message };
        let answer = core.0.validate_ephemeral_resource_config(Request::new(request)).await.expect("no status");
        let said = said(answer.into_inner().diagnostics);
        let errors: Vec<_> = said.iter().map(|one| (one.summary.as_str(), one.path.as_str())).collect();
        assert_eq!(errors, expected.into_iter().collect::<Vec<_>>(), "{config}");
    }
    let answer = open(&core, &json!({ "name": "k" })).await;
    assert_eq!(only_error(&answer.said).summary, "Provider not configured");
    let (_directory, core) = kitchen().await;
    let unknown = open(&core, &json!({ "name": "??" })).await;
    assert_eq!(only_error(&unknown.said).summary, "Value not known yet");
}

#[tokio::test]
async fn what_failed_is_not_left_open() {
    for (mode, summary, path, file_then) in [
        ("fail", "Door locked", "", json!(null)),
        ("panic", "Provider panicked", "", json!(null)),
        // It was opened; Terraform will not close what it takes for failed, so the framework does.
        ("lie", "Provider bug", "name", json!({ "opened": 1, "closed": 1 })),
        ("leave unknown", "Provider bug", "code", json!({ "opened": 1, "closed": 1 })),
        ("complain", "Door open", "", json!({ "opened": 1, "closed": 1 })),
    ] {
        let (directory, core) = kitchen().await;
        let answer = open(&core, &json!({ "name": "k", "mode": mode })).await;
        let error = only_error(&answer.said);
        assert_eq!((error.summary.as_str(), error.path.as_str()), (summary, path), "{mode}");
        assert!(!error.detail.contains("sesame"), "{}", error.detail);
        assert_eq!((answer.result, answer.private, answer.renew_at), (Value::Null, Bytes::new(), None), "{mode}");
        assert_eq!(file(&directory), file_then, "{mode}");
    }
}

#[tokio::test]
async fn a_failed_renewal_and_a_failed_close_say_why() {
    let (_directory, core) = kitchen().await;
    let nothing = Bytes::new();
    assert_eq!(only_error(&renew(&core, &nothing).await.said).summary, "Key lost");
    assert_eq!(only_error(&close(&core, &nothing).await).summary, "Key lost");
    let damaged = Bytes::from_static(b"\x00");
    assert_eq!(only_error(&close(&core, &damaged).await).summary, "Private data not readable");
}

/// A thing with nothing to renew and nothing to close.
#[derive(Model)]
struct Nothing {
    /// Never stored, where nothing is.
    #[tf(optional, write_only)]
    secret: Option<String>,
}

struct Nothings;

#[async_trait]
impl Ephemeral for Nothings {
    type Model = Nothing;
    type Client = ();
    const TYPE: &'static str = "nothing";

    async fn open(&self, _: &Cx<(), Nothing>, config: Nothing) -> Result<Opened<Nothing>, Diagnostics> {
        Ok(config.into())
    }
}

#[test]
fn a_write_only_attribute_is_refused() {
    let refused = Builder::new("x").without_config().ephemeral(Nothings).into_service().err().expect("refused");
    assert!(refused.to_string().contains("ephemeral resource x_nothing: secret: is write-only"), "{refused}");
}
