//! PlanResourceChange: the framework plans, the author may look at it, and the result is checked.

use tfkit_proto::tfplugin6::plan_resource_change as proto;

use super::any::{AnyResource, Call, Change, Outcome};
use super::codec::{diagnostics_out, is_null, value_in, value_out};
use super::identity::{attached, identity_in, identity_out, known_before};
use super::{Inner, blame, mend, private};
use crate::plan::{Action, finish, propose, propose_update};
use crate::schema::Schema;
use crate::{Diagnostics, Path, Value, timeouts};

impl Inner {
    pub(super) async fn plan(&self, request: proto::Request) -> Result<proto::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let ty = schema.object_type();
        let prior = value_in(request.prior_state.as_ref(), &ty)?;
        let config = value_in(request.config.as_ref(), &ty)?;
        let call = self.call(private::decode(&request.prior_private)?);
        let call = call.with_meta(self.meta(request.provider_meta.as_ref())?);
        // Of the proposed state only its absence counts: core's merge aligns lists by index.
        if is_null(request.proposed_new_state.as_ref()) {
            let outcome = resource.plan_destroy(call, &prior).await;
            let planned_identity = request.prior_identity;
            return destroy(schema, outcome).map(|planned| proto::Response { planned_identity, ..planned });
        }
        let identity = identity_in(request.prior_identity.as_ref(), resource)?;
        let (change, spelled) = by_schema(resource, prior, config);
        by_author(resource, &request.type_name, call, identity, change, spelled.as_ref()).await
    }
}

/// The change as the author has it, checked. `identity`: what Terraform knows.
async fn by_author(
    resource: &dyn AnyResource,
    name: &str,
    call: Call,
    identity: Value,
    mut change: Change,
    respelled: Option<&Value>,
) -> Result<proto::Response, Diagnostics> {
    let schema = resource.schema();
    let outcome = resource.modify_plan(call, &mut change).await;
    if outcome.failed {
        return Err(outcome.diagnostics);
    }
    let Change { prior, config, planned, replace, .. } = change;
    let mut planned = finish(schema, &prior, respelled.unwrap_or(&config), planned);
    if planned.action == Action::Update {
        let asked = replace.into_iter().filter(|path| !planned.requires_replace.contains(path)).collect::<Vec<_>>();
        planned.requires_replace.extend(asked);
    }
    let mut diagnostics = outcome.diagnostics;
    let mut broken = blame::plan(name, schema, &prior, &config, &planned);
    // A create promises no identity; the apply says it. What lives on keeps its own.
    let identity = known_before(resource, identity, &prior);
    if planned.requires_replace.is_empty() {
        broken.extend(attached(resource, name, "plan", &planned.value, &identity).1);
    }
    if !broken.is_empty() {
        diagnostics.extend(broken);
        return Err(diagnostics);
    }
    Ok(proto::Response {
        planned_state: Some(value_out(&planned.value, schema)?),
        requires_replace: planned.requires_replace.iter().map(Into::into).collect(),
        planned_private: private::encode(&outcome.private),
        diagnostics: diagnostics_out(diagnostics),
        planned_identity: identity_out(&identity, resource)?,
        ..Default::default()
    })
}

/// What the schema alone plans, and the configuration that it was planned from: the user's, but in the prior state's
/// spelling where both mean the same, so that a new spelling alone is no change.
fn by_schema(resource: &dyn AnyResource, prior: Value, config: Value) -> (Change, Option<Value>) {
    let schema = resource.schema();
    let same_meaning = |path: &Path, one: &Value, other: &Value| resource.semantic_eq(path, one, other);
    let respelled = mend::respelled(&config, &prior, &same_meaning);
    let spelled = respelled.as_ref().unwrap_or(&config);
    let plan = |spelled: &Value| finish(schema, &prior, spelled, propose(schema, &prior, spelled, spelled).value);
    let mut planned = plan(spelled);
    let mut still = planned.action == Action::Nothing;
    if planned.action == Action::Update && resource.timeouts().is_some() {
        // How long things may take is no property of the thing: such a change touches nothing else.
        let without = plan(&timeouts::taken_from(&prior, spelled));
        if without.action == Action::Nothing {
            planned.value = timeouts::taken_from(spelled, &without.value);
            still = true;
        }
    }
    let as_changed = still.then(|| propose_update(schema, &prior, spelled).value);
    let change = Change { prior, config, planned: planned.value, as_changed, replace: planned.requires_replace };
    (change, respelled)
}

fn destroy(schema: &Schema, outcome: Outcome) -> Result<proto::Response, Diagnostics> {
    if outcome.failed {
        return Err(outcome.diagnostics);
    }
    Ok(proto::Response {
        planned_state: Some(value_out(&Value::Null, schema)?),
        planned_private: private::encode(&outcome.private),
        diagnostics: diagnostics_out(outcome.diagnostics),
        ..Default::default()
    })
}
