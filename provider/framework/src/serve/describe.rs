//! What the provider has: schemas and capabilities.

use std::collections::BTreeMap;

use tfkit_proto::tfplugin6 as proto;

use super::any::AnyResource;
use super::{Inner, ServiceError, action, list};
use crate::schema::{Attribute, Kind, Schema, SchemaFault, SchemaProblem};
use crate::{Path, timeouts};

impl Inner {
    /// Refuses schemas that Terraform would refuse, or crash on.
    pub(super) fn check_schemas(&self) -> Result<(), ServiceError> {
        let mut problems = Vec::new();
        let mut add = |of: &str, found: Vec<SchemaProblem>| {
            problems.extend(found.into_iter().map(|problem| format!("{of}: {problem}")));
        };
        add("provider configuration", self.config.schema().check_as_provider());
        if let Some(meta) = &self.meta {
            add("provider_meta", meta.check_as_meta());
        }
        for (name, resource) in &self.resources {
            add(name, resource.schema().check());
            if let Some(identity) = resource.identity() {
                add(&format!("identity of {name}"), identity.schema().check_as_identity());
            }
            add(name, timeouts_problem(resource.as_ref()).into_iter().collect());
        }
        for (name, data_source) in &self.data_sources {
            add(&format!("data source {name}"), data_source.schema().check_as_unmanaged());
        }
        for (name, ephemeral) in &self.ephemerals {
            add(&format!("ephemeral resource {name}"), ephemeral.schema().check_as_unmanaged());
        }
        for (name, function) in &self.functions {
            add(&format!("function {name}"), function.signature().check());
        }
        for (name, action) in &self.actions {
            add(&format!("action {name}"), action.schema().check_as_configuration());
        }
        for (name, list) in &self.lists {
            add(&format!("list {name}"), list.schemas().config().check_as_configuration());
        }
        if problems.is_empty() { Ok(()) } else { Err(ServiceError::Schema(problems.join("\n"))) }
    }

    pub(super) fn schemas(&self) -> proto::get_provider_schema::Response {
        let resources = self.resources.iter().map(|(name, r)| (name.clone(), r.schema().into()));
        let data_sources = self.data_sources.iter().map(|(name, d)| (name.clone(), d.schema().into()));
        let ephemerals = self.ephemerals.iter().map(|(name, e)| (name.clone(), e.schema().into()));
        proto::get_provider_schema::Response {
            provider: Some((&configuration_only(self.config.schema())).into()),
            resource_schemas: resources.collect::<BTreeMap<_, _>>(),
            data_source_schemas: data_sources.collect::<BTreeMap<_, _>>(),
            action_schemas: self.actions.iter().map(|(name, a)| (name.clone(), action::to_proto(a.schema()))).collect(),
            list_resource_schemas: self.lists.iter().map(|(name, l)| (name.clone(), list_schema(l.as_ref()))).collect(),
            ephemeral_resource_schemas: ephemerals.collect::<BTreeMap<_, _>>(),
            functions: self.functions().functions,
            provider_meta: self.meta.as_ref().map(|schema| (&configuration_only(schema)).into()),
            server_capabilities: Some(capabilities()),
            ..Default::default()
        }
    }

    pub(super) fn metadata(&self) -> proto::get_metadata::Response {
        let resources = self.resources.keys().cloned();
        let data_sources = self.data_sources.keys().cloned();
        let ephemerals = self.ephemerals.keys().cloned();
        let functions = self.functions.keys().cloned();
        let (actions, lists) = (self.actions.keys().cloned(), self.lists.keys().cloned());
        proto::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            resources: resources.map(|type_name| proto::get_metadata::ResourceMetadata { type_name }).collect(),
            data_sources: data_sources.map(|type_name| proto::get_metadata::DataSourceMetadata { type_name }).collect(),
            actions: actions.map(|type_name| proto::get_metadata::ActionMetadata { type_name }).collect(),
            list_resources: lists.map(|type_name| proto::get_metadata::ListResourceMetadata { type_name }).collect(),
            ephemeral_resources: ephemerals
                .map(|type_name| proto::get_metadata::EphemeralMetadata { type_name })
                .collect(),
            functions: functions.map(|name| proto::get_metadata::FunctionMetadata { name }).collect(),
            ..Default::default()
        }
    }
}

/// A resource has defaults for its timeouts exactly if it has the attribute.
fn timeouts_problem(resource: &dyn AnyResource) -> Option<SchemaProblem> {
    let attribute = resource.schema().block.attributes.iter().find(|one| one.name == timeouts::NAME);
    let has = attribute.is_some_and(|one| one.kind == timeouts::kind() && one.optional && !one.computed);
    let wrong = if resource.timeouts().is_some() { !has } else { has };
    wrong.then(|| SchemaProblem { path: Path::attribute(timeouts::NAME), fault: SchemaFault::Timeouts })
}

/// Destroys are planned too (a resource may refuse), and calls work without a preceding GetProviderSchema: the schemas are
/// part of the program. A move that no type supports is refused with the types that could be moved.
fn capabilities() -> proto::ServerCapabilities {
    proto::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: true,
    }
}

fn list_schema(list: &dyn list::AnyList) -> proto::Schema {
    (&configuration_only(list.schemas().config())).into()
}

/// A configuration alone (of a provider, an action, a list) has nothing computed: a default there is filled in when it is used.
pub(super) fn configuration_only(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    schema.block.attributes.iter_mut().for_each(not_computed);
    schema
}

fn not_computed(attribute: &mut Attribute) {
    attribute.computed = false;
    if let Kind::Nested(_, attributes) = &mut attribute.kind {
        attributes.iter_mut().for_each(not_computed);
    }
}
