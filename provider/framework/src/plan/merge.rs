//! Rule 1: configuration over defaults over prior state.

use super::align;
use crate::schema::{Attribute, Kind, Level, Nesting, member};
use crate::value::{NULL, Value};

/// The object that configuration and prior state make together. The elements of a set stay in the order of the
/// configuration, so that [`super::mark`] can walk both together.
pub(super) fn object(level: Level<'_>, prior: &Value, config: &Value) -> Value {
    let Value::Object(_) = config else { return config.clone() };
    let attributes = level.attributes.iter().map(|attribute| {
        let name = &attribute.name;
        (name.clone(), self::attribute(attribute, member(prior, name), member(config, name)))
    });
    let blocks = level.blocks.iter().map(|block| {
        let name = &block.name;
        (name.clone(), nested(block.nesting, (&block.block).into(), member(prior, name), member(config, name)))
    });
    Value::Object(attributes.chain(blocks).collect())
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
