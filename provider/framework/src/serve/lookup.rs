//! ReadDataSource: look something up.

use tfkit_proto::tfplugin6::read_data_source as proto;

use super::any::PrivateData;
use super::codec::{diagnostics_out, value_in, value_out};
use super::{Inner, blame, mend};
use crate::check::Answer;
use crate::{Diagnostics, Value};

impl Inner {
    pub(super) async fn read_data_source(&self, request: proto::Request) -> Result<proto::Response, Diagnostics> {
        let data_source = self.data_source(&request.type_name)?;
        let schema = data_source.schema();
        let config = value_in(request.config.as_ref(), &schema.object_type())?;
        let call = self.call(PrivateData::new()).with_meta(self.meta(request.provider_meta.as_ref())?);
        let outcome = data_source.read(call, &mend::with_defaults(schema, &config)).await;
        let mut diagnostics = outcome.diagnostics;
        let mut state = None;
        if let (Some(found), false) = (outcome.state, outcome.failed) {
            let broken = blame::state(&request.type_name, "read", schema, &found, Answer::State);
            if broken.is_empty() && found != Value::Null {
                state = Some(value_out(&found, schema)?);
            }
            diagnostics.extend(broken);
        }
        Ok(proto::Response { state, diagnostics: diagnostics_out(diagnostics), ..Default::default() })
    }
}
