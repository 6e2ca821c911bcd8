//! The type that a schema implies, and finding an attribute by path.

use std::collections::BTreeMap;

use super::{Attribute, Block, Kind, Nesting, Schema};
use crate::value::{Path, PathStep, Type, Value};

impl Schema {
    /// The type of the values that it describes.
    pub fn object_type(&self) -> Type {
        self.block.object_type()
    }

    /// The innermost attribute that a path leads to or into: for `rules[2].port` that is `port`, for `labels["team"]` it is
    /// `labels`. `None` when the path ends at a block or leads nowhere.
    pub fn attribute(&self, path: &Path) -> Option<&Attribute> {
        let mut level = Level { attributes: &self.block.attributes, blocks: &self.block.blocks };
        let mut found = None;
        for step in path.steps() {
            let PathStep::Attribute(name) = step else { continue };
            if let Some(attribute) = level.attributes.iter().find(|attribute| attribute.name == *name) {
                found = Some(attribute);
                match &attribute.kind {
                    Kind::Nested(_, attributes) => level = Level { attributes, blocks: &[] },
                    Kind::Plain(_) => return found,
                }
            } else {
                let block = &level.blocks.iter().find(|block| block.name == *name)?.block;
                found = None;
                level = Level { attributes: &block.attributes, blocks: &block.blocks };
            }
        }
        found
    }
}

/// What can be named at one level of a schema.
struct Level<'a> {
    attributes: &'a [Attribute],
    blocks: &'a [super::NestedBlock],
}

impl Block {
    /// The object type of its content.
    pub fn object_type(&self) -> Type {
        let mut types = attribute_types(&self.attributes);
        for block in &self.blocks {
            types.insert(block.name.clone(), block.nesting.of(block.block.object_type()));
        }
        Type::Object(types)
    }

    /// Puts stored state into the form that core wants: block collections are empty rather than null, and what is
    /// write-only is null.
    pub(crate) fn tidy_state(&self, value: &mut Value) {
        tidy_attributes(&self.attributes, value);
        let Value::Object(object) = value else { return };
        for block in &self.blocks {
            let Some(value) = object.get_mut(&block.name) else { continue };
            if value.is_null() {
                *value = block.nesting.empty();
            }
            for_each_object(value, &mut |object| block.block.tidy_state(object));
        }
    }
}

fn tidy_attributes(attributes: &[Attribute], value: &mut Value) {
    let Value::Object(object) = value else { return };
    for attribute in attributes {
        let Some(value) = object.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *value = Value::Null;
        } else if let Kind::Nested(_, attributes) = &attribute.kind {
            for_each_object(value, &mut |object| tidy_attributes(attributes, object));
        }
    }
}

/// Calls `change` for the object, or for each object of the collection.
pub(crate) fn for_each_object(value: &mut Value, change: &mut dyn FnMut(&mut Value)) {
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

fn attribute_types(attributes: &[Attribute]) -> BTreeMap<String, Type> {
    attributes.iter().map(|attribute| (attribute.name.clone(), attribute.value_type())).collect()
}

impl Attribute {
    /// The type of its value.
    pub fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Plain(ty) => ty.clone(),
            Kind::Nested(nesting, attributes) => nesting.of(Type::Object(attribute_types(attributes))),
        }
    }
}

impl Nesting {
    /// The type of objects that are collected so.
    pub fn of(self, object: Type) -> Type {
        match self {
            Self::Single => object,
            Self::List => Type::list(object),
            Self::Set => Type::set(object),
            Self::Map => Type::map(object),
        }
    }

    /// No objects: null for a single one, else the empty collection.
    pub fn empty(self) -> Value {
        match self {
            Self::Single => Value::Null,
            Self::List => Value::List(Vec::new()),
            Self::Set => Value::Set(Vec::new()),
            Self::Map => Value::Map(BTreeMap::new()),
        }
    }
}
