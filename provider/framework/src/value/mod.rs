//! Values as Terraform knows them.

mod access;
mod compare;
mod conform;
mod number;
mod object;
mod path;
mod refinement;
mod types;

use std::collections::BTreeMap;

pub(crate) use conform::at;
pub use conform::{Mismatch, Problem};
pub use number::{Number, NumberError};
pub use object::Object;
pub(crate) use path::Trail;
pub use path::{Path, PathStep};
pub use refinement::{Promises, Refinement};
pub use smol_str::SmolStr;
pub(crate) use types::MAX_DEPTH;
pub use types::{Type, TypeError};

/// A value of some [`Type`]. The value does not carry its type, except inside [`Value::Dynamic`].
///
/// `Debug` prints everything, secrets included: it is for tests. No error of this crate contains a value.
/// `==` is structural; use [`Value::same`] to ask whether Terraform would call two values equal.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The absence of a value; every type has it.
    Null,
    /// A value that is not known yet ("known after apply"), with what is known about it.
    Unknown(Refinement),
    /// A boolean.
    Bool(bool),
    /// A number, kept exactly as it was written.
    Number(Number),
    /// A string, NFC-normalised by Terraform's core before we see it. A short one allocates nothing, and a copy of a long one
    /// shares it: a plan is made of copies.
    String(SmolStr),
    /// A list: ordered, elements of one type.
    List(Vec<Value>),
    /// A set: elements of one type, no order, no duplicates. Compared without regard to order by [`Value::same`].
    Set(Vec<Value>),
    /// A tuple: ordered, each element of its own type.
    Tuple(Vec<Value>),
    /// A map: keys to elements of one type.
    Map(BTreeMap<String, Value>),
    /// An object: every attribute of its type is present.
    Object(Object),
    /// A value of the dynamic pseudo-type together with the type that it turned out to have.
    Dynamic(Box<(Type, Value)>),
}

/// A null that can be lent out.
pub(crate) static NULL: Value = Value::Null;

impl Value {
    /// A value that is not known yet, without promises about it.
    pub fn unknown() -> Self {
        Self::Unknown(Refinement::default())
    }

    /// An object of these attributes.
    pub fn object<N: Into<Box<str>>>(attributes: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Object(attributes.into_iter().collect())
    }

    /// A map of these elements.
    pub fn map<K: Into<String>>(elements: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(elements.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A list of these elements.
    pub fn list<V: Into<Self>>(elements: impl IntoIterator<Item = V>) -> Self {
        Self::List(elements.into_iter().map(Into::into).collect())
    }

    /// A set of these elements; of equal ones the first stays.
    pub fn set_of<V: Into<Self>>(elements: impl IntoIterator<Item = V>) -> Self {
        let mut elements = elements.into_iter().map(Into::into).collect();
        Self::dedupe(&mut elements);
        Self::Set(elements)
    }

    /// A value of the dynamic pseudo-type. Null and unknown may have a type as well as none (then they are bare): core
    /// tells "a string that is not known yet" from "anything that is not known yet", and so must answers.
    pub fn dynamic(ty: Type, value: Self) -> Self {
        match value {
            Self::Dynamic(_) => value,
            value if ty == Type::Dynamic => value,
            value => Self::Dynamic(Box::new((ty, value))),
        }
    }

    /// What kind of value it is, for messages ("a string"); never the value itself.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown(_) => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Tuple(_) => "a tuple",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
            Self::Dynamic(inner) => inner.1.kind(),
        }
    }

    /// Whether it is null, perhaps a null of a type that a dynamic value turned out to have.
    pub fn is_null(&self) -> bool {
        matches!(self.undynamic(), Self::Null)
    }

    /// Whether it is itself unknown; a list with an unknown element is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self.undynamic(), Self::Unknown(_))
    }

    /// Whether there is no unknown value in it at any depth.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
            Self::List(elements) | Self::Set(elements) | Self::Tuple(elements) => {
                elements.iter().all(Self::is_wholly_known)
            }
            Self::Map(elements) => elements.values().all(Self::is_wholly_known),
            Self::Object(attributes) => attributes.values().iter().all(Self::is_wholly_known),
            Self::Dynamic(inner) => inner.1.is_wholly_known(),
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self.undynamic() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self.undynamic() {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.undynamic() {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The attributes, if it is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self.undynamic() {
            Self::Object(attributes) => Some(attributes),
            _ => None,
        }
    }

    /// The elements, if it is a list, set or tuple.
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self.undynamic() {
            Self::List(elements) | Self::Set(elements) | Self::Tuple(elements) => Some(elements),
            _ => None,
        }
    }

    /// The elements by key, if it is a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self.undynamic() {
            Self::Map(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value inside a dynamic one, or itself.
    fn undynamic(&self) -> &Self {
        match self {
            Self::Dynamic(inner) => &inner.1,
            value => value,
        }
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(int.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}
