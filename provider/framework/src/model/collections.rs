//! Lists, sets and maps as fields.

use std::collections::{BTreeMap, BTreeSet};

use super::{Field, ModelError, Set};
use crate::schema::{Kind, Nesting};
use crate::{Attr, Path, PathStep, Type, Value};

/// A collection of nested models has nested attributes; one of anything else has a plain type. Nested models two levels
/// down (a list of lists of models) become plain objects, since the protocol has no attributes there.
pub(super) fn kind_of<T: Field>(plain: fn(Box<Type>) -> Type, nesting: Nesting) -> Kind {
    match T::kind() {
        Kind::Nested(Nesting::Single, attributes) => Kind::Nested(nesting, attributes),
        other => Kind::Plain(plain(Box::new(other.value_type()))),
    }
}

pub(super) fn decode_set<T: Field>(value: &Value, path: &Path) -> Result<Vec<T>, ModelError> {
    let Value::Set(elements) = value else { return Err(ModelError::mismatch(path, "a set", value)) };
    let element = |element: &Value| {
        T::decode(element, &Path::root())
            .map_err(|error| error.within(&path.with(PathStep::Element(Box::new(element.clone())))))
    };
    elements.iter().map(element).collect()
}

impl<T: Field> Field for Vec<T> {
    type View = Attr<Vec<T::View>>;
    type Bare = Self;

    fn kind() -> Kind {
        kind_of::<T>(Type::List, Nesting::List)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        let Value::List(elements) = value else { return Err(ModelError::mismatch(path, "a list", value)) };
        let element = |(index, element): (usize, &Value)| {
            T::decode(element, &Path::root()).map_err(|error| error.within(&path.index(index)))
        };
        elements.iter().enumerate().map(element).collect()
    }

    fn encode(&self) -> Value {
        Value::List(self.iter().map(Field::encode).collect())
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    type View = Attr<BTreeMap<String, T::View>>;
    type Bare = Self;

    fn kind() -> Kind {
        kind_of::<T>(Type::Map, Nesting::Map)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        let Value::Map(elements) = value else { return Err(ModelError::mismatch(path, "a map", value)) };
        let element = |(key, element): (&String, &Value)| {
            let element = T::decode(element, &Path::root()).map_err(|error| error.within(&path.key(key)))?;
            Ok((key.clone(), element))
        };
        elements.iter().map(element).collect()
    }

    fn encode(&self) -> Value {
        Value::Map(self.iter().map(|(key, element)| (key.clone(), element.encode())).collect())
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    type View = Attr<Set<T::View>>;
    type Bare = Self;

    fn kind() -> Kind {
        kind_of::<T>(Type::Set, Nesting::Set)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        Ok(decode_set(value, path)?.into_iter().collect())
    }

    fn encode(&self) -> Value {
        Value::Set(self.iter().map(Field::encode).collect())
    }
}
