//! Checks of configurations, before anything is planned.

use tfkit_proto::tfplugin6 as proto;

use super::Inner;
use super::codec::{diagnostics_out, value_in};
use super::run::run_sync;
use crate::schema::{Attribute, Kind, Schema};
use crate::{Diagnostic, Diagnostics, Value};

impl Inner {
    pub(super) fn validate_provider(
        &self,
        request: &proto::validate_provider_config::Request,
    ) -> Result<proto::validate_provider_config::Response, Diagnostics> {
        let schema = self.config.schema();
        let config = value_in(request.config.as_ref(), &schema.object_type())?;
        let diagnostics = judged(schema, &config, || self.config.validate(&config));
        Ok(proto::validate_provider_config::Response { diagnostics: diagnostics_out(diagnostics) })
    }

    pub(super) fn validate_resource(
        &self,
        request: &proto::validate_resource_config::Request,
    ) -> Result<proto::validate_resource_config::Response, Diagnostics> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let config = value_in(request.config.as_ref(), &schema.object_type())?;
        let mut diagnostics = judged(schema, &config, || resource.validate(&config));
        if !request.client_capabilities.is_some_and(|can| can.write_only_attributes_allowed) {
            refuse_write_only(schema, &config, &mut diagnostics);
        }
        Ok(proto::validate_resource_config::Response { diagnostics: diagnostics_out(diagnostics) })
    }

    pub(super) fn validate_data_source(
        &self,
        request: &proto::validate_data_resource_config::Request,
    ) -> Result<proto::validate_data_resource_config::Response, Diagnostics> {
        let data_source = self.data_source(&request.type_name)?;
        let schema = data_source.schema();
        let config = value_in(request.config.as_ref(), &schema.object_type())?;
        let diagnostics = judged(schema, &config, || data_source.validate(&config));
        Ok(proto::validate_data_resource_config::Response { diagnostics: diagnostics_out(diagnostics) })
    }

    pub(super) fn validate_ephemeral(
        &self,
        request: &proto::validate_ephemeral_resource_config::Request,
    ) -> Result<proto::validate_ephemeral_resource_config::Response, Diagnostics> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let schema = ephemeral.schema();
        let config = value_in(request.config.as_ref(), &schema.object_type())?;
        let diagnostics = judged(schema, &config, || ephemeral.validate(&config));
        Ok(proto::validate_ephemeral_resource_config::Response { diagnostics: diagnostics_out(diagnostics) })
    }
}

/// The schema's checks with the author's validators, then the author's check of the whole.
pub(super) fn judged(schema: &Schema, config: &Value, whole: impl FnOnce() -> Diagnostics) -> Diagnostics {
    let mut diagnostics = run_sync(|| schema.validate(config)).unwrap_or_else(Into::into);
    diagnostics.extend(whole());
    diagnostics
}

/// A Terraform before 1.11 would store what must not be stored.
fn refuse_write_only(schema: &Schema, config: &Value, diagnostics: &mut Diagnostics) {
    config.walk(&mut |path, value| {
        if value.is_null() || !schema.attribute(path).is_some_and(|a| a.write_only && names(path, a)) {
            return;
        }
        diagnostics.push(
            Diagnostic::error(
                "Write-only attribute not supported by this Terraform",
                format!("`{path}` is never stored, which needs Terraform 1.11 or OpenTofu 1.11. Use a newer release."),
            )
            .at(path.clone()),
        );
    });
}

/// Whether the path ends at the attribute itself, not inside of its value.
fn names(path: &crate::Path, attribute: &Attribute) -> bool {
    debug_assert!(matches!(attribute.kind, Kind::Plain(_) | Kind::Nested(..)));
    matches!(path.steps().last(), Some(crate::PathStep::Attribute(name)) if *name == attribute.name)
}
