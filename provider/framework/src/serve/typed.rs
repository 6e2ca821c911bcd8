//! A typed resource behind the untyped interface: decode, call, encode.

use std::sync::Arc;

use async_trait::async_trait;

use super::any::{AnyResource, Call, Change, ClientSlot, Outcome};
use super::identity::{AnyIdentity, TypedIdentity};
use super::run::{caught, decode, outcome, reported, run_sync};
use crate::context::Cx;
use crate::identity::Identified;
use crate::model::{Model, View};
use crate::moves::{MoveFrom, MoveSource};
use crate::resource::{Failed, Plan, PlanChange, Resource};
use crate::schema::Schema;
use crate::timeouts::{Deadline, Limits, Operation};
use crate::{Diagnostic, Diagnostics, Path, Value};

/// A resource with its schema and the way to its client.
pub(crate) struct TypedResource<R: Resource> {
    name: String,
    resource: Arc<R>,
    schema: Schema,
    slot: Arc<ClientSlot<R::Client>>,
    identity: Option<Box<dyn AnyIdentity>>,
}

impl<R: Resource> TypedResource<R> {
    pub(crate) fn new(name: String, resource: R, slot: Arc<ClientSlot<R::Client>>) -> Self {
        let schema = Schema { version: R::VERSION, block: R::Model::block() };
        Self { name, resource: Arc::new(resource), schema, slot, identity: None }
    }

    /// A resource that has an identity.
    pub(crate) fn identified(name: String, resource: R, slot: Arc<ClientSlot<R::Client>>) -> Self
    where
        R: Identified,
    {
        let mut typed = Self::new(name, resource, slot);
        typed.identity = Some(Box::new(TypedIdentity::new(Arc::clone(&typed.resource), Arc::clone(&typed.slot))));
        typed
    }

    fn context(&self, call: Call) -> Cx<R::Client, R::Model> {
        self.slot.context(call)
    }

    /// A state that the model cannot hold was stored by another release of the provider: the user must be told which
    /// attribute, and the author that the version was not raised.
    fn state(&self, value: &Value) -> Result<R::Model, Diagnostic> {
        decode::<R::Model>(value).map_err(|error| {
            Diagnostic::error(
                "State does not fit this version of the provider",
                format!(
                    "{}: `{}`: {}. The provider must upgrade such a state and does not. This is a bug in the provider; \
                     please report it.",
                    self.name, error.path, error.problem
                ),
            )
            .at(error.path)
        })
    }

    fn plan(&self, planned: &Value, config: &Value) -> Result<Plan<R::Model>, Diagnostic> {
        let planned = decode::<R::Model>(planned)?;
        let config = decode::<View<R::Model>>(config)?;
        Ok(Plan { planned, config })
    }
}

fn change_of<M: Model>(change: &mut Change) -> Result<PlanChange<M>, Diagnostic> {
    Ok(PlanChange {
        prior: match &change.prior {
            Value::Null => None,
            prior => Some(decode(prior)?),
        },
        config: decode(&change.config)?,
        planned: decode(&change.planned)?,
        as_changed: change.as_changed.take(),
        replace: std::mem::take(&mut change.replace),
    })
}

#[async_trait]
impl<R: Resource> AnyResource for TypedResource<R> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn timeouts(&self) -> Option<Limits> {
        R::TIMEOUTS
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        reported::<R::Model>(config, |config, report| self.resource.validate(config, report))
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        // Whoever cannot compare two values cannot call them equal.
        run_sync(|| self.resource.semantic_eq(path, one, other)).unwrap_or(false)
    }

    fn upgrade(&self, from: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        run_sync(|| self.resource.upgrade(from, state)).unwrap_or_else(|panic| Err(panic.into()))
    }

    async fn modify_plan(&self, call: Call, change: &mut Change) -> Outcome {
        let cx = self.context(call);
        let mut typed = None;
        let ended = caught(async {
            let typed = typed.insert(change_of::<R::Model>(change)?);
            cx.unless_stopped(self.resource.modify_plan(&cx, typed)).await??;
            Ok(None)
        })
        .await;
        if let Some(typed) = typed {
            change.planned = Value::Object(typed.planned.encode());
            change.replace = typed.replace;
        }
        outcome(cx, ended)
    }

    async fn plan_destroy(&self, call: Call, prior: &Value) -> Outcome {
        let cx = self.context(call);
        let ended = caught(async {
            let prior = decode::<View<R::Model>>(prior)?;
            cx.unless_stopped(self.resource.plan_destroy(&cx, &prior)).await??;
            Ok(None)
        })
        .await;
        outcome(cx, ended)
    }

    async fn create(&self, call: Call, planned: &Value, config: &Value) -> Outcome {
        let cx = self.context(call.until(Deadline::of(Operation::Create, R::TIMEOUTS, planned)));
        let work = cx.in_time(async {
            let plan = self.plan(planned, config)?;
            self.resource.create(&cx, plan).await.map(Some)
        });
        let ended = caught(work).await;
        outcome(cx, ended)
    }

    async fn read(&self, call: Call, state: &Value) -> Outcome {
        let cx = self.context(call.until(Deadline::of(Operation::Read, R::TIMEOUTS, state)));
        let work = cx.in_time(async {
            let state = self.state(state)?;
            Ok(cx.unless_stopped(self.resource.read(&cx, state)).await??)
        });
        let ended = caught(work).await;
        outcome(cx, ended)
    }

    async fn update(&self, call: Call, prior: &Value, planned: &Value, config: &Value) -> Outcome {
        let cx = self.context(call.until(Deadline::of(Operation::Update, R::TIMEOUTS, planned)));
        let work = cx.in_time(async {
            let prior = self.state(prior)?;
            let plan = self.plan(planned, config)?;
            self.resource.update(&cx, prior, plan).await.map(Some)
        });
        let ended = caught(work).await;
        outcome(cx, ended)
    }

    async fn delete(&self, call: Call, state: &Value) -> Outcome {
        let cx = self.context(call.until(Deadline::of(Operation::Delete, R::TIMEOUTS, state)));
        let work = cx.in_time(async {
            let state = self.state(state)?;
            self.resource.delete(&cx, state).await.map(|()| None)
        });
        let ended = caught(work).await;
        outcome(cx, ended)
    }

    async fn import(&self, call: Call, id: &str) -> Outcome {
        let cx = self.context(call);
        let ended = caught(async {
            let found: Result<R::Model, Diagnostics> = cx.unless_stopped(self.resource.import(&cx, id)).await?;
            found.map(Some).map_err(Failed::from)
        })
        .await;
        outcome(cx, ended)
    }

    fn identity(&self) -> Option<&dyn AnyIdentity> {
        self.identity.as_deref()
    }

    fn moves(&self) -> &'static [MoveFrom] {
        R::MOVES
    }

    fn move_from(&self, source: MoveSource) -> Result<Value, Diagnostics> {
        let moved = run_sync(|| self.resource.move_from(source)).unwrap_or_else(|panic| Err(panic.into()));
        moved.map(|state| Value::Object(state.encode()))
    }
}
