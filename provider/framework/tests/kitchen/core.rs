//! A little of Terraform's core: calls the service with values, and says what came back.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tfkit::model::Model;
use tfkit::serve::Service;
use tfkit::{Type, Value, wire};
use tfkit_proto::tfplugin6::provider_server::Provider;
use tfkit_proto::tfplugin6::{self as proto, attribute_path::step::Selector};
use tonic::Request;

use crate::pantry::{House, Kitchen, dish::Dish, key::Key, menu::Menu, oven::Oven, provider};
use crate::values::value;

/// The service, and what core knows about it.
#[derive(Clone)]
pub(crate) struct Core(pub(crate) Service, pub(crate) Option<proto::DynamicValue>);

/// A diagnostic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) error: bool,
    pub(crate) summary: String,
    pub(crate) detail: String,
    pub(crate) path: String,
}

/// A state with what belongs to it, and what was said on the way.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) state: Value,
    pub(crate) private: Bytes,
    pub(crate) replace: Vec<String>,
    pub(crate) said: Vec<Said>,
}

impl Answer {
    /// The answer of a call that must not have failed.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(!self.said.iter().any(|said| said.error), "unexpected: {:?}", self.said);
        self
    }

    /// The only error.
    #[track_caller]
    pub(crate) fn error(&self) -> &Said {
        only_error(&self.said)
    }
}

/// The only error among diagnostics.
#[track_caller]
pub(crate) fn only_error(said: &[Said]) -> &Said {
    let errors: Vec<&Said> = said.iter().filter(|said| said.error).collect();
    assert_eq!(errors.len(), 1, "expected one error: {said:?}");
    errors[0]
}

/// The type of a schema.
pub(crate) fn type_of(name: &str) -> Type {
    match name {
        "kitchen" => Kitchen::block().object_type(),
        "kitchen meta" => House::block().object_type(),
        "kitchen_dish" => Dish::block().object_type(),
        "kitchen_oven" => Oven::block().object_type(),
        "kitchen_menu" => Menu::block().object_type(),
        "kitchen_key" => Key::block().object_type(),
        _ => panic!("no such type: {name}"),
    }
}

pub(crate) fn out(name: &str, value: &Value) -> Option<proto::DynamicValue> {
    let msgpack = wire::msgpack::encode(value, &type_of(name)).expect("the test's value is of the type");
    Some(proto::DynamicValue { msgpack: msgpack.into(), json: Bytes::new() })
}

pub(crate) fn back(name: &str, message: Option<proto::DynamicValue>) -> Value {
    let Some(message) = message else { return Value::Null };
    let value =
        wire::decode_dynamic(&message.msgpack, &message.json, &type_of(name)).expect("the answer is of the type");
    value.expect("a value that is there is not empty")
}

fn path(path: Option<proto::AttributePath>) -> String {
    let steps = path.into_iter().flat_map(|path| path.steps).filter_map(|step| step.selector);
    let texts = steps.map(|selector| match selector {
        Selector::AttributeName(name) => name,
        Selector::ElementKeyString(key) => format!("[{key}]"),
        Selector::ElementKeyInt(index) => format!("[{index}]"),
    });
    texts.collect::<Vec<_>>().join(".")
}

pub(crate) fn said(diagnostics: Vec<proto::Diagnostic>) -> Vec<Said> {
    let one = |d: proto::Diagnostic| Said {
        error: d.severity() == proto::diagnostic::Severity::Error,
        summary: d.summary.clone(),
        detail: d.detail.clone(),
        path: path(d.attribute),
    };
    diagnostics.into_iter().map(one).collect()
}

impl Core {
    /// A provider that is not configured.
    pub(crate) fn new() -> Self {
        Self(provider().into_service().expect("the schemas are right"), None)
    }

    /// The same for a module that says this to the provider.
    pub(crate) fn for_module(&self, meta: &Json) -> Self {
        Self(self.0.clone(), out("kitchen meta", &value(meta, &type_of("kitchen meta"))))
    }

    /// A provider that keeps its things in a directory.
    pub(crate) async fn in_directory(directory: &Path) -> Self {
        let core = Self::new();
        let said = core.configure(&json!({ "directory": directory.to_str() })).await;
        assert_eq!(said, []);
        core
    }

    pub(crate) async fn configure(&self, config: &Json) -> Vec<Said> {
        let config = out("kitchen", &value(config, &type_of("kitchen")));
        let request =
            proto::configure_provider::Request { terraform_version: "1.11.4".into(), config, ..Default::default() };
        said(self.0.configure_provider(Request::new(request)).await.expect("no status").into_inner().diagnostics)
    }

    pub(crate) async fn validate(&self, name: &str, config: &Json, write_only: bool) -> Vec<Said> {
        let config = out(name, &value(config, &type_of(name)));
        let type_name = name.to_owned();
        match name {
            "kitchen" => {
                let request = proto::validate_provider_config::Request { config };
                said(
                    self.0
                        .validate_provider_config(Request::new(request))
                        .await
                        .expect("no status")
                        .into_inner()
                        .diagnostics,
                )
            }
            "kitchen_menu" => {
                let request = proto::validate_data_resource_config::Request { type_name, config };
                let answer = self.0.validate_data_resource_config(Request::new(request)).await;
                said(answer.expect("no status").into_inner().diagnostics)
            }
            _ => {
                let can = proto::ClientCapabilities { write_only_attributes_allowed: write_only, ..Default::default() };
                let request =
                    proto::validate_resource_config::Request { type_name, config, client_capabilities: Some(can) };
                said(
                    self.0
                        .validate_resource_config(Request::new(request))
                        .await
                        .expect("no status")
                        .into_inner()
                        .diagnostics,
                )
            }
        }
    }

    /// Plans; `config` null is a destroy. The prior state is that of an earlier answer.
    pub(crate) async fn plan(&self, name: &str, prior: Option<&Answer>, config: &Json) -> Answer {
        let config = value(config, &type_of(name));
        let request = proto::plan_resource_change::Request {
            type_name: name.to_owned(),
            prior_state: out(name, prior.map_or(&Value::Null, |prior| &prior.state)),
            proposed_new_state: out(name, &config),
            config: out(name, &config),
            prior_private: prior.map(|prior| prior.private.clone()).unwrap_or_default(),
            provider_meta: self.1.clone(),
            ..Default::default()
        };
        let answer = self.0.plan_resource_change(Request::new(request)).await.expect("no status").into_inner();
        assert!(!answer.legacy_type_system);
        Answer {
            state: back(name, answer.planned_state),
            private: answer.planned_private,
            replace: answer.requires_replace.into_iter().map(|one| path(Some(one))).collect(),
            said: said(answer.diagnostics),
        }
    }

    /// Applies a plan.
    pub(crate) async fn carry_out(
        &self,
        name: &str,
        prior: Option<&Answer>,
        planned: &Answer,
        config: &Json,
    ) -> Answer {
        let config = value(config, &type_of(name));
        let request = proto::apply_resource_change::Request {
            type_name: name.to_owned(),
            prior_state: out(name, prior.map_or(&Value::Null, |prior| &prior.state)),
            planned_state: out(name, &planned.state),
            config: out(name, &config),
            planned_private: planned.private.clone(),
            provider_meta: self.1.clone(),
            ..Default::default()
        };
        let answer = self.0.apply_resource_change(Request::new(request)).await.expect("no status").into_inner();
        assert!(!answer.legacy_type_system);
        Answer {
            state: back(name, answer.new_state),
            private: answer.private,
            replace: Vec::new(),
            said: said(answer.diagnostics),
        }
    }

    /// Plans and applies.
    pub(crate) async fn apply(&self, name: &str, prior: Option<&Answer>, config: &Json) -> Answer {
        let planned = self.plan(name, prior, config).await.ok();
        self.carry_out(name, prior, &planned, config).await
    }

    pub(crate) async fn read(&self, name: &str, prior: &Answer) -> Answer {
        let request = proto::read_resource::Request {
            type_name: name.to_owned(),
            current_state: out(name, &prior.state),
            private: prior.private.clone(),
            provider_meta: self.1.clone(),
            ..Default::default()
        };
        let answer = self.0.read_resource(Request::new(request)).await.expect("no status").into_inner();
        Answer {
            state: back(name, answer.new_state),
            private: answer.private,
            replace: Vec::new(),
            said: said(answer.diagnostics),
        }
    }

    pub(crate) async fn import(&self, name: &str, id: &str) -> Answer {
        let request = proto::import_resource_state::Request {
            type_name: name.to_owned(),
            id: id.to_owned(),
            ..Default::default()
        };
        let answer = self.0.import_resource_state(Request::new(request)).await.expect("no status").into_inner();
        let imported = answer.imported_resources.into_iter().next();
        let (state, private) = imported.map_or((Value::Null, Bytes::new()), |one| {
            assert_eq!(one.type_name, name);
            (back(name, one.state), one.private)
        });
        Answer { state, private, replace: Vec::new(), said: said(answer.diagnostics) }
    }

    pub(crate) async fn upgrade(&self, name: &str, version: i64, stored: &str) -> Answer {
        let raw_state = proto::RawState { json: Bytes::copy_from_slice(stored.as_bytes()), ..Default::default() };
        let request =
            proto::upgrade_resource_state::Request { type_name: name.to_owned(), version, raw_state: Some(raw_state) };
        let answer = self.0.upgrade_resource_state(Request::new(request)).await.expect("no status").into_inner();
        Answer {
            state: back(name, answer.upgraded_state),
            private: Bytes::new(),
            replace: Vec::new(),
            said: said(answer.diagnostics),
        }
    }

    pub(crate) async fn look_up(&self, name: &str, config: &Json) -> Answer {
        let config = out(name, &value(config, &type_of(name)));
        let request = proto::read_data_source::Request {
            type_name: name.to_owned(),
            config,
            provider_meta: self.1.clone(),
            ..Default::default()
        };
        let answer = self.0.read_data_source(Request::new(request)).await.expect("no status").into_inner();
        Answer {
            state: back(name, answer.state),
            private: Bytes::new(),
            replace: Vec::new(),
            said: said(answer.diagnostics),
        }
    }
}
