//! Configure, plan and apply as core does them.

use bytes::Bytes;
use tfkit_proto::tfplugin6::{
    ClientCapabilities, apply_resource_change, configure_provider, plan_resource_change, validate_provider_config,
    validate_resource_config,
};
use tonic::{Response, Status};

use super::{
    Host, HostError, Schemas, complete,
    host::named,
    proposed_new,
    values::{decode, diagnostics, encode, no_errors, path},
};
use crate::{
    Diagnostics, Path, Value,
    check::{self, Violation},
    plan::{Action, Planned},
};

/// A resource in Terraform's state.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Its value.
    pub value: Value,
    /// The provider's own notes.
    pub private: Bytes,
    /// Its identity; null when its type has none, or when it was stored by a core that does not know of any.
    pub identity: Value,
}

/// A planned change of one resource.
#[derive(Clone, Debug)]
pub struct Change {
    type_name: String,
    prior: Option<State>,
    config: Value,
    /// The configuration at apply, if it differs.
    known: Option<Value>,
    private: Bytes,
    identity: Value,
    /// What is planned. For a replacement: what will be, planned without a prior state.
    pub planned: Value,
    /// What happens.
    pub action: Action,
    /// Not empty: the resource is replaced, because of these attributes.
    pub replace: Vec<Path>,
    /// Warnings.
    pub warnings: Diagnostics,
}

impl Change {
    /// The same change, to be applied with a configuration in which more is known than when it was planned: the values of
    /// resources that have been made meanwhile.
    #[must_use]
    pub fn with_config(mut self, config: &Value) -> Self {
        self.known = Some(config.clone());
        self
    }

    /// The same change of another state than the one that it was planned for.
    #[must_use]
    pub fn of(mut self, prior: &State) -> Self {
        self.prior = Some(prior.clone());
        self
    }

    /// Whether Terraform would say "No changes".
    pub fn is_empty(&self) -> bool {
        self.action == Action::Nothing
    }
}

/// What an apply has left behind.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What core stores; none: nothing is there.
    pub state: Option<State>,
    /// Core marks it as tainted: an error in a create that has left something.
    pub tainted: bool,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// What core 1.11 says of itself.
pub(super) const CLIENT: ClientCapabilities =
    ClientCapabilities { deferral_allowed: false, write_only_attributes_allowed: true };

pub(super) fn answer<T>(call: &'static str, answer: Result<Response<T>, Status>) -> Result<T, HostError> {
    answer.map(Response::into_inner).map_err(|status| HostError::Call(call, Box::new(status)))
}

pub(super) fn lawful(call: &'static str, violations: Vec<Violation>) -> Result<(), HostError> {
    if violations.is_empty() { Ok(()) } else { Err(HostError::Violations(call, violations)) }
}

impl Host {
    /// ValidateProviderConfig and ConfigureProvider, with a configuration whose missing attributes are null.
    ///
    /// # Errors
    /// When a call fails or answers with errors.
    pub async fn configure(&mut self, config: &Value) -> Result<Diagnostics, HostError> {
        let schemas = self.schemas().await?;
        let config = encode(&complete(&schemas.provider, config), &schemas.provider.object_type())?;
        let request = validate_provider_config::Request { config: config.clone() };
        let answered = self.client().validate_provider_config(request).await;
        let mut warnings = no_errors(answer("ValidateProviderConfig", answered)?.diagnostics)?;
        let terraform_version = "1.11.4".to_owned();
        let request = configure_provider::Request { terraform_version, config, client_capabilities: Some(CLIENT) };
        let answered = self.client().configure_provider(request).await;
        warnings.extend(no_errors(answer("ConfigureProvider", answered)?.diagnostics)?);
        Ok(warnings)
    }

    /// ValidateResourceConfig.
    ///
    /// # Errors
    /// When the call fails. Errors about the configuration are in the answer.
    pub async fn validate(&mut self, type_name: &str, config: &Value) -> Result<Diagnostics, HostError> {
        let schemas = self.schemas().await?;
        let schema = named(&schemas.resources, type_name)?;
        let config = encode(&complete(schema, config), &schema.object_type())?;
        let type_name = type_name.to_owned();
        let request = validate_resource_config::Request { type_name, config, client_capabilities: Some(CLIENT) };
        let answered = self.client().validate_resource_config(request).await;
        Ok(diagnostics(answer("ValidateResourceConfig", answered)?.diagnostics))
    }

    /// PlanResourceChange, with core's checks; for a replacement once more without the prior state.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or breaks a rule.
    pub async fn plan(&mut self, type_name: &str, prior: Option<&State>, config: &Value) -> Result<Change, HostError> {
        let schemas = self.schemas().await?;
        let schema = named(&schemas.resources, type_name)?;
        let config = complete(schema, config);
        let mut change = self.plan_once(type_name, &schemas, prior, &config).await?;
        if let Some(prior) = prior.filter(|_| !change.replace.is_empty()) {
            let replace = std::mem::take(&mut change.replace);
            let mut create = self.plan_once(type_name, &schemas, None, &config).await?;
            create.warnings.extend(change.warnings);
            change = Change { prior: Some(prior.clone()), action: Action::Update, replace, ..create };
        }
        Ok(change)
    }

    async fn plan_once(
        &self,
        type_name: &str,
        schemas: &Schemas,
        prior: Option<&State>,
        config: &Value,
    ) -> Result<Change, HostError> {
        const CALL: &str = "PlanResourceChange";
        let schema = named(&schemas.resources, type_name)?;
        let known = prior.map_or(&Value::Null, |state| &state.identity);
        let ty = schema.object_type();
        let prior_value = prior.map_or(&Value::Null, |state| &state.value);
        let proposed = proposed_new(schema, prior_value, config);
        let request = plan_resource_change::Request {
            type_name: type_name.to_owned(),
            prior_state: encode(prior_value, &ty)?,
            proposed_new_state: encode(&proposed, &ty)?,
            config: encode(config, &ty)?,
            prior_private: prior.map(|state| state.private.clone()).unwrap_or_default(),
            client_capabilities: Some(CLIENT),
            prior_identity: schemas.identity_out(type_name, known)?,
            ..Default::default()
        };
        let answer = answer(CALL, self.client().plan_resource_change(request).await)?;
        let warnings = no_errors(answer.diagnostics)?;
        let value = decode(CALL, answer.planned_state, &ty)?.ok_or(HostError::Absent(CALL))?;
        let action = match prior {
            None => Action::Create,
            Some(prior) if prior.value.same(&value) => Action::Nothing,
            Some(_) => Action::Update,
        };
        let requires_replace: Vec<Path> = answer.requires_replace.into_iter().map(path).collect();
        let planned = Planned { action, value, requires_replace };
        lawful(CALL, check::planned(schema, prior_value, config, &planned))?;
        // A path whose value does not change asks for nothing.
        let changes = |path: &Path| match (prior_value.get(path), planned.value.get(path)) {
            (Some(before), Some(after)) => !before.same(after),
            (before, after) => before.is_some() || after.is_some(),
        };
        let replaces = action == Action::Update;
        let identity = schemas.identity_in(CALL, type_name, answer.planned_identity)?;
        if !identity.is_null() {
            schemas.identity_lawful(CALL, type_name, &identity, known)?;
        }
        Ok(Change {
            identity,
            type_name: type_name.to_owned(),
            prior: prior.cloned(),
            config: config.clone(),
            known: None,
            private: answer.planned_private,
            replace: planned.requires_replace.iter().filter(|path| replaces && changes(path)).cloned().collect(),
            planned: planned.value,
            action,
            warnings,
        })
    }

    /// The plan of a destroy; the provider is asked if it wants to be.
    ///
    /// # Errors
    /// When the call fails, answers with errors, or plans anything else.
    pub async fn plan_destroy(&mut self, type_name: &str, prior: &State) -> Result<Change, HostError> {
        const CALL: &str = "PlanResourceChange";
        let schemas = self.schemas().await?;
        let ty = named(&schemas.resources, type_name)?.object_type();
        let mut change = Change {
            type_name: type_name.to_owned(),
            prior: Some(prior.clone()),
            config: Value::Null,
            known: None,
            private: prior.private.clone(),
            identity: prior.identity.clone(),
            planned: Value::Null,
            action: Action::Destroy,
            replace: Vec::new(),
            warnings: Diagnostics::new(),
        };
        if schemas.capabilities.plan_destroy {
            let request = plan_resource_change::Request {
                type_name: type_name.to_owned(),
                prior_state: encode(&prior.value, &ty)?,
                proposed_new_state: encode(&Value::Null, &ty)?,
                config: encode(&Value::Null, &ty)?,
                prior_private: prior.private.clone(),
                client_capabilities: Some(CLIENT),
                prior_identity: schemas.identity_out(type_name, &prior.identity)?,
                ..Default::default()
            };
            let answer = answer(CALL, self.client().plan_resource_change(request).await)?;
            change.warnings = no_errors(answer.diagnostics)?;
            let planned = decode(CALL, answer.planned_state, &ty)?.ok_or(HostError::Absent(CALL))?;
            lawful(CALL, check::planned_destroy(&planned))?;
            change.private = answer.planned_private;
        }
        Ok(change)
    }

    /// Applies a change: once more a plan, which must agree with the first, then ApplyResourceChange with core's checks.
    /// For a replacement: destroy, then create.
    ///
    /// # Errors
    /// When a call fails or breaks a rule. Errors of the apply itself are in the answer, with the state that is left.
    pub async fn apply(&mut self, change: &Change) -> Result<Applied, HostError> {
        let schemas = self.schemas().await?;
        let schema = named(&schemas.resources, &change.type_name)?;
        let mut change = change.clone();
        if let Some(known) = change.known.take() {
            change.config = complete(schema, &known);
        }
        if let Some(prior) = change.prior.clone().filter(|_| !change.replace.is_empty()) {
            let destroy = self.plan_destroy(&change.type_name, &prior).await?;
            let destroyed = self.apply_once(&schemas, &destroy).await?;
            if destroyed.state.is_some() || destroyed.diagnostics.has_errors() {
                return Ok(destroyed);
            }
            change.prior = None;
            change.action = Action::Create;
        }
        if change.action != Action::Destroy {
            let again = self.plan_once(&change.type_name, &schemas, change.prior.as_ref(), &change.config).await?;
            lawful("PlanResourceChange", check::replanned(&change.planned, &again.planned))?;
            change.planned = again.planned;
            change.private = again.private;
            change.identity = again.identity;
        }
        self.apply_once(&schemas, &change).await
    }

    async fn apply_once(&self, schemas: &Schemas, change: &Change) -> Result<Applied, HostError> {
        const CALL: &str = "ApplyResourceChange";
        let schema = named(&schemas.resources, &change.type_name)?;
        let ty = schema.object_type();
        let prior = change.prior.as_ref().map_or(&Value::Null, |state| &state.value);
        let request = apply_resource_change::Request {
            type_name: change.type_name.clone(),
            prior_state: encode(prior, &ty)?,
            planned_state: encode(&change.planned, &ty)?,
            config: encode(&change.config, &ty)?,
            planned_private: change.private.clone(),
            planned_identity: schemas.identity_out(&change.type_name, &change.identity)?,
            ..Default::default()
        };
        let answer = answer(CALL, self.client().apply_resource_change(request).await)?;
        let diagnostics = diagnostics(answer.diagnostics);
        let failed = diagnostics.has_errors();
        let new = match decode(CALL, answer.new_state, &ty)? {
            Some(new) => new,
            None if failed => prior.clone(),
            None => return Err(HostError::Absent(CALL)),
        };
        lawful(CALL, if failed { check::failed(schema, &new) } else { check::applied(schema, &change.planned, &new) })?;
        let identity = schemas.identity_in(CALL, &change.type_name, answer.new_identity)?;
        if !failed && !new.is_null() {
            schemas.identity_lawful(CALL, &change.type_name, &identity, &change.identity)?;
        }
        let state = (!new.is_null()).then_some(State { value: new, private: answer.private, identity });
        Ok(Applied { tainted: failed && change.action == Action::Create && state.is_some(), state, diagnostics })
    }

    /// Validate, plan and apply of a resource that does not exist yet.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn create(&mut self, type_name: &str, config: &Value) -> Result<State, HostError> {
        self.change(type_name, None, config).await
    }

    /// Validate, plan and apply of a resource that exists.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn update(&mut self, type_name: &str, prior: &State, config: &Value) -> Result<State, HostError> {
        self.change(type_name, Some(prior), config).await
    }

    async fn change(&mut self, type_name: &str, prior: Option<&State>, config: &Value) -> Result<State, HostError> {
        let found = self.validate(type_name, config).await?;
        if found.has_errors() {
            return Err(HostError::Diagnostics(found));
        }
        let planned = self.plan(type_name, prior, config).await?;
        let applied = self.apply(&planned).await?;
        match applied.state {
            Some(state) if !applied.diagnostics.has_errors() => Ok(state),
            _ => Err(HostError::Diagnostics(applied.diagnostics)),
        }
    }

    /// Plan and apply of a destroy.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn destroy(&mut self, type_name: &str, prior: &State) -> Result<(), HostError> {
        let planned = self.plan_destroy(type_name, prior).await?;
        let applied = self.apply(&planned).await?;
        if applied.diagnostics.has_errors() { Err(HostError::Diagnostics(applied.diagnostics)) } else { Ok(()) }
    }
}
