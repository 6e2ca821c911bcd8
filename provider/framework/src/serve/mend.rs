//! What the framework puts right in the author's answers, so that each resource need not.

use crate::schema::Schema;
use crate::{Path, PathStep, Value, plan};

/// A configuration with its defaults filled in; what is computed is unknown.
pub(super) fn with_defaults(schema: &Schema, config: &Value) -> Value {
    plan::propose(schema, &Value::Null, config, config).value
}

/// Write-only values never leave, however the author came to have them in an answer (rule P7).
pub(super) fn drop_write_only(schema: &Schema, value: &mut Value) {
    schema.block.tidy_state(value);
}

/// Gives up on what is still unknown after a failure: what was there before is there still, and what was not is null. Core
/// would turn all of it to null (rule A3).
pub(super) fn settle(value: &mut Value, prior: &Value) {
    match value {
        Value::Unknown(_) => *value = if prior.is_wholly_known() { prior.clone() } else { Value::Null },
        Value::Object(attributes) | Value::Map(attributes) => {
            let before = match prior {
                Value::Object(before) | Value::Map(before) => Some(before),
                _ => None,
            };
            for (name, value) in attributes {
                settle(value, before.and_then(|before| before.get(name)).unwrap_or(&Value::Null));
            }
        }
        // Elements have no identity across a change, so nothing says which prior one an unknown one was.
        Value::List(elements) | Value::Tuple(elements) => {
            elements.iter_mut().for_each(|element| settle(element, &Value::Null));
        }
        Value::Set(elements) => {
            elements.iter_mut().for_each(|element| settle(element, &Value::Null));
            Value::dedupe(elements);
        }
        Value::Dynamic(inner) => settle(&mut inner.1, &Value::Null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keeps the spelling of `reference` wherever the author calls the two equal (rules A2 and R2).
pub(super) fn keep_spelling(
    value: &mut Value,
    reference: &Value,
    path: &Path,
    same_meaning: &dyn Fn(&Path, &Value, &Value) -> bool,
) {
    let absent = |value: &Value| value.is_null() || value.is_unknown();
    if absent(reference) || absent(value) || value.same(reference) {
        return;
    }
    if !path.steps().is_empty() && same_meaning(path, reference, value) {
        *value = reference.clone();
        return;
    }
    match (value, reference) {
        (Value::Object(attributes), Value::Object(before)) => {
            for (name, value) in attributes {
                if let Some(before) = before.get(name) {
                    keep_spelling(value, before, &path.attr(name), same_meaning);
                }
            }
        }
        (Value::Map(elements), Value::Map(before)) => {
            for (key, value) in elements {
                if let Some(before) = before.get(key) {
                    keep_spelling(value, before, &path.key(key), same_meaning);
                }
            }
        }
        // A list that changed its length has moved its elements: index no longer says which is which.
        (Value::List(elements), Value::List(before)) if elements.len() == before.len() => {
            for (index, (value, before)) in elements.iter_mut().zip(before).enumerate() {
                keep_spelling(value, before, &path.index(index), same_meaning);
            }
        }
        (Value::Set(elements), Value::Set(before)) => keep_in_set(elements, before, path, same_meaning),
        _ => {}
    }
}

/// An element that means the same as one of the reference is that one.
fn keep_in_set(
    elements: &mut Vec<Value>,
    before: &[Value],
    path: &Path,
    same_meaning: &dyn Fn(&Path, &Value, &Value) -> bool,
) {
    for element in elements.iter_mut() {
        if before.iter().any(|one| one.same(element)) {
            continue;
        }
        let path = path.with(PathStep::Element(Box::new(element.clone())));
        if let Some(one) = before.iter().find(|one| same_meaning(&path, one, element)) {
            *element = one.clone();
        }
    }
    Value::dedupe(elements);
}

#[cfg(test)]
mod tests;
