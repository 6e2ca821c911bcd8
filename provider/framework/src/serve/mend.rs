//! What the framework puts right in the author's answers, so that each resource need not.

use crate::schema::{Schema, member};
use crate::value::Trail;
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
        Value::Object(attributes) => {
            attributes.iter_mut().for_each(|(name, value)| settle(value, member(prior, name)));
        }
        Value::Map(elements) => {
            let before = |key: &str| prior.as_map().and_then(|before| before.get(key)).unwrap_or(&Value::Null);
            elements.iter_mut().for_each(|(key, value)| settle(value, before(key)));
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

/// Whether two different values of one attribute mean the same.
type SameMeaning<'a> = &'a dyn Fn(&Path, &Value, &Value) -> bool;

/// Keeps the spelling of `reference` wherever the author calls the two equal (rules A2 and R2).
pub(super) fn keep_spelling(value: &mut Value, reference: &Value, same_meaning: SameMeaning<'_>) {
    if let Some(respelled) = respelled(value, reference, same_meaning) {
        *value = respelled;
    }
}

/// The value in the spelling of `reference`; `None` when it needs no change, which is the usual case.
pub(super) fn respelled(value: &Value, reference: &Value, same_meaning: SameMeaning<'_>) -> Option<Value> {
    let mut kept = Vec::new();
    collect(value, reference, &Trail::ROOT, same_meaning, &mut kept);
    if kept.is_empty() {
        return None;
    }
    let mut value = value.clone();
    for (path, spelling) in kept {
        // The walk was there; elements of sets, which a change could move, are no steps of such a path.
        let _ = value.set(&path, spelling);
    }
    Some(value)
}

/// Collects where another spelling is to stand.
fn collect(
    value: &Value,
    reference: &Value,
    trail: &Trail<'_>,
    same_meaning: SameMeaning<'_>,
    kept: &mut Vec<(Path, Value)>,
) {
    let absent = |value: &Value| value.is_null() || value.is_unknown();
    if absent(reference) || absent(value) || value.same(reference) {
        return;
    }
    if !trail.is_root() && same_meaning(&trail.path(), reference, value) {
        return kept.push((trail.path(), reference.clone()));
    }
    match (value, reference) {
        (Value::Object(attributes), Value::Object(before)) => {
            for (name, value) in attributes.iter() {
                if let Some(before) = before.get(name) {
                    collect(value, before, &trail.attr(name), same_meaning, kept);
                }
            }
        }
        (Value::Map(elements), Value::Map(before)) => {
            for (key, value) in elements {
                if let Some(before) = before.get(key) {
                    collect(value, before, &trail.key(key), same_meaning, kept);
                }
            }
        }
        // A list that changed its length has moved its elements: index no longer says which is which.
        (Value::List(elements), Value::List(before)) if elements.len() == before.len() => {
            for (index, (value, before)) in elements.iter().zip(before).enumerate() {
                collect(value, before, &trail.index(index), same_meaning, kept);
            }
        }
        (Value::Set(elements), Value::Set(before)) => {
            kept.extend(set(elements, before, &trail.path(), same_meaning).map(|set| (trail.path(), set)));
        }
        _ => {}
    }
}

/// A set in which an element that means the same as one of the reference is that one.
fn set(elements: &[Value], before: &[Value], path: &Path, same_meaning: SameMeaning<'_>) -> Option<Value> {
    let mut changed = false;
    let mut known: Vec<&Value> = before.iter().collect();
    known.sort_by(|a, b| a.order(b));
    let kept = elements.iter().map(|element| {
        if known.binary_search_by(|one| one.order(element)).is_ok() {
            return element.clone();
        }
        let path = path.with(PathStep::Element(Box::new(element.clone())));
        let one = before.iter().find(|one| same_meaning(&path, one, element));
        changed |= one.is_some();
        one.unwrap_or(element).clone()
    });
    let kept: Vec<Value> = kept.collect();
    changed.then(|| Value::set_of(kept))
}

#[cfg(test)]
mod tests;
