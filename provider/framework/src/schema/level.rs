//! One level of a schema: what nested attributes and blocks have in common, for those who walk schema and values together.

use super::{Attribute, Block, Kind, NestedBlock, Nesting};
use crate::value::{NULL, Object, Trail, Value};

/// What can be named at one level: the content of a block, or of a nested attribute's object (which has no blocks).
#[derive(Clone, Copy)]
pub(crate) struct Level<'a> {
    pub(crate) attributes: &'a [Attribute],
    pub(crate) blocks: &'a [NestedBlock],
}

impl<'a> From<&'a Block> for Level<'a> {
    fn from(block: &'a Block) -> Self {
        Self { attributes: &block.attributes, blocks: &block.blocks }
    }
}

impl<'a> From<&'a [Attribute]> for Level<'a> {
    fn from(attributes: &'a [Attribute]) -> Self {
        Self { attributes, blocks: &[] }
    }
}

impl<'a> From<&'a Vec<Attribute>> for Level<'a> {
    fn from(attributes: &'a Vec<Attribute>) -> Self {
        Self::from(attributes.as_slice())
    }
}

impl Level<'_> {
    /// Whether an attribute of this kind stands here or deeper. Schemas are small and values are not: asking once spares a
    /// walk through a collection.
    pub(crate) fn has(self, wanted: fn(&Attribute) -> bool) -> bool {
        self.attributes
            .iter()
            .any(|attribute| wanted(attribute) || attribute.level().is_some_and(|level| level.has(wanted)))
            || self.blocks.iter().any(|block| Level::from(&block.block).has(wanted))
    }

    /// Whether nothing but defaults is ever added to what the user gives here or deeper, and no set is there whose elements
    /// defaults could make equal.
    pub(crate) fn stays_as_given(self) -> bool {
        let attribute = |attribute: &Attribute| match &attribute.kind {
            _ if attribute.may_be_decided() => false,
            Kind::Plain(_) => true,
            Kind::Nested(nesting, inner) => *nesting != Nesting::Set && Level::from(inner).stays_as_given(),
        };
        let block =
            |nested: &NestedBlock| nested.nesting != Nesting::Set && Level::from(&nested.block).stays_as_given();
        self.attributes.iter().all(attribute) && self.blocks.iter().all(block)
    }
}

impl Attribute {
    /// What the attribute's value is built from: the configuration, or the default where that has nothing.
    pub(crate) fn given<'a>(&'a self, config: &'a Value) -> &'a Value {
        match &self.default {
            Some(default) if config.is_null() => default,
            _ => config,
        }
    }

    /// Whether the provider decides the value, because neither the user nor a default does.
    pub(crate) fn decided_by_provider(&self, config: &Value) -> bool {
        self.computed && self.given(config).is_null()
    }

    /// Whether the provider decides the value where the user has none.
    pub(crate) fn may_be_decided(&self) -> bool {
        self.computed && self.default.is_none()
    }

    /// The name of the attribute whose change stands for a change of this one, which is write-only: `password_wo` is sent
    /// again when `password_wo_version` changes.
    pub(crate) fn version_name(&self) -> String {
        format!("{}_version", self.name)
    }

    /// The level inside, if it holds objects.
    pub(crate) fn level(&self) -> Option<Level<'_>> {
        match &self.kind {
            Kind::Plain(_) => None,
            Kind::Nested(_, attributes) => Some(attributes.into()),
        }
    }
}

/// An attribute of an object; null when the object is null itself or lacks it.
pub(crate) fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    match object {
        Value::Object(attributes) => attributes.get(name).unwrap_or(&NULL),
        _ => &NULL,
    }
}

/// The attribute of another value that has the name of the one at a position of this object; null when there is none.
pub(crate) fn beside<'a>(object: &Object, position: usize, other: &'a Value) -> &'a Value {
    match other {
        Value::Object(other) => object.beside(position, other).unwrap_or(&NULL),
        _ => &NULL,
    }
}

/// Calls `visit` with the object, or with each object of the collection; null and unknown ones are left out.
pub(crate) fn each_object(value: &Value, trail: &Trail<'_>, visit: &mut dyn FnMut(&Value, &Trail<'_>)) {
    match value {
        Value::Object(_) => visit(value, trail),
        Value::List(elements) => {
            for (index, element) in elements.iter().enumerate().filter(|(_, element)| is_object(element)) {
                visit(element, &trail.index(index));
            }
        }
        Value::Set(elements) => {
            elements.iter().filter(|element| is_object(element)).for_each(|one| visit(one, &trail.element(one)));
        }
        Value::Map(elements) => {
            for (key, element) in elements.iter().filter(|(_, element)| is_object(element)) {
                visit(element, &trail.key(key));
            }
        }
        _ => {}
    }
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}
