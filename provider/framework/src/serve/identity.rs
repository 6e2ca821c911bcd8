//! The identity of a resource: its schema, its place in every answer, its upgrade, and import by it.

use std::sync::Arc;

use async_trait::async_trait;
use tfkit_proto::tfplugin6 as proto;

use super::any::{AnyResource, Call, ClientSlot, Outcome};
use super::codec::{value_in, value_out};
use super::run::{caught, decode, outcome, run_sync};
use super::{Inner, blame, state};
use crate::identity::Identified;
use crate::model::Model;
use crate::resource::Failed;
use crate::schema::{Schema, identity::to_proto};
use crate::wire::json;
use crate::{Diagnostic, Diagnostics, Value};

/// The identity of a type of resource, without its Rust types.
#[async_trait]
pub(crate) trait AnyIdentity: Send + Sync {
    fn schema(&self) -> &Schema;
    /// The identity of what has this state; null when that does not tell.
    fn of(&self, state: &Value) -> Result<Value, Diagnostic>;
    fn upgrade(&self, from: i64, identity: serde_json::Value) -> Result<serde_json::Value, Diagnostics>;
    async fn import(&self, call: Call, identity: &Value) -> Outcome;
}

/// The identity of a typed resource.
pub(super) struct TypedIdentity<R: Identified> {
    resource: Arc<R>,
    schema: Schema,
    slot: Arc<ClientSlot<R::Client>>,
}

impl<R: Identified> TypedIdentity<R> {
    pub(super) fn new(resource: Arc<R>, slot: Arc<ClientSlot<R::Client>>) -> Self {
        Self { resource, schema: schema_of::<R>(), slot }
    }
}

/// The schema of a type's identity.
pub(super) fn schema_of<R: Identified>() -> Schema {
    Schema { version: R::IDENTITY_VERSION, block: R::Identity::block() }
}

#[async_trait]
impl<R: Identified> AnyIdentity for TypedIdentity<R> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn of(&self, state: &Value) -> Result<Value, Diagnostic> {
        // A plan in which something needed is not known yet says nothing about the identity.
        let Ok(state) = decode::<R::Model>(state) else { return Ok(Value::Null) };
        let identity = run_sync(|| self.resource.identity(&state))?;
        Ok(identity.map_or(Value::Null, |identity| Value::Object(identity.encode())))
    }

    fn upgrade(&self, from: i64, identity: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        run_sync(|| self.resource.upgrade_identity(from, identity)).unwrap_or_else(|panic| Err(panic.into()))
    }

    async fn import(&self, call: Call, identity: &Value) -> Outcome {
        let cx = self.slot.context(call);
        let ended = caught(async {
            let identity = decode::<R::Identity>(identity)?;
            let work = self.resource.import_identity(&cx, identity);
            let found: Result<R::Model, Diagnostics> = cx.unless_stopped(work).await?;
            found.map(Some).map_err(Failed::from)
        })
        .await;
        outcome(cx, ended)
    }
}

/// Reads an identity; null when Terraform has none, or when this type has none.
pub(super) fn identity_in(
    message: Option<&proto::ResourceIdentityData>,
    resource: &dyn AnyResource,
) -> Result<Value, Diagnostic> {
    match (message, resource.identity()) {
        (Some(message), Some(identity)) => value_in(message.identity_data.as_ref(), &identity.schema().object_type()),
        _ => Ok(Value::Null),
    }
}

/// Writes an identity; nothing for null.
pub(super) fn identity_out(
    identity: &Value,
    resource: &dyn AnyResource,
) -> Result<Option<proto::ResourceIdentityData>, Diagnostic> {
    match resource.identity() {
        Some(of) if !identity.is_null() => {
            Ok(Some(proto::ResourceIdentityData { identity_data: Some(value_out(identity, of.schema())?) }))
        }
        _ => Ok(None),
    }
}

/// The identity that goes with a state in an answer, and what is wrong with it. `before` is what Terraform knows, null if
/// nothing: where the state does not tell (it is of something that was not made to the end), that stays.
pub(super) fn attached(
    resource: &dyn AnyResource,
    name: &str,
    verb: &str,
    state: &Value,
    before: &Value,
) -> (Value, Diagnostics) {
    let Some(identity) = resource.identity().filter(|_| !state.is_null()) else {
        return (Value::Null, Diagnostics::new());
    };
    match identity.of(state) {
        Err(panic) => (before.clone(), panic.into()),
        Ok(Value::Null) => (before.clone(), Diagnostics::new()),
        Ok(found) => {
            let broken = blame::identity(name, verb, identity.schema(), &found, before);
            if broken.is_empty() { (found, broken) } else { (before.clone(), broken) }
        }
    }
}

/// As [`attached`], of something that is whole: it has an identity.
pub(super) fn attached_whole(
    resource: &dyn AnyResource,
    name: &str,
    verb: &str,
    state: &Value,
    before: &Value,
) -> (Value, Diagnostics) {
    let (found, mut broken) = attached(resource, name, verb, state, before);
    if let Some(identity) = resource.identity().filter(|_| found.is_null() && !state.is_null() && broken.is_empty()) {
        broken = blame::identity(name, verb, identity.schema(), &found, before);
    }
    (found, broken)
}

/// The identity that Terraform knows, or that of the state when it knows none: it was stored by an older Terraform.
pub(super) fn known_before(resource: &dyn AnyResource, sent: Value, prior: &Value) -> Value {
    match resource.identity() {
        Some(identity) if sent.is_null() && !prior.is_null() => identity.of(prior).unwrap_or(Value::Null),
        _ => sent,
    }
}

impl Inner {
    pub(super) fn identity_schemas(&self) -> proto::get_resource_identity_schemas::Response {
        let all = self.resources.iter();
        let with = all.filter_map(|(name, resource)| Some((name.clone(), to_proto(resource.identity()?.schema()))));
        proto::get_resource_identity_schemas::Response { identity_schemas: with.collect(), ..Default::default() }
    }

    pub(super) fn upgrade_identity(
        &self,
        request: &proto::upgrade_resource_identity::Request,
    ) -> Result<proto::upgrade_resource_identity::Response, Diagnostics> {
        let name = &request.type_name;
        let resource = self.resource(name)?;
        let identity = resource.identity().ok_or_else(|| no_identity(name))?;
        let stored = request.raw_identity.as_ref().map_or(&[][..], |raw| &raw.json);
        let (what, schema) = (format!("identity of this {name}"), identity.schema());
        let upgraded =
            state::current(&what, schema, request.version, stored, |json| identity.upgrade(request.version, json))?;
        let value = json::from_state_json(upgraded.as_deref().unwrap_or(stored), schema)
            .map_err(|error| state::not_readable(&what, &error.to_string()))?;
        Ok(proto::upgrade_resource_identity::Response {
            upgraded_identity: identity_out(&value, resource)?,
            ..Default::default()
        })
    }

    /// Import by identity, which must be complete.
    pub(super) async fn import_identity(
        &self,
        name: &str,
        resource: &dyn AnyResource,
        asked: &Value,
    ) -> Result<Outcome, Diagnostics> {
        let identity = resource.identity().ok_or_else(|| no_identity(name))?;
        complete(name, identity.schema(), asked)?;
        Ok(identity.import(self.call(super::any::PrivateData::new()), asked).await)
    }
}

/// Refuses an identity without its required parts, or with values that the author's validators refuse.
fn complete(name: &str, schema: &Schema, asked: &Value) -> Result<(), Diagnostics> {
    let required = || schema.block.attributes.iter().filter(|attribute| attribute.required);
    let missing = required().filter(|attribute| crate::schema::member(asked, &attribute.name).is_null());
    let missing: Vec<String> = missing.map(|attribute| format!("`{}`", attribute.name)).collect();
    if !missing.is_empty() {
        let needed: Vec<String> = required()
            .map(|attribute| {
                format!("`{}`: {}", attribute.name, attribute.description.lines().next().unwrap_or_default())
            })
            .collect();
        return Err(Diagnostic::error(
            "Identity not complete",
            format!(
                "An import of {name} by identity lacks {}. It needs\n\n{}",
                missing.join(" and "),
                needed.join("\n")
            ),
        )
        .into());
    }
    let found = run_sync(|| schema.validate(asked)).unwrap_or_else(Into::into);
    if found.has_errors() { Err(found) } else { Ok(()) }
}

fn no_identity(name: &str) -> Diagnostic {
    Diagnostic::error(
        "Type has no identity",
        format!(
            "This version of the provider knows no identity of {name}. Import it by id: the documentation says how."
        ),
    )
}
