//! Rule 3: what the provider decides is unknown once anything changes.

use crate::schema::{Level, beside};
use crate::value::Value;

/// Makes everything unknown that the provider decides, in a value that [`super::merge`] made of this configuration.
pub(super) fn unknown(level: Level<'_>, config: &Value, value: &mut Value) {
    let Value::Object(object) = value else { return };
    for attribute in level.attributes {
        let Some(position) = object.position(&attribute.name) else { continue };
        let config = beside(object, position, config);
        let value = &mut object.values_mut()[position];
        if attribute.write_only {
            continue;
        }
        if attribute.decided_by_provider(config) {
            // The merge has put the prior value here, if there is one.
            let held = (attribute.keep || attribute.replace) && !value.is_null();
            if !held {
                *value = Value::unknown();
            }
        } else if let Some(level) = attribute.level() {
            nested(level, attribute.given(config), value);
        }
    }
    for block in level.blocks {
        if let Some(position) = object.position(&block.name) {
            let config = beside(object, position, config);
            nested((&block.block).into(), config, &mut object.values_mut()[position]);
        }
    }
}

fn nested(level: Level<'_>, given: &Value, value: &mut Value) {
    match (given, value) {
        (_, Value::List(_) | Value::Map(_)) if level.stays_as_given() => {}
        (Value::List(given), Value::List(elements)) => {
            given.iter().zip(elements).for_each(|(given, element)| unknown(level, given, element));
        }
        (Value::Set(given), Value::Set(elements)) => {
            given.iter().zip(elements.iter_mut()).for_each(|(given, element)| unknown(level, given, element));
            // Defaults may have made two elements equal. Core then counts fewer than configured, and so must we.
            Value::dedupe(elements);
        }
        (Value::Map(given), Value::Map(elements)) => {
            given.values().zip(elements.values_mut()).for_each(|(given, element)| unknown(level, given, element));
        }
        (given, value) => unknown(level, given, value),
    }
}
