//! ReadResource: what is it like now?

use tfkit_proto::tfplugin6::read_resource as proto;

use super::codec::{diagnostics_out, value_in, value_out};
use super::identity::{attached, identity_in, identity_out};
use super::{Inner, blame, mend, private};
use crate::check::Answer;
use crate::{Diagnostics, Path, Value};

impl Inner {
    pub(super) async fn read(&self, request: proto::Request) -> Result<proto::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let prior = value_in(request.current_state.as_ref(), &schema.object_type())?;
        let call = self.call(private::decode(&request.private)?);
        let known = identity_in(request.current_identity.as_ref(), resource)?;
        let call = call.with_meta(self.meta(request.provider_meta.as_ref())?);
        let outcome = resource.read(call, &prior).await;
        let mut diagnostics = outcome.diagnostics;
        let mut identity = known.clone();
        let state = match outcome.state {
            Some(mut state) if !outcome.failed => {
                mend::drop_write_only(schema, &mut state);
                let same_meaning = |path: &Path, one: &Value, other: &Value| resource.semantic_eq(path, one, other);
                mend::keep_spelling(&mut state, &prior, &same_meaning);
                let mut broken = blame::state(&request.type_name, "read", schema, &state, Answer::Read);
                let odd;
                (identity, odd) = attached(resource, &request.type_name, "read", &state, &known);
                broken.extend(odd);
                if broken.is_empty() {
                    state
                } else {
                    diagnostics.extend(broken);
                    prior
                }
            }
            // Nobody knows what it is like: what was known stays.
            _ => prior,
        };
        Ok(proto::Response {
            new_state: Some(value_out(&state, schema)?),
            diagnostics: diagnostics_out(diagnostics),
            private: private::encode(&outcome.private),
            new_identity: identity_out(&identity, resource)?,
            ..Default::default()
        })
    }
}
