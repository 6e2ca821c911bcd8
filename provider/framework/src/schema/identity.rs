//! Schemas of identities: what they may hold, and how the protocol says it.

use tfkit_proto::tfplugin6 as proto;

use super::check::Inside;
use super::{Attribute, Kind, Schema, SchemaFault, SchemaProblem};
use crate::value::{Path, Type};

impl Schema {
    /// The faults of the schema of an identity: parts are plain, and each is required or optional for import.
    pub fn check_as_identity(&self) -> Vec<SchemaProblem> {
        let mut problems = self.check_with(&[], Inside::default());
        let mut add = |name: &str, fault| problems.push(SchemaProblem { path: Path::attribute(name), fault });
        for attribute in &self.block.attributes {
            if !matches!(&attribute.kind, Kind::Plain(ty) if holds(ty)) {
                add(&attribute.name, SchemaFault::IdentityType);
            }
            if !only_said_for_import(attribute) {
                add(&attribute.name, SchemaFault::IdentityMode);
            }
        }
        if self.block.attributes.is_empty() || !self.block.blocks.is_empty() {
            problems.push(SchemaProblem { path: Path::root(), fault: SchemaFault::IdentityEmpty });
        }
        problems
    }
}

/// Terraform's documents allow strings, bools, numbers and lists of them.
fn holds(ty: &Type) -> bool {
    let primitive = |ty: &Type| matches!(ty, Type::String | Type::Bool | Type::Number);
    match ty {
        Type::List(element) => primitive(element),
        ty => primitive(ty),
    }
}

fn only_said_for_import(attribute: &Attribute) -> bool {
    let Attribute { computed, sensitive, write_only, replace, keep, .. } = *attribute;
    attribute.required != attribute.optional
        && !(computed || sensitive || write_only || replace || keep)
        && attribute.default.is_none()
}

/// The schema of an identity in the protocol's message.
pub(crate) fn to_proto(schema: &Schema) -> proto::ResourceIdentitySchema {
    let attributes =
        schema.block.attributes.iter().map(|attribute| proto::resource_identity_schema::IdentityAttribute {
            name: attribute.name.clone(),
            r#type: attribute.value_type().to_json().into(),
            required_for_import: attribute.required,
            optional_for_import: attribute.optional,
            description: attribute.description.clone(),
        });
    proto::ResourceIdentitySchema { version: schema.version, identity_attributes: attributes.collect() }
}
