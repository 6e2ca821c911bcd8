//! Changes to values that follow from the schema alone: nulls where write-only values stood, empty instead of null blocks.

use super::{Block, Level};
use crate::value::Value;

impl Block {
    /// Puts stored state into the form that core wants: block collections are empty rather than null, and what is
    /// write-only is null.
    pub(crate) fn tidy_state(&self, value: &mut Value) {
        null_write_only(Level::from(self), value);
        self.empty_blocks(value);
    }

    fn empty_blocks(&self, value: &mut Value) {
        let Value::Object(object) = value else { return };
        for block in &self.blocks {
            let Some(value) = object.get_mut(&block.name) else { continue };
            if value.is_null() {
                *value = block.nesting.empty();
            }
            for_each_object(value, &mut |object| block.block.empty_blocks(object));
        }
    }
}

/// Calls `change` for the object, or for each object of the collection.
fn for_each_object(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Object(_) => change(value),
        Value::List(elements) => elements.iter_mut().for_each(change),
        Value::Set(elements) => {
            elements.iter_mut().for_each(change);
            Value::dedupe(elements);
        }
        Value::Map(elements) => elements.values_mut().for_each(change),
        _ => {}
    }
}

/// Makes every write-only value null, at every depth.
pub(crate) fn null_write_only(level: Level<'_>, value: &mut Value) {
    if level.has(|attribute| attribute.write_only) {
        null_in(level, value);
    }
}

fn null_in(level: Level<'_>, value: &mut Value) {
    let Value::Object(object) = value else { return };
    for attribute in level.attributes {
        let Some(value) = object.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *value = Value::Null;
        } else if let Some(level) = attribute.level() {
            nested(level, value);
        }
    }
    for block in level.blocks {
        if let Some(value) = object.get_mut(&block.name) {
            nested((&block.block).into(), value);
        }
    }
}

fn nested(level: Level<'_>, value: &mut Value) {
    if level.has(|attribute| attribute.write_only) {
        for_each_object(value, &mut |object| null_in(level, object));
    }
}
