//! Checks a configuration against a schema: what must be there, what may be there, and the author's validators.
//!
//! Core checks presence itself before it asks a provider; other hosts do not. Core also warns of what is deprecated, so
//! nothing here does.

use super::level::{each_object, member};
use super::{Attribute, Block, Kind, NestedBlock, Nesting, Schema, Signature};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::value::{Trail, Value};

impl Schema {
    /// Everything that is wrong with a configuration, each with the path of the value that it is about.
    ///
    /// The configuration must be of the schema's type. Unknown values are never wrong; validators see wholly known,
    /// non-null values only.
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        validate_block(&self.block, config, &Trail::ROOT, &mut found);
        found
    }
}

fn validate_block(block: &Block, value: &Value, trail: &Trail<'_>, found: &mut Diagnostics) {
    if value.is_null() || value.is_unknown() {
        return;
    }
    validate_attributes(&block.attributes, value, trail, found);
    for nested in &block.blocks {
        let trail = trail.attr(&nested.name);
        let value = member(value, &nested.name);
        count_blocks(nested, value, &trail, found);
        each_object(value, &trail, &mut |object, trail| validate_block(&nested.block, object, trail, found));
    }
}

fn validate_attributes(attributes: &[Attribute], object: &Value, trail: &Trail<'_>, found: &mut Diagnostics) {
    for attribute in attributes {
        let trail = trail.attr(&attribute.name);
        let value = member(object, &attribute.name);
        if value.is_unknown() {
            continue;
        }
        if value.is_null() {
            if attribute.required {
                found.push(missing(&trail));
            }
            continue;
        }
        if !attribute.required && !attribute.optional {
            found.push(not_configurable(&trail));
            continue;
        }
        validate_given(attribute, value, &trail, found);
    }
}

/// Checks a value that was given for an attribute or a parameter.
fn validate_given(attribute: &Attribute, value: &Value, trail: &Trail<'_>, found: &mut Diagnostics) {
    run_validators(attribute, value, trail, found);
    if let Kind::Nested(nesting, attributes) = &attribute.kind {
        if *nesting == Nesting::Set {
            distinct_elements(attributes, value, trail, found);
        }
        each_object(value, trail, &mut |object, trail| validate_attributes(attributes, object, trail, found));
    }
}

impl Signature {
    /// Everything that the validators of the parameters find wrong with arguments, which are those of an object.
    pub(crate) fn validate(&self, arguments: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        for parameter in &self.parameters.attributes {
            let value = member(arguments, &parameter.name);
            if !value.is_null() && !value.is_unknown() {
                validate_given(parameter, value, &Trail::ROOT.attr(&parameter.name), &mut found);
            }
        }
        found
    }
}

fn run_validators(attribute: &Attribute, value: &Value, trail: &Trail<'_>, found: &mut Diagnostics) {
    if attribute.validators.is_empty() || !value.is_wholly_known() {
        return;
    }
    for validator in &attribute.validators {
        if let Err(detail) = (validator.check)(value) {
            found.push(Diagnostic::error("Attribute value not accepted", detail).at(trail.path()));
        }
    }
}

/// Defaults can make two configured elements of a set one. Core then finds fewer elements planned than configured, and calls
/// that a bug of the provider; said here, it is a fault of the configuration with a remedy.
fn distinct_elements(attributes: &[Attribute], value: &Value, trail: &Trail<'_>, found: &mut Diagnostics) {
    let Value::Set(elements) = value else { return };
    if attributes.iter().all(|attribute| attribute.default.is_none()) {
        return;
    }
    let filled = |element: &Value| {
        let mut element = element.clone();
        if let Value::Object(object) = &mut element {
            for attribute in attributes {
                if let (Some(value), Some(default)) = (object.get_mut(&attribute.name), &attribute.default)
                    && value.is_null()
                {
                    *value = default.clone();
                }
            }
        }
        element
    };
    let mut filled: Vec<Value> = elements.iter().map(filled).collect();
    Value::dedupe(&mut filled);
    if filled.len() < elements.len() {
        let path = trail.path();
        let detail =
            format!("Two elements of \"{path}\" are the same once defaults are filled in. Remove one of them.");
        found.push(Diagnostic::error("Two elements of a set are the same", detail).at(path));
    }
}

fn count_blocks(nested: &NestedBlock, value: &Value, trail: &Trail<'_>, found: &mut Diagnostics) {
    let count = match value {
        Value::Unknown(_) => return,
        Value::List(elements) | Value::Set(elements) => {
            // Elements of a dynamic block that is not expanded yet: their number is not final.
            if elements.iter().any(Value::is_unknown) {
                return;
            }
            elements.len()
        }
        Value::Map(elements) => elements.len(),
        value => usize::from(!value.is_null()),
    };
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let name = &nested.name;
    if count < nested.min_items {
        let least = nested.min_items;
        let detail = format!("At least {least} {name:?} block(s) must be given; the configuration has {count}.");
        found.push(Diagnostic::error("Too few blocks", detail).at(trail.path()));
    }
    if nested.nesting != Nesting::Single && nested.max_items != 0 && count > nested.max_items {
        let most = nested.max_items;
        let detail = format!("No more than {most} {name:?} block(s) may be given; the configuration has {count}.");
        found.push(Diagnostic::error("Too many blocks", detail).at(trail.path()));
    }
}

fn missing(trail: &Trail<'_>) -> Diagnostic {
    let path = trail.path();
    let detail = format!("The argument \"{path}\" is required, but it has no value. Give it one.");
    Diagnostic::error("Missing required argument", detail).at(path)
}

fn not_configurable(trail: &Trail<'_>) -> Diagnostic {
    let path = trail.path();
    let detail = format!("The value of \"{path}\" is decided by the provider. Remove it from the configuration.");
    Diagnostic::error("Value for a read-only attribute", detail).at(path)
}
