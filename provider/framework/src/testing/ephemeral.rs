//! Open, renew and close as core does them.

use std::time::SystemTime;

use bytes::Bytes;
use tfkit_proto::tfplugin6::{
    close_ephemeral_resource, open_ephemeral_resource, renew_ephemeral_resource, validate_ephemeral_resource_config,
};

use super::{
    Host, HostError, complete,
    core::{CLIENT, answer, lawful},
    host::named,
    values::{decode, encode, no_errors},
};
use crate::{Diagnostics, Value, check};

/// An ephemeral resource that is open.
#[derive(Clone, Debug)]
pub struct Open {
    type_name: String,
    /// The provider's notes of opening; core gives `close` these, whatever a renewal noted.
    opened: Bytes,
    private: Bytes,
    /// What it results in.
    pub result: Value,
    /// When it wants to be renewed.
    pub renew_at: Option<SystemTime>,
    /// Warnings.
    pub warnings: Diagnostics,
}

impl Host {
    /// ValidateEphemeralResourceConfig and OpenEphemeralResource, with core's checks.
    ///
    /// # Errors
    /// When a call fails, answers with errors, or breaks a rule.
    pub async fn open(&mut self, type_name: &str, config: &Value) -> Result<Open, HostError> {
        const CALL: &str = "OpenEphemeralResource";
        let schemas = self.schemas().await?;
        let schema = named(&schemas.ephemerals, type_name)?;
        let ty = schema.object_type();
        let config = complete(schema, config);
        let request = validate_ephemeral_resource_config::Request {
            type_name: type_name.to_owned(),
            config: encode(&config, &ty)?,
        };
        let answered = self.client().validate_ephemeral_resource_config(request).await;
        let mut warnings = no_errors(answer("ValidateEphemeralResourceConfig", answered)?.diagnostics)?;
        let request = open_ephemeral_resource::Request {
            type_name: type_name.to_owned(),
            config: encode(&config, &ty)?,
            client_capabilities: Some(CLIENT),
        };
        let answer = answer(CALL, self.client().open_ephemeral_resource(request).await)?;
        warnings.extend(no_errors(answer.diagnostics)?);
        let result = decode(CALL, answer.result, &ty)?.ok_or(HostError::Absent(CALL))?;
        lawful(CALL, check::opened(schema, &config, &result))?;
        let private = answer.private.unwrap_or_default();
        let renew_at = time(CALL, answer.renew_at)?;
        Ok(Open { type_name: type_name.to_owned(), opened: private.clone(), private, result, renew_at, warnings })
    }

    /// RenewEphemeralResource, if it wants to be renewed.
    ///
    /// # Errors
    /// When it does not want to be renewed, or the call fails or answers with errors.
    pub async fn renew(&mut self, open: &mut Open) -> Result<Diagnostics, HostError> {
        const CALL: &str = "RenewEphemeralResource";
        open.renew_at.ok_or(HostError::Absent("a time to renew"))?;
        let request = renew_ephemeral_resource::Request {
            type_name: open.type_name.clone(),
            private: Some(open.private.clone()),
        };
        let answer = answer(CALL, self.client().renew_ephemeral_resource(request).await)?;
        let warnings = no_errors(answer.diagnostics)?;
        open.renew_at = time(CALL, answer.renew_at)?;
        open.private = answer.private.unwrap_or_default();
        Ok(warnings)
    }

    /// CloseEphemeralResource. It may be called twice: closing what is closed is no error.
    ///
    /// # Errors
    /// When the call fails or answers with errors.
    pub async fn close(&mut self, open: &Open) -> Result<Diagnostics, HostError> {
        let request =
            close_ephemeral_resource::Request { type_name: open.type_name.clone(), private: Some(open.opened.clone()) };
        let answered = self.client().close_ephemeral_resource(request).await;
        no_errors(answer("CloseEphemeralResource", answered)?.diagnostics)
    }
}

fn time<T>(call: &'static str, time: Option<T>) -> Result<Option<SystemTime>, HostError>
where
    SystemTime: TryFrom<T>,
{
    time.map(|time| SystemTime::try_from(time).map_err(|_| HostError::Absent(call))).transpose()
}
