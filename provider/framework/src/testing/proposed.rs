//! Core's proposed new state: what it sends to a provider beside the configuration.
//!
//! A provider must not depend on more than core promises, so the test host promises the same. Source:
//! hashicorp/terraform, internal/plans/objchange/objchange.go, version 1.11.

use std::collections::BTreeMap;

use crate::{
    Value,
    schema::{Attribute, Kind, Level, Nesting, Schema, member},
};

/// The configuration, with the prior value wherever a computed attribute is not configured.
pub fn proposed_new(schema: &Schema, prior: &Value, config: &Value) -> Value {
    if config.is_null() { prior.clone() } else { object(Level::from(&schema.block), prior, config) }
}

fn object(level: Level<'_>, prior: &Value, config: &Value) -> Value {
    let attributes = level.attributes.iter().map(|attribute| {
        let name = &attribute.name;
        (&**name, proposed_attribute(attribute, member(prior, name), inside(config, name)))
    });
    let blocks = level.blocks.iter().map(|block| {
        let name = &block.name;
        (&**name, nested(block.nesting, (&block.block).into(), member(prior, name), inside(config, name)))
    });
    Value::object(attributes.chain(blocks))
}

/// An attribute of an object; unknown in an unknown one.
fn inside<'a>(object: &'a Value, name: &str) -> &'a Value {
    if object.is_unknown() { object } else { member(object, name) }
}

fn proposed_attribute(attribute: &Attribute, prior: &Value, config: &Value) -> Value {
    match &attribute.kind {
        // If the prior value has parts that only the user can give, then the user has taken them away.
        _ if attribute.computed && config.is_null() => {
            let taken_away = attribute.optional && has_configured(attribute, prior);
            if taken_away { config.clone() } else { prior.clone() }
        }
        Kind::Nested(nesting, attributes) => nested(*nesting, attributes.into(), prior, config),
        Kind::Plain(_) => config.clone(),
    }
}

/// Whether any attribute inside has a value that no provider could have computed.
fn has_configured(attribute: &Attribute, value: &Value) -> bool {
    let Kind::Nested(_, attributes) = &attribute.kind else { return false };
    objects(value).into_iter().any(|object| {
        attributes.iter().any(|attribute| {
            let value = member(object, &attribute.name);
            !value.is_null() && (!attribute.computed || has_configured(attribute, value))
        })
    })
}

fn objects(value: &Value) -> Vec<&Value> {
    match value {
        Value::List(elements) | Value::Set(elements) => elements.iter().collect(),
        Value::Map(elements) => elements.values().collect(),
        value => vec![value],
    }
}

fn nested(nesting: Nesting, level: Level<'_>, prior: &Value, config: &Value) -> Value {
    let element =
        |prior: &Value, config: &Value| if config.is_null() { config.clone() } else { object(level, prior, config) };
    match (nesting, config) {
        (Nesting::Single, Value::Object(_)) => object(level, prior, config),
        // By index, which promises a moved element its neighbour's computed values.
        (Nesting::List, Value::List(elements)) => {
            let prior = prior.as_elements().unwrap_or_default();
            let elements = elements.iter().enumerate();
            Value::List(elements.map(|(i, config)| element(prior.get(i).unwrap_or(&Value::Null), config)).collect())
        }
        (Nesting::Map, Value::Map(elements)) => {
            let none = BTreeMap::new();
            let prior = prior.as_map().unwrap_or(&none);
            let of = |key: &str| prior.get(key).unwrap_or(&Value::Null);
            Value::Map(elements.iter().map(|(key, config)| (key.clone(), element(of(key), config))).collect())
        }
        (Nesting::Set, Value::Set(elements)) => {
            let mut left: Vec<&Value> = prior.as_elements().unwrap_or_default().iter().collect();
            Value::set_of(elements.iter().map(|config| {
                let partner = left.iter().position(|prior| could_come_from(level, prior, config));
                let partner = partner.map(|index| left.remove(index));
                element(partner.unwrap_or(&Value::Null), config)
            }))
        }
        (_, config) => config.clone(),
    }
}

/// Whether a provider could have made the prior element out of the configured one: it differs in computed attributes only,
/// and there only where the configuration has nothing.
fn could_come_from(level: Level<'_>, prior: &Value, config: &Value) -> bool {
    if prior.same(config) {
        return true;
    }
    level.attributes.iter().all(|attribute| {
        let (prior, config) = (member(prior, &attribute.name), inside(config, &attribute.name));
        prior.same(config)
            || match &attribute.kind {
                Kind::Nested(nesting, attributes) if !config.is_null() => {
                    same_shape(*nesting, attributes.into(), prior, config)
                }
                _ => attribute.computed && config.is_null(),
            }
    }) && level.blocks.iter().all(|block| {
        let (prior, config) = (member(prior, &block.name), inside(config, &block.name));
        prior.same(config) || same_shape(block.nesting, (&block.block).into(), prior, config)
    })
}

fn same_shape(nesting: Nesting, level: Level<'_>, prior: &Value, config: &Value) -> bool {
    let pairs: Vec<(&Value, &Value)> = match (nesting, prior, config) {
        (Nesting::Single, Value::Object(_), Value::Object(_)) => vec![(prior, config)],
        (Nesting::List, Value::List(prior), Value::List(config)) if prior.len() == config.len() => {
            prior.iter().zip(config).collect()
        }
        (Nesting::Map, Value::Map(prior), Value::Map(config)) if prior.keys().eq(config.keys()) => {
            prior.values().zip(config.values()).collect()
        }
        // Sets in sets are not looked into.
        _ => return false,
    };
    pairs.into_iter().all(|(prior, config)| could_come_from(level, prior, config))
}

#[cfg(test)]
mod tests;
