//! Read, import and upgrade as core does them, and data sources.

use futures_util::{StreamExt, TryStreamExt, stream};
use tfkit_proto::tfplugin6::{
    RawState, provider_client::ProviderClient, read_data_source, read_resource, upgrade_resource_state,
    validate_data_resource_config,
};
use tonic::transport::Channel;

use super::{
    Host, HostError, Schemas, State, complete,
    core::{CLIENT, answer, lawful},
    host::named,
    values::{decode, encode, no_errors},
};
use crate::{
    Diagnostics, Value,
    check::{self, Answer},
};

impl Host {
    /// ReadResource; none: it is gone.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or breaks a rule.
    pub async fn read(&mut self, type_name: &str, state: &State) -> Result<Option<State>, HostError> {
        self.refresh(type_name, state).await.map(|(state, _)| state)
    }

    /// As [`Host::read`], with the warnings.
    ///
    /// # Errors
    /// As [`Host::read`].
    pub async fn refresh(&mut self, type_name: &str, state: &State) -> Result<(Option<State>, Diagnostics), HostError> {
        let schemas = self.schemas().await?;
        refresh(self.client(), &schemas, type_name, state).await
    }

    /// As [`Host::read`] of each of these, so many at a time; answers in their order. Terraform reads ten at a time
    /// (`-parallelism`).
    ///
    /// # Errors
    /// As [`Host::read`], the first of them.
    pub async fn read_all(
        &mut self,
        type_name: &str,
        states: &[State],
        at_once: usize,
    ) -> Result<Vec<Option<State>>, HostError> {
        let schemas = self.schemas().await?;
        let reads = states.iter().map(|state| refresh(self.client(), &schemas, type_name, state));
        stream::iter(reads).buffered(at_once).map_ok(|(state, _)| state).try_collect().await
    }

    /// ImportResourceState and then ReadResource, as `terraform import` does.
    ///
    /// # Errors
    /// When a call fails, answers with errors, or breaks a rule; or when there is nothing with this id.
    pub async fn import(&mut self, type_name: &str, id: &str) -> Result<State, HostError> {
        self.import_by(type_name, id.to_owned(), None, &Value::Null).await
    }

    /// UpgradeResourceState of what a state file holds, which core does with every resource at every run.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or breaks a rule.
    pub async fn upgrade(&mut self, type_name: &str, version: i64, json: &str) -> Result<Value, HostError> {
        const CALL: &str = "UpgradeResourceState";
        let schemas = self.schemas().await?;
        let schema = named(&schemas.resources, type_name)?;
        let raw_state = Some(RawState { json: json.to_owned().into(), ..Default::default() });
        let request = upgrade_resource_state::Request { type_name: type_name.to_owned(), version, raw_state };
        let answer = answer(CALL, self.client().upgrade_resource_state(request).await)?;
        no_errors(answer.diagnostics)?;
        let value = decode(CALL, answer.upgraded_state, &schema.object_type())?.ok_or(HostError::Absent(CALL))?;
        lawful(CALL, check::state(schema, &value, Answer::State))?;
        Ok(value)
    }

    /// ValidateDataResourceConfig and ReadDataSource.
    ///
    /// # Errors
    /// When a call fails, answers with errors, or breaks a rule.
    pub async fn read_data_source(&mut self, type_name: &str, config: &Value) -> Result<Value, HostError> {
        const CALL: &str = "ReadDataSource";
        let schemas = self.schemas().await?;
        let schema = named(&schemas.data_sources, type_name)?;
        let ty = schema.object_type();
        let config = encode(&complete(schema, config), &ty)?;
        let request =
            validate_data_resource_config::Request { type_name: type_name.to_owned(), config: config.clone() };
        let answered = self.client().validate_data_resource_config(request).await;
        no_errors(answer("ValidateDataResourceConfig", answered)?.diagnostics)?;
        let request = read_data_source::Request {
            type_name: type_name.to_owned(),
            config,
            client_capabilities: Some(CLIENT),
            ..Default::default()
        };
        let answer = answer(CALL, self.client().read_data_source(request).await)?;
        no_errors(answer.diagnostics)?;
        let value = decode(CALL, answer.state, &ty)?.ok_or(HostError::Absent(CALL))?;
        lawful(CALL, check::state(schema, &value, Answer::State))?;
        Ok(value)
    }
}

/// ReadResource, with the warnings.
async fn refresh(
    mut client: ProviderClient<Channel>,
    schemas: &Schemas,
    type_name: &str,
    state: &State,
) -> Result<(Option<State>, Diagnostics), HostError> {
    const CALL: &str = "ReadResource";
    let schema = named(&schemas.resources, type_name)?;
    let ty = schema.object_type();
    let request = read_resource::Request {
        type_name: type_name.to_owned(),
        current_state: encode(&state.value, &ty)?,
        private: state.private.clone(),
        client_capabilities: Some(CLIENT),
        current_identity: schemas.identity_out(type_name, &state.identity)?,
        ..Default::default()
    };
    let answer = answer(CALL, client.read_resource(request).await)?;
    let warnings = no_errors(answer.diagnostics)?;
    let value = decode(CALL, answer.new_state, &ty)?.ok_or(HostError::Absent(CALL))?;
    lawful(CALL, check::state(schema, &value, Answer::Read))?;
    if value.is_null() {
        return Ok((None, warnings));
    }
    let identity = schemas.identity_in(CALL, type_name, answer.new_identity)?;
    schemas.identity_lawful(CALL, type_name, &identity, &state.identity)?;
    Ok((Some(State { value, private: answer.private, identity }), warnings))
}
