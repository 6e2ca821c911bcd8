//! `Set<T>`: elements without order or duplicates, for types that have no order of their own.

use super::{Field, ModelError, collections};
use crate::schema::{Kind, Nesting};
use crate::{Attr, Path, Value};

/// A set of values that need no `Ord`, such as nested models. Where the elements are plain, a `BTreeSet` serves as well.
///
/// Elements that encode to the same value are one element; they are merged when the set goes to Terraform.
#[derive(Clone, Debug, PartialEq)]
pub struct Set<T>(Vec<T>);

impl<T> Set<T> {
    /// The elements, in no particular order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The elements to change, in no particular order.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Set<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Field> Field for Set<T> {
    type View = Attr<Set<T::View>>;
    type Bare = Self;

    fn kind() -> Kind {
        collections::kind_of::<T>(crate::Type::Set, Nesting::Set)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        collections::decode_set(value, path).map(Self)
    }

    fn encode(&self) -> Value {
        let mut elements: Vec<Value> = self.0.iter().map(Field::encode).collect();
        Value::dedupe(&mut elements);
        Value::Set(elements)
    }
}
