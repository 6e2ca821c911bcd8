//! UpgradeResourceState and ImportResourceState: where states come from.

use tfkit_proto::tfplugin6::{import_resource_state as import, upgrade_resource_state as upgrade};

use super::any::{AnyResource, PrivateData};
use super::codec::{diagnostics_out, value_out};
use super::{Inner, blame, mend, private};
use crate::check::Answer;
use crate::wire::json;
use crate::{Diagnostic, Diagnostics, Value};

impl Inner {
    /// Called for each stored resource on every refresh, also for the current version.
    pub(super) fn upgrade(&self, request: &upgrade::Request) -> Result<upgrade::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let stored = request.raw_state.as_ref().map_or(&[][..], |raw| &raw.json);
        if stored.is_empty() {
            let detail =
                "The stored state is in a form that only Terraform 0.11 and older wrote, from before this provider.";
            return Err(Diagnostic::error("State not readable", detail).into());
        }
        let json = current(resource, &request.type_name, request.version, stored)?;
        let state = json::from_state_json(json.as_deref().unwrap_or(stored), schema)
            .map_err(|error| not_readable(&request.type_name, &error.to_string()))?;
        Ok(upgrade::Response { upgraded_state: Some(value_out(&state, schema)?), ..Default::default() })
    }

    pub(super) async fn import(&self, request: import::Request) -> Result<import::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let outcome = resource.import(self.call(PrivateData::new()), &request.id).await;
        let mut diagnostics = outcome.diagnostics;
        let mut imported = Vec::new();
        if let (Some(mut state), false) = (outcome.state, outcome.failed) {
            mend::drop_write_only(schema, &mut state);
            let broken = blame::state(&request.type_name, "import", schema, &state, Answer::State);
            if broken.is_empty() && state != Value::Null {
                imported.push(import::ImportedResource {
                    type_name: request.type_name,
                    state: Some(value_out(&state, schema)?),
                    private: private::encode(&outcome.private),
                    ..Default::default()
                });
            }
            diagnostics.extend(broken);
        }
        Ok(import::Response {
            imported_resources: imported,
            diagnostics: diagnostics_out(diagnostics),
            ..Default::default()
        })
    }
}

/// The stored JSON as the current version has it; `None` when it already was.
fn current(
    resource: &dyn AnyResource,
    name: &str,
    version: i64,
    stored: &[u8],
) -> Result<Option<Vec<u8>>, Diagnostics> {
    let ours = resource.schema().version;
    if version == ours {
        return Ok(None);
    }
    if version > ours {
        return Err(Diagnostic::error(
            "State written by a newer provider",
            format!(
                "The state of this {name} was stored in version {version}, and this release of the provider knows \
                 versions up to {ours}. Use the release that wrote it, or a newer one."
            ),
        )
        .into());
    }
    let json = serde_json::from_slice(stored).map_err(|error| not_readable(name, &error.to_string()))?;
    Ok(Some(resource.upgrade(version, json)?.to_string().into_bytes()))
}

fn not_readable(name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("State not readable", format!("The stored state does not fit the schema of {name}: {why}."))
}
