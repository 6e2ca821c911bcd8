//! Identities as core 1.12 keeps them beside states: sent with every call about a resource, held to core's rules in every
//! answer; import by identity; upgrade of stored ones.

use tfkit_proto::tfplugin6::{
    RawState, ResourceIdentityData, ResourceIdentitySchema, import_resource_state, upgrade_resource_identity,
};

use super::{
    Host, HostError, Schemas, State,
    core::{CLIENT, answer, lawful},
    host::named,
    values::{decode, encode, no_errors},
};
use crate::{
    Type, Value,
    check::{self, Answer},
    schema::{Attribute, Block, Kind, Schema},
};

impl Schemas {
    /// An identity for a request; nothing for null.
    pub(super) fn identity_out(
        &self,
        type_name: &str,
        identity: &Value,
    ) -> Result<Option<ResourceIdentityData>, HostError> {
        let Some(schema) = self.identities.get(type_name).filter(|_| !identity.is_null()) else { return Ok(None) };
        Ok(Some(ResourceIdentityData { identity_data: encode(identity, &schema.object_type())? }))
    }

    /// An identity from an answer; null when there is none.
    pub(super) fn identity_in(
        &self,
        call: &'static str,
        type_name: &str,
        message: Option<ResourceIdentityData>,
    ) -> Result<Value, HostError> {
        let Some(data) = message.and_then(|message| message.identity_data) else { return Ok(Value::Null) };
        let schema = named(&self.identities, type_name)?;
        Ok(decode(call, Some(data), &schema.object_type())?.unwrap_or(Value::Null))
    }

    /// Holds the identity of something that is there and whole against core's rules.
    pub(super) fn identity_lawful(
        &self,
        call: &'static str,
        type_name: &str,
        identity: &Value,
        before: &Value,
    ) -> Result<(), HostError> {
        match self.identities.get(type_name) {
            Some(schema) => lawful(call, check::identity(schema, identity, before)),
            None => Ok(()),
        }
    }
}

/// A schema of an identity from the protocol: what import must give is required.
pub(super) fn read_schema(of: &str, schema: ResourceIdentitySchema) -> Result<Schema, HostError> {
    let attributes = schema.identity_attributes.into_iter().map(|attribute| {
        let ty = Type::from_json(&attribute.r#type).map_err(|e| HostError::Schema(of.to_owned(), e.to_string()))?;
        Ok(Attribute {
            description: attribute.description,
            required: attribute.required_for_import,
            optional: attribute.optional_for_import,
            ..Attribute::new(attribute.name, Kind::Plain(ty))
        })
    });
    let block = Block { attributes: attributes.collect::<Result<_, HostError>>()?, ..Block::default() };
    Ok(Schema { version: schema.version, block })
}

impl Host {
    /// ImportResourceState by identity and then ReadResource, as an `import` block with `identity` does.
    ///
    /// # Errors
    /// When a call fails, answers with errors, or breaks a rule; or when there is nothing of this identity.
    pub async fn import_identity(&mut self, type_name: &str, identity: &Value) -> Result<State, HostError> {
        let schemas = self.schemas().await?;
        let schema = named(&schemas.identities, type_name)?;
        let identity = super::complete(schema, identity);
        let message = schemas.identity_out(type_name, &identity)?;
        self.import_by(type_name, String::new(), message, &identity).await
    }

    /// `asked`: what the identity must be, as far as it was asked for.
    pub(super) async fn import_by(
        &mut self,
        type_name: &str,
        id: String,
        identity: Option<ResourceIdentityData>,
        asked: &Value,
    ) -> Result<State, HostError> {
        const CALL: &str = "ImportResourceState";
        let schemas = self.schemas().await?;
        let schema = named(&schemas.resources, type_name)?;
        let request = import_resource_state::Request {
            type_name: type_name.to_owned(),
            id,
            identity,
            client_capabilities: Some(CLIENT),
        };
        let answer = answer(CALL, self.client().import_resource_state(request).await)?;
        no_errors(answer.diagnostics)?;
        let mut found = answer.imported_resources.into_iter().filter(|found| found.type_name == type_name);
        let found = found.next().ok_or(HostError::Absent(CALL))?;
        let value = decode(CALL, found.state, &schema.object_type())?.ok_or(HostError::Absent(CALL))?;
        lawful(CALL, check::state(schema, &value, Answer::State))?;
        let identity = schemas.identity_in(CALL, type_name, found.identity)?;
        schemas.identity_lawful(CALL, type_name, &identity, asked)?;
        let state = State { value, private: found.private, identity };
        self.read(type_name, &state).await?.ok_or(HostError::Absent("ReadResource after import"))
    }

    /// UpgradeResourceIdentity of what a state file holds.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or breaks a rule.
    pub async fn upgrade_identity(&mut self, type_name: &str, version: i64, json: &str) -> Result<Value, HostError> {
        const CALL: &str = "UpgradeResourceIdentity";
        let schemas = self.schemas().await?;
        let raw_identity = Some(RawState { json: json.to_owned().into(), ..Default::default() });
        let request = upgrade_resource_identity::Request { type_name: type_name.to_owned(), version, raw_identity };
        let answer = answer(CALL, self.client().upgrade_resource_identity(request).await)?;
        no_errors(answer.diagnostics)?;
        let identity = schemas.identity_in(CALL, type_name, answer.upgraded_identity)?;
        schemas.identity_lawful(CALL, type_name, &identity, &Value::Null)?;
        Ok(identity)
    }
}
