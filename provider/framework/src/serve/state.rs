//! UpgradeResourceState and ImportResourceState: where states come from.

use tfkit_proto::tfplugin6::{import_resource_state as import, upgrade_resource_state as upgrade};

use super::any::PrivateData;
use super::codec::{diagnostics_out, value_out};
use super::identity::{attached_whole, identity_in, identity_out};
use super::{Inner, blame, mend, private};
use crate::check::Answer;
use crate::schema::Schema;
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
        let what = format!("state of this {}", request.type_name);
        let json = current(&what, schema, request.version, stored, |json| resource.upgrade(request.version, json))?;
        let state = json::from_state_json(json.as_deref().unwrap_or(stored), schema)
            .map_err(|error| not_readable(&what, &error.to_string()))?;
        if json.is_some() && state.is_null() {
            // All else was checked by reading it. Core accepts null, and then has no state of a thing that exists.
            return Err(blame::state(&request.type_name, "upgrade", schema, &state, Answer::State));
        }
        Ok(upgrade::Response { upgraded_state: Some(value_out(&state, schema)?), ..Default::default() })
    }

    pub(super) async fn import(&self, request: import::Request) -> Result<import::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let asked = identity_in(request.identity.as_ref(), resource)?;
        let outcome = if request.identity.is_some() {
            self.import_identity(&request.type_name, resource, &asked).await?
        } else {
            resource.import(self.call(PrivateData::new()), &request.id).await
        };
        let mut diagnostics = outcome.diagnostics;
        let mut imported = Vec::new();
        if let (Some(mut state), false) = (outcome.state, outcome.failed) {
            mend::drop_write_only(schema, &mut state);
            let mut broken = blame::state(&request.type_name, "import", schema, &state, Answer::State);
            let (identity, odd) = attached_whole(resource, &request.type_name, "import", &state, &asked);
            broken.extend(odd);
            if broken.is_empty() && state != Value::Null {
                imported.push(import::ImportedResource {
                    type_name: request.type_name,
                    state: Some(value_out(&state, schema)?),
                    private: private::encode(&outcome.private),
                    identity: identity_out(&identity, resource)?,
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

/// The stored JSON as the current version has it; `None` when it already was. `what`: "state of this kitchen_dish".
pub(super) fn current(
    what: &str,
    schema: &Schema,
    version: i64,
    stored: &[u8],
    upgrade: impl FnOnce(serde_json::Value) -> Result<serde_json::Value, Diagnostics>,
) -> Result<Option<Vec<u8>>, Diagnostics> {
    let ours = schema.version;
    if version == ours {
        return Ok(None);
    }
    if version > ours {
        return Err(Diagnostic::error(
            "State written by a newer provider",
            format!(
                "The {what} was stored in version {version}, and this release of the provider knows versions up to {ours}. \
                 Use the release that wrote it, or a newer one."
            ),
        )
        .into());
    }
    let json = serde_json::from_slice(stored).map_err(|error| not_readable(what, &error.to_string()))?;
    Ok(Some(upgrade(json)?.to_string().into_bytes()))
}

pub(super) fn not_readable(what: &str, why: &str) -> Diagnostic {
    Diagnostic::error("State not readable", format!("The stored {what} does not fit the schema: {why}."))
}
