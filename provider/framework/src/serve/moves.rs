//! MoveResourceState: a `moved` block hands a state of another type to one of ours.

use tfkit_proto::tfplugin6::move_resource_state as proto;

use super::codec::value_out;
use super::identity::{attached_whole, identity_out};
use super::{Inner, blame, mend, state};
use crate::check::Answer;
use crate::moves::{MoveFrom, MoveSource};
use crate::{Diagnostic, Diagnostics, Value};

impl Inner {
    pub(super) fn move_state(&self, request: &proto::Request) -> Result<proto::Response, Diagnostics> {
        let name = &request.target_type_name;
        let resource = self.resource(name)?;
        if !resource.moves().iter().any(|from| from.is(&request.source_provider_address, &request.source_type_name)) {
            return Err(unsupported(name, request, resource.moves()).into());
        }
        let schema = resource.schema();
        let mut state = resource.move_from(source(request)?)?;
        mend::drop_write_only(schema, &mut state);
        let mut broken = blame::state(name, "move", schema, &state, Answer::State);
        let (identity, odd) = attached_whole(resource, name, "move", &state, &Value::Null);
        broken.extend(odd);
        if !broken.is_empty() {
            return Err(broken);
        }
        Ok(proto::Response {
            target_state: Some(value_out(&state, schema)?),
            target_identity: identity_out(&identity, resource)?,
            // What the other type kept for itself means nothing here.
            ..Default::default()
        })
    }
}

/// What the author is given.
fn source(request: &proto::Request) -> Result<MoveSource, Diagnostic> {
    let json = |bytes: &[u8]| {
        serde_json::from_slice(bytes).map_err(|error| {
            state::not_readable(&format!("state of the {} to be moved", request.source_type_name), &error.to_string())
        })
    };
    let stored = request.source_state.as_ref().map_or(&[][..], |raw| &raw.json);
    let identity = request.source_identity.as_ref().filter(|raw| !raw.json.is_empty());
    Ok(MoveSource {
        provider: request.source_provider_address.clone(),
        type_name: request.source_type_name.clone(),
        version: request.source_schema_version,
        state: json(stored)?,
        identity: identity.map(|raw| json(&raw.json)).transpose()?,
        identity_version: request.source_identity_schema_version,
    })
}

fn unsupported(name: &str, request: &proto::Request, moves: &[MoveFrom]) -> Diagnostic {
    let (from, provider) = (&request.source_type_name, &request.source_provider_address);
    let possible: Vec<String> = moves.iter().map(|from| format!("{} of {}", from.type_name, from.provider)).collect();
    let possible = match possible.len() {
        0 => format!("No other type can be moved to {name}."),
        _ => format!("To {name} can be moved: {}.", possible.join(", ")),
    };
    Diagnostic::error(
        "Move not supported",
        format!(
            "A {from} of {provider} cannot be moved to a {name}. {possible}\n\nThe state is unchanged. Take the `moved` block \
             out; a thing that exists can be brought under {name} with an `import` block, if this type imports."
        ),
    )
}
