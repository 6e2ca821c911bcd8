//! GenerateResourceConfig: the configuration that a user would have written to get this state.

use tfkit_proto::tfplugin6::generate_resource_config as proto;

use super::Inner;
use super::codec::{value_in, value_out};
use crate::schema::{Attribute, Level, Schema};
use crate::{Diagnostic, Diagnostics, Value};

impl Inner {
    pub(super) fn generate_config(&self, request: &proto::Request) -> Result<proto::Response, Diagnostics> {
        let schema = self.resource(&request.type_name)?.schema();
        let state = value_in(request.state.as_ref(), &schema.object_type())?;
        if state.is_null() {
            let detail =
                "Terraform sent no state to write a configuration for. Use a newer Terraform, or write it by hand.";
            return Err(Diagnostic::error("No state to generate a configuration from", detail).into());
        }
        Ok(proto::Response { config: Some(value_out(&written(schema, state), schema)?), ..Default::default() })
    }
}

/// The state without what no user would write: what the provider decides, what is never stored or shown, what is no longer
/// to be used, and what is so by default.
fn written(schema: &Schema, mut state: Value) -> Value {
    clear(Level::from(&schema.block), &mut state);
    state
}

fn clear(level: Level<'_>, value: &mut Value) {
    match value {
        Value::Object(attributes) => {
            for attribute in level.attributes {
                let Some(value) = attributes.get_mut(&attribute.name) else { continue };
                if left_out(attribute, value) {
                    *value = Value::Null;
                } else if let Some(level) = attribute.level() {
                    clear(level, value);
                }
            }
            for block in level.blocks {
                if let Some(value) = attributes.get_mut(&block.name) {
                    clear((&block.block).into(), value);
                }
            }
        }
        Value::List(elements) => elements.iter_mut().for_each(|element| clear(level, element)),
        Value::Map(elements) => elements.values_mut().for_each(|element| clear(level, element)),
        Value::Set(elements) => {
            elements.iter_mut().for_each(|element| clear(level, element));
            Value::dedupe(elements);
        }
        _ => {}
    }
}

fn left_out(attribute: &Attribute, value: &Value) -> bool {
    let configurable = attribute.required || attribute.optional;
    let default = attribute.default.as_ref().is_some_and(|default| default.same(value));
    // A secret does not belong into a file; Terraform asks for it where it stands.
    let unwritten = attribute.write_only || attribute.sensitive || attribute.deprecated.is_some();
    !configurable || unwritten || default
}
