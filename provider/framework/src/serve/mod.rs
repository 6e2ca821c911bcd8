//! The gRPC service: wire -> typed calls -> wire.
//!
//! The one invariant: every answer is checked as Terraform's core will check it before it leaves. What breaks a rule
//! becomes a diagnostic that names the provider, the type, the path and the rule; a panic becomes a diagnostic of that one
//! call; nothing becomes a protocol error.
//!
//! | module | what it holds |
//! |---|---|
//! | `grpc` | the generated service trait, one line per call |
//! | `answer` | how each kind of answer says that it failed |
//! | `codec` | values and diagnostics from and to messages |
//! | `describe`, `configure`, `validate` | schemas; the provider's configuration; checks of configurations |
//! | `plan`, `apply`, `read`, `state`, `lookup` | the life of a resource; data sources |
//! | `call_function`, `lease` | functions; the life of an ephemeral resource |
//! | `identity`, `moves`, `generate` | what identifies a resource; states of other types; a configuration of a state |
//! | `action`, `list` | calls that answer with a stream |
//! | `blame` | broken rules as diagnostics |
//! | `mend` | what the framework puts right in the author's answers |
//! | `private`, `meta` | the encoding of private state; what modules say to the provider |
//! | `any`, `typed`, `data_source`, `ephemeral`, `function`, `config` | from values to the author's types and back |
//! | `run` | running the author's code: panics, checkpoints |

pub(crate) mod action;
mod answer;
pub(crate) mod any;
mod apply;
mod blame;
mod call_function;
mod codec;
pub(crate) mod config;
mod configure;
pub(crate) mod data_source;
mod describe;
pub(crate) mod ephemeral;
pub(crate) mod function;
mod generate;
mod grpc;
mod identity;
mod lease;
pub(crate) mod list;
mod lookup;
mod mend;
mod meta;
mod moves;
mod plan;
mod private;
mod read;
mod run;
mod state;
pub(crate) mod typed;
mod validate;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use action::AnyAction;
use any::{AnyConfig, AnyDataSource, AnyResource, Call, PrivateData};
use ephemeral::AnyEphemeral;
use function::AnyFunction;
use list::AnyList;

use crate::plugin::Stop;
use crate::schema::Schema;
use crate::{Diagnostic, Value};

/// Why a provider cannot be served: Terraform would refuse it, or crash.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Two things of one kind have this name.
    #[error("the type {0} is registered twice")]
    Repeated(String),
    /// A list needs a resource of the same type that was registered with its identity.
    #[error("there is a list of {0}, but no resource of this type with an identity: register it with `identified`")]
    ListOfNothing(String),
    /// Schemas that break rules, one per line.
    #[error("the schema breaks rules of Terraform:\n{0}")]
    Schema(String),
}

/// The service of one provider. Clones serve the same provider.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    types: Types,
    stop: Stop,
}

/// Everything that a provider has.
pub(crate) struct Types {
    pub(crate) config: Box<dyn AnyConfig>,
    pub(crate) resources: BTreeMap<String, Arc<dyn AnyResource>>,
    pub(crate) data_sources: BTreeMap<String, Arc<dyn AnyDataSource>>,
    pub(crate) ephemerals: BTreeMap<String, Arc<dyn AnyEphemeral>>,
    pub(crate) functions: BTreeMap<String, Arc<dyn AnyFunction>>,
    pub(crate) actions: BTreeMap<String, Arc<dyn AnyAction>>,
    pub(crate) lists: BTreeMap<String, Arc<dyn AnyList>>,
    /// What modules say to the provider.
    pub(crate) meta: Option<Schema>,
    /// Names that were given twice.
    pub(crate) repeated: Vec<String>,
}

impl Types {
    /// A provider that has nothing but a configuration.
    pub(crate) fn new(config: Box<dyn AnyConfig>) -> Self {
        Self {
            config,
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            functions: BTreeMap::new(),
            actions: BTreeMap::new(),
            lists: BTreeMap::new(),
            meta: None,
            repeated: Vec::new(),
        }
    }
}

impl Deref for Inner {
    type Target = Types;

    fn deref(&self) -> &Types {
        &self.types
    }
}

impl Service {
    pub(crate) fn new(types: Types) -> Result<Self, ServiceError> {
        if let Some(name) = types.repeated.first() {
            return Err(ServiceError::Repeated(name.clone()));
        }
        let identified = |name: &String| types.resources.get(name).is_some_and(|one| one.identity().is_some());
        if let Some(name) = types.lists.keys().find(|name| !identified(name)) {
            return Err(ServiceError::ListOfNothing(name.clone()));
        }
        let inner = Inner { types, stop: Stop::new() };
        inner.check_schemas()?;
        Ok(Self(Arc::new(inner)))
    }

    /// The handle through which the process stops work in flight when it has to end: for [`crate::plugin::Options::stop`].
    pub fn stop(&self) -> Stop {
        self.0.stop.clone()
    }
}

impl Inner {
    fn resource(&self, name: &str) -> Result<&dyn AnyResource, Diagnostic> {
        self.resources.get(name).map(AsRef::as_ref).ok_or_else(|| no_such_type("resource", name))
    }

    fn data_source(&self, name: &str) -> Result<&dyn AnyDataSource, Diagnostic> {
        self.data_sources.get(name).map(AsRef::as_ref).ok_or_else(|| no_such_type("data source", name))
    }

    /// What a call of the author's code gets, with its private data.
    fn call(&self, private: PrivateData) -> Call {
        Call { cancel: self.stop.token(), private, deadline: None, meta: Value::Null }
    }
}

fn no_such_type(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error("Unknown type", format!("This version of the provider has no {kind} type `{name}`."))
}
