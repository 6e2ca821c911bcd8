//! Values and diagnostics to and from the protocol, as core has them.

use bytes::Bytes;
use tfkit_proto::tfplugin6::{self as proto, DynamicValue};

use super::HostError;
use crate::{
    Diagnostic, Diagnostics, Object, Path, PathStep, Severity, Type, Value,
    schema::{Attribute, Block, Kind, NestedBlock, Nesting, Schema},
    value::Mismatch,
    wire,
};

/// A configuration as core has it after reading the user's text: attributes that the user left out are null, blocks that
/// the user left out are empty collections, at every depth. What the schema does not know stays, for the type check to find.
pub fn complete(schema: &Schema, given: &Value) -> Value {
    complete_block(&schema.block, given)
}

fn complete_block(block: &Block, given: &Value) -> Value {
    let Value::Object(given) = given else { return given.clone() };
    let mut whole = complete_attributes(&block.attributes, given);
    for nested in &block.blocks {
        let value = match given.get(&nested.name) {
            None | Some(Value::Null) => nested.nesting.empty(),
            Some(value) => complete_blocks(nested, value),
        };
        whole.insert(&nested.name, value);
    }
    Value::Object(whole)
}

fn complete_blocks(nested: &NestedBlock, value: &Value) -> Value {
    each(nested.nesting, value, &|object| complete_block(&nested.block, object))
}

fn complete_attributes(attributes: &[Attribute], given: &Object) -> Object {
    let mut whole = given.clone();
    for attribute in attributes {
        let given = given.get(&attribute.name).unwrap_or(&Value::Null);
        let value = match &attribute.kind {
            Kind::Plain(_) => given.clone(),
            Kind::Nested(nesting, attributes) => each(*nesting, given, &|object| match object {
                Value::Object(given) => Value::Object(complete_attributes(attributes, given)),
                other => other.clone(),
            }),
        };
        whole.insert(&attribute.name, value);
    }
    whole
}

fn each(nesting: Nesting, value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match (nesting, value) {
        (Nesting::Single, value) => change(value),
        (Nesting::List, Value::List(elements)) => Value::List(elements.iter().map(change).collect()),
        (Nesting::Set, Value::Set(elements)) => Value::set_of(elements.iter().map(change)),
        (Nesting::Map, Value::Map(elements)) => {
            Value::Map(elements.iter().map(|(key, value)| (key.clone(), change(value))).collect())
        }
        (_, other) => other.clone(),
    }
}

pub(super) fn encode(value: &Value, ty: &Type) -> Result<Option<DynamicValue>, Mismatch> {
    Ok(Some(DynamicValue { msgpack: wire::msgpack::encode(value, ty)?.into(), json: Bytes::new() }))
}

/// `call`: whose answer it is, for the error.
pub(super) fn decode(call: &'static str, value: Option<DynamicValue>, ty: &Type) -> Result<Option<Value>, HostError> {
    let Some(value) = value else { return Ok(None) };
    wire::decode_dynamic(&value.msgpack, &value.json, ty).map_err(|error| HostError::Decode(call, error))
}

pub(super) fn diagnostics(all: Vec<proto::Diagnostic>) -> Diagnostics {
    let mut read = Diagnostics::new();
    for one in all {
        let severity = match one.severity() {
            proto::diagnostic::Severity::Warning => Severity::Warning,
            _ => Severity::Error,
        };
        let path = path(one.attribute.unwrap_or_default());
        read.push(Diagnostic { severity, summary: one.summary, detail: one.detail, path });
    }
    read
}

/// The warnings; errors end the call.
pub(super) fn no_errors(all: Vec<proto::Diagnostic>) -> Result<Diagnostics, HostError> {
    let all = diagnostics(all);
    if all.has_errors() { Err(HostError::Diagnostics(all)) } else { Ok(all) }
}

pub(super) fn path(path: proto::AttributePath) -> Path {
    use proto::attribute_path::step::Selector;
    path.steps.into_iter().filter_map(|step| step.selector).fold(Path::root(), |path, selector| {
        path.with(match selector {
            Selector::AttributeName(name) => PathStep::Attribute(name),
            Selector::ElementKeyString(key) => PathStep::Key(key),
            Selector::ElementKeyInt(index) => PathStep::Index(index),
        })
    })
}
