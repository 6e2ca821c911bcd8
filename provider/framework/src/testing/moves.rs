//! Moves between types, and configurations made of states, as core does them.

use tfkit_proto::tfplugin6::{RawState, generate_resource_config, move_resource_state};

use super::{
    Host, HostError, State,
    core::{answer, lawful},
    host::named,
    values::{decode, encode, no_errors},
};
use crate::{
    Value,
    check::{self, Answer},
};

impl Host {
    /// MoveResourceState of what a state file holds of another type: `from` is the provider's address and the type; `stored`
    /// is the version and the JSON.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or breaks a rule.
    pub async fn move_state(
        &mut self,
        from: (&str, &str),
        stored: (i64, &str),
        type_name: &str,
    ) -> Result<State, HostError> {
        const CALL: &str = "MoveResourceState";
        let schemas = self.schemas().await?;
        if !schemas.capabilities.move_resource_state {
            return Err(HostError::NoSuchType("moves".to_owned()));
        }
        let schema = named(&schemas.resources, type_name)?;
        let request = move_resource_state::Request {
            source_provider_address: from.0.to_owned(),
            source_type_name: from.1.to_owned(),
            source_schema_version: stored.0,
            source_state: Some(RawState { json: stored.1.to_owned().into(), ..Default::default() }),
            target_type_name: type_name.to_owned(),
            ..Default::default()
        };
        let answer = answer(CALL, self.client().move_resource_state(request).await)?;
        no_errors(answer.diagnostics)?;
        let value = decode(CALL, answer.target_state, &schema.object_type())?.ok_or(HostError::Absent(CALL))?;
        lawful(CALL, check::state(schema, &value, Answer::State))?;
        let identity = schemas.identity_in(CALL, type_name, answer.target_identity)?;
        schemas.identity_lawful(CALL, type_name, &identity, &Value::Null)?;
        Ok(State { value, private: answer.target_private, identity })
    }

    /// GenerateResourceConfig, as `terraform plan -generate-config-out` and `terraform query` of 1.14 do.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or with a configuration that is not of the schema's type.
    pub async fn generate_config(&mut self, type_name: &str, state: &State) -> Result<Value, HostError> {
        const CALL: &str = "GenerateResourceConfig";
        let schemas = self.schemas().await?;
        if !schemas.capabilities.generate_resource_config {
            return Err(HostError::NoSuchType("generated configurations".to_owned()));
        }
        let ty = named(&schemas.resources, type_name)?.object_type();
        let state = encode(&state.value, &ty)?;
        let request = generate_resource_config::Request { type_name: type_name.to_owned(), state };
        let answer = answer(CALL, self.client().generate_resource_config(request).await)?;
        no_errors(answer.diagnostics)?;
        decode(CALL, answer.config, &ty)?.ok_or(HostError::Absent(CALL))
    }
}
