//! ApplyResourceChange: do it, and tell the truth about what is there afterwards.

use tfkit_proto::tfplugin6::apply_resource_change as proto;

use super::any::{AnyResource, Outcome};
use super::codec::{diagnostics_out, value_in, value_out};
use super::identity::{attached_whole, identity_in, identity_out, known_before};
use super::{Inner, blame, mend, private};
use crate::{Diagnostics, Path, Value, timeouts};

/// What is to be done.
struct Order {
    name: String,
    prior: Value,
    planned: Value,
    config: Value,
}

impl Inner {
    pub(super) async fn apply(&self, request: proto::Request) -> Result<proto::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let ty = schema.object_type();
        let order = Order {
            prior: value_in(request.prior_state.as_ref(), &ty)?,
            planned: value_in(request.planned_state.as_ref(), &ty)?,
            config: value_in(request.config.as_ref(), &ty)?,
            name: request.type_name,
        };
        let planned = identity_in(request.planned_identity.as_ref(), resource)?;
        let before = known_before(resource, planned, &order.prior);
        let private = private::decode(&request.planned_private)?;
        let call = self.call(private.clone()).with_meta(self.meta(request.provider_meta.as_ref())?);
        let outcome = match (&order.prior, &order.planned) {
            (prior, planned) if resource.timeouts().is_some() && timeouts::alone(prior, planned) => {
                Outcome { state: Some(planned.clone()), failed: false, private, diagnostics: Diagnostics::new() }
            }
            (prior, Value::Null) => resource.delete(call, prior).await,
            (Value::Null, planned) => resource.create(call, planned, &order.config).await,
            (prior, planned) => resource.update(call, prior, planned, &order.config).await,
        };
        let private = private::encode(&outcome.private);
        let failed = outcome.failed;
        let (state, mut diagnostics) = truth(resource, &order, outcome);
        let (identity, odd) = attached_whole(resource, &order.name, "apply", &state, &before);
        // What was not made to the end need not have an identity yet.
        if !failed {
            diagnostics.extend(odd);
        }
        Ok(proto::Response {
            new_state: Some(value_out(&state, schema)?),
            private,
            diagnostics: diagnostics_out(diagnostics),
            new_identity: identity_out(&identity, resource)?,
            ..Default::default()
        })
    }
}

/// The state to save, and what to say.
fn truth(resource: &dyn AnyResource, order: &Order, outcome: Outcome) -> (Value, Diagnostics) {
    let schema = resource.schema();
    let mut diagnostics = outcome.diagnostics;
    // A failed create without a checkpoint left nothing; a failed update or delete left what was there (rule A3).
    let mut state = outcome.state.unwrap_or_else(|| order.prior.clone());
    mend::drop_write_only(schema, &mut state);
    if outcome.failed {
        mend::settle(&mut state, &order.prior);
        diagnostics.extend(blame::failed(&order.name, schema, &state));
        return (state, diagnostics);
    }
    let same_meaning = |path: &Path, one: &Value, other: &Value| resource.semantic_eq(path, one, other);
    mend::keep_spelling(&mut state, &order.planned, &same_meaning);
    let broken = blame::applied(&order.name, schema, &order.planned, &state);
    if !broken.is_empty() {
        // It was done, wrongly or wrongly told: the author's word about what exists is the best there is.
        mend::settle(&mut state, &order.prior);
        diagnostics.extend(broken);
    }
    (state, diagnostics)
}
