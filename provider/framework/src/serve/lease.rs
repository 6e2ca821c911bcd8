//! Open, renew and close: the life of an ephemeral resource.

use tfkit_proto::tfplugin6::{close_ephemeral_resource, open_ephemeral_resource, renew_ephemeral_resource};

use super::any::PrivateData;
use super::codec::{diagnostics_out, value_in, value_out};
use super::ephemeral::AnyEphemeral;
use super::{Inner, blame, mend, no_such_type, private};
use crate::{Diagnostic, Diagnostics, Value};

impl Inner {
    pub(super) fn ephemeral(&self, name: &str) -> Result<&dyn AnyEphemeral, Diagnostic> {
        self.ephemerals.get(name).map(AsRef::as_ref).ok_or_else(|| no_such_type("ephemeral resource", name))
    }

    pub(super) async fn open(
        &self,
        request: open_ephemeral_resource::Request,
    ) -> Result<open_ephemeral_resource::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let schema = ephemeral.schema();
        let config = value_in(request.config.as_ref(), &schema.object_type())?;
        let lease = ephemeral.open(self.call(PrivateData::new()), &mend::with_defaults(schema, &config)).await;
        let mut diagnostics = lease.outcome.diagnostics;
        if lease.outcome.failed {
            return Err(diagnostics);
        }
        let result = lease.outcome.state.unwrap_or(Value::Null);
        diagnostics.extend(blame::opened(&request.type_name, schema, &config, &result));
        if diagnostics.has_errors() {
            // It is open, but Terraform takes it for failed and will not close it.
            let closed = ephemeral.close(self.call(lease.outcome.private)).await;
            diagnostics.extend(closed.diagnostics);
            return Err(diagnostics);
        }
        Ok(open_ephemeral_resource::Response {
            result: Some(value_out(&result, schema)?),
            renew_at: lease.renew_at.map(Into::into),
            private: Some(private::encode(&lease.outcome.private)),
            diagnostics: diagnostics_out(diagnostics),
            ..Default::default()
        })
    }

    pub(super) async fn renew(
        &self,
        request: renew_ephemeral_resource::Request,
    ) -> Result<renew_ephemeral_resource::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let kept = private::decode(request.private.as_deref().unwrap_or_default())?;
        let lease = ephemeral.renew(self.call(kept)).await;
        Ok(renew_ephemeral_resource::Response {
            renew_at: lease.renew_at.map(Into::into),
            private: Some(private::encode(&lease.outcome.private)),
            diagnostics: diagnostics_out(lease.outcome.diagnostics),
        })
    }

    pub(super) async fn close(
        &self,
        request: close_ephemeral_resource::Request,
    ) -> Result<close_ephemeral_resource::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let kept = private::decode(request.private.as_deref().unwrap_or_default())?;
        let outcome = ephemeral.close(self.call(kept)).await;
        Ok(close_ephemeral_resource::Response { diagnostics: diagnostics_out(outcome.diagnostics) })
    }
}
