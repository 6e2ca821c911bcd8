//! ConfigureProvider: from the provider block to a client.

use std::sync::PoisonError;

use tfkit_proto::tfplugin6::configure_provider as proto;

use super::codec::{diagnostics_out, value_in};
use super::{Inner, mend};
use crate::Diagnostics;
use crate::provider::ConfigureCx;

impl Inner {
    pub(super) async fn configure(&self, request: proto::Request) -> Result<proto::Response, Diagnostics> {
        let schema = self.config.schema();
        let config = mend::with_defaults(schema, &value_in(request.config.as_ref(), &schema.object_type())?);
        let cx = ConfigureCx {
            terraform_version: request.terraform_version,
            cancel: self.stop.token(),
            reported: Default::default(),
        };
        let failed = self.config.connect(cx.clone(), &config).await;
        let mut diagnostics = std::mem::take(&mut *cx.reported.lock().unwrap_or_else(PoisonError::into_inner));
        diagnostics.extend(failed);
        Ok(proto::Response { diagnostics: diagnostics_out(diagnostics) })
    }
}
