//! Actions and lists, whose answers are streams, as core 1.14 does them.

use tfkit_proto::tfplugin6::{
    invoke_action, list_resource, plan_action, validate_action_config, validate_list_resource_config,
};

use super::{
    Host, HostError, complete,
    core::{CLIENT, answer, lawful},
    host::named,
    values::{decode, diagnostics, encode, no_errors},
};
use crate::{
    Diagnostics, Value,
    check::{self, Answer},
};

/// One thing that a list found.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name for people.
    pub name: String,
    /// Its identity.
    pub identity: Value,
    /// Its state, if it was asked for and is known.
    pub object: Option<Value>,
}

/// What an action said.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    /// Its progress, line by line.
    pub progress: Vec<String>,
    /// Errors and warnings at its end.
    pub diagnostics: Diagnostics,
}

impl Host {
    /// ValidateActionConfig and PlanAction: what an action has to say before anything is done.
    ///
    /// # Errors
    /// When a call fails. Errors about the configuration are in the answer.
    pub async fn plan_action(&mut self, type_name: &str, config: &Value) -> Result<Diagnostics, HostError> {
        let schemas = self.schemas().await?;
        let schema = named(&schemas.actions, type_name)?;
        let config = encode(&complete(schema, config), &schema.object_type())?;
        let request = validate_action_config::Request { type_name: type_name.to_owned(), config: config.clone() };
        let validated = answer("ValidateActionConfig", self.client().validate_action_config(request).await)?;
        let mut found = diagnostics(validated.diagnostics);
        if !found.has_errors() {
            let action_type = type_name.to_owned();
            let request = plan_action::Request { action_type, config, client_capabilities: Some(CLIENT) };
            let planned = answer("PlanAction", self.client().plan_action(request).await)?;
            found.extend(diagnostics(planned.diagnostics));
        }
        Ok(found)
    }

    /// InvokeAction, to its end.
    ///
    /// # Errors
    /// When the call fails, or ends without saying how. Errors of the action are in the answer.
    pub async fn invoke_action(&mut self, type_name: &str, config: &Value) -> Result<Invoked, HostError> {
        const CALL: &str = "InvokeAction";
        use invoke_action::event::Type;
        let schemas = self.schemas().await?;
        let schema = named(&schemas.actions, type_name)?;
        let config = encode(&complete(schema, config), &schema.object_type())?;
        let action_type = type_name.to_owned();
        let request = invoke_action::Request { action_type, config, client_capabilities: Some(CLIENT) };
        let mut events = answer(CALL, self.client().invoke_action(request).await)?;
        let mut progress = Vec::new();
        let failed = |status: tonic::Status| HostError::Call(CALL, Box::new(status));
        while let Some(event) = events.message().await.map_err(failed)? {
            match event.r#type {
                Some(Type::Progress(said)) => progress.push(said.message),
                Some(Type::Completed(end)) => {
                    let after = events.message().await.map_err(failed)?;
                    let diagnostics = diagnostics(end.diagnostics);
                    return match after {
                        None => Ok(Invoked { progress, diagnostics }),
                        Some(_) => Err(HostError::Absent("an end of InvokeAction that is the last of it")),
                    };
                }
                None => return Err(HostError::Absent(CALL)),
            }
        }
        Err(HostError::Absent("InvokeAction at its end"))
    }

    /// ValidateListResourceConfig and ListResource, as `terraform query` does: at most `limit` things. Errors end it.
    ///
    /// # Errors
    /// When a call fails, answers with errors, or breaks a rule.
    pub async fn list(
        &mut self,
        type_name: &str,
        config: &Value,
        limit: i64,
        objects: bool,
    ) -> Result<(Vec<Listed>, Diagnostics), HostError> {
        const CALL: &str = "ListResource";
        let schemas = self.schemas().await?;
        let schema = named(&schemas.lists, type_name)?;
        let config = encode(&complete(schema, config), &schema.object_type())?;
        let type_name = type_name.to_owned();
        let request = validate_list_resource_config::Request {
            type_name: type_name.clone(),
            config: config.clone(),
            ..Default::default()
        };
        let validated = self.client().validate_list_resource_config(request).await;
        let mut warnings = no_errors(answer("ValidateListResourceConfig", validated)?.diagnostics)?;
        let resource = named(&schemas.resources, &type_name)?;
        let request =
            list_resource::Request { type_name: type_name.clone(), config, include_resource_object: objects, limit };
        let mut events = answer(CALL, self.client().list_resource(request).await)?;
        let mut all = Vec::new();
        while let Some(event) = events.message().await.map_err(|status| HostError::Call(CALL, Box::new(status)))? {
            let said = no_errors(event.diagnostic)?;
            let only_said = !said.is_empty() && event.identity.is_none();
            warnings.extend(said);
            if only_said {
                continue;
            }
            let identity = schemas.identity_in(CALL, &type_name, event.identity)?;
            schemas.identity_lawful(CALL, &type_name, &identity, &Value::Null)?;
            let object = decode(CALL, event.resource_object, &resource.object_type())?;
            if let Some(object) = &object {
                lawful(CALL, check::state(resource, object, Answer::State))?;
            }
            all.push(Listed { name: event.display_name, identity, object });
        }
        Ok((all, warnings))
    }
}
