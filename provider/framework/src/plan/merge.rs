//! Rule 1: configuration over defaults over prior state.

use super::align;
use crate::schema::{Attribute, Kind, Level, Nesting, beside};
use crate::value::{NULL, Value};

/// The object that configuration and prior state make together. The elements of a set stay in the order of the
/// configuration, so that [`super::mark`] can walk both together.
pub(super) fn object(level: Level<'_>, prior: &Value, config: &Value) -> Value {
    let Value::Object(given) = config else { return config.clone() };
    let mut merged = vec![Value::Null; given.len()];
    let mut put = |name: &str, merge: &dyn Fn(&Value, &Value) -> Value| {
        if let Some(position) = given.position(name) {
            merged[position] = merge(beside(given, position, prior), &given.values()[position]);
        }
    };
    for attribute in level.attributes {
        put(&attribute.name, &|prior, config| self::attribute(attribute, prior, config));
    }
    for block in level.blocks {
        put(&block.name, &|prior, config| nested(block.nesting, (&block.block).into(), prior, config));
    }
    Value::Object(given.shaped(merged))
}

fn attribute(attribute: &Attribute, prior: &Value, config: &Value) -> Value {
    if attribute.write_only {
        return Value::Null;
    }
    if attribute.decided_by_provider(config) {
        return prior.clone();
    }
    let given = attribute.given(config);
    match &attribute.kind {
        Kind::Plain(_) => given.clone(),
        Kind::Nested(nesting, attributes) => nested(*nesting, attributes.into(), prior, given),
    }
}

fn nested(nesting: Nesting, level: Level<'_>, prior: &Value, given: &Value) -> Value {
    // Where the provider decides nothing, it does not matter which prior object is the same one.
    let prior = if level.has(Attribute::may_be_decided) { prior } else { &NULL };
    match (nesting, given) {
        (Nesting::Single, given) => object(level, prior, given),
        (Nesting::List, Value::List(elements)) => {
            let elements = elements.iter().enumerate();
            Value::List(
                elements
                    .map(|(index, given)| object(level, align::listed(level, given, prior, index), given))
                    .collect(),
            )
        }
        (Nesting::Set, Value::Set(elements)) => {
            let partners = align::set(level, elements, prior.as_elements().unwrap_or_default());
            let pairs = elements.iter().zip(partners);
            Value::Set(pairs.map(|(given, prior)| object(level, prior.unwrap_or(&NULL), given)).collect())
        }
        (Nesting::Map, Value::Map(elements)) => {
            let prior = |key: &str| prior.as_map().and_then(|elements| elements.get(key)).unwrap_or(&NULL);
            Value::Map(elements.iter().map(|(key, given)| (key.clone(), object(level, prior(key), given))).collect())
        }
        (_, given) => given.clone(),
    }
}
