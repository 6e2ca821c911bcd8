//! The type that a schema implies, and finding an attribute by path.

use std::collections::BTreeMap;

use super::level::Level;
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
        let mut level = Level::from(&self.block);
        let mut found = None;
        for step in path.steps() {
            let PathStep::Attribute(name) = step else { continue };
            if let Some(attribute) = level.attributes.iter().find(|attribute| attribute.name == *name) {
                found = Some(attribute);
                match &attribute.kind {
                    Kind::Nested(_, attributes) => level = attributes.into(),
                    Kind::Plain(_) => return found,
                }
            } else {
                let block = &level.blocks.iter().find(|block| block.name == *name)?.block;
                found = None;
                level = block.into();
            }
        }
        found
    }
}

impl Block {
    /// The object type of its content.
    pub fn object_type(&self) -> Type {
        let attributes = attribute_types(&self.attributes);
        let blocks = self.blocks.iter().map(|block| (&*block.name, block.nesting.of(block.block.object_type())));
        Type::object(attributes.chain(blocks))
    }
}

fn attribute_types(attributes: &[Attribute]) -> impl Iterator<Item = (&str, Type)> {
    attributes.iter().map(|attribute| (&*attribute.name, attribute.value_type()))
}

impl Attribute {
    /// The type of its value.
    pub fn value_type(&self) -> Type {
        self.kind.value_type()
    }
}

impl Kind {
    /// The type of the values that it holds, nested attributes as objects.
    pub fn value_type(&self) -> Type {
        match self {
            Kind::Plain(ty) => ty.clone(),
            Kind::Nested(nesting, attributes) => nesting.of(Type::object(attribute_types(attributes))),
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
