//! Attributes by name, whose names many objects have in common.

use std::fmt;
use std::mem;
use std::sync::Arc;

use super::Value;

/// Attributes by name, in the order of their names: of each its value, or of an object type each one's type.
///
/// Objects of one type share their names. That is what makes ten thousand of them cheap: reading one off the wire allocates
/// no name, and two of them are known to have the same attributes without looking at any.
#[derive(Clone)]
pub struct Object<T = Value> {
    /// Sorted, each name once.
    names: Arc<Names>,
    /// One for each name.
    each: Box<[T]>,
}

/// One word in each object instead of two.
type Names = Vec<Box<str>>;

impl<T> Object<T> {
    /// How many attributes it has.
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// Whether it has no attributes.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// An attribute.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|position| &self.each[position])
    }

    /// An attribute, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.position(name).map(|position| &mut self.each[position])
    }

    /// Whether it has such an attribute.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// Puts an attribute into it, and returns what stood there. A name that it did not have costs names of its own.
    pub fn insert(&mut self, name: &str, value: T) -> Option<T> {
        let place = match self.search(name) {
            Ok(place) => return Some(mem::replace(&mut self.each[place], value)),
            Err(place) => place,
        };
        let (before, after) = self.names.split_at(place);
        self.names = Arc::new(before.iter().cloned().chain([name.into()]).chain(after.iter().cloned()).collect());
        let mut each = mem::take(&mut self.each).into_vec();
        each.insert(place, value);
        self.each = each.into();
        None
    }

    /// Takes an attribute out of it, and returns it. The others get names of their own.
    pub fn remove(&mut self, name: &str) -> Option<T> {
        let place = self.position(name)?;
        let (before, after) = self.names.split_at(place);
        self.names = Arc::new(before.iter().chain(&after[1..]).cloned().collect());
        let mut each = mem::take(&mut self.each).into_vec();
        let removed = each.remove(place);
        self.each = each.into();
        Some(removed)
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// What stands at the names, in their order.
    pub fn values(&self) -> &[T] {
        &self.each
    }

    /// What stands at the names, to be changed.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.each
    }

    /// Names and what stands there.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &T)> {
        self.names().zip(&self.each)
    }

    /// Names and what stands there, to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut T)> {
        self.names.iter().map(|name| &**name).zip(&mut self.each)
    }

    /// An object with the names of this one, and one of these for each of them, in their order.
    pub(crate) fn shaped<U>(&self, each: Vec<U>) -> Object<U> {
        debug_assert_eq!(self.names.len(), each.len(), "one for each name");
        Object { names: Arc::clone(&self.names), each: each.into() }
    }

    /// Whether both have the same names. Quick for objects of one type.
    pub(crate) fn same_names<U>(&self, other: &Object<U>) -> bool {
        Arc::ptr_eq(&self.names, &other.names) || self.names == other.names
    }

    /// The position of a name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.search(name).ok()
    }

    /// The name at a position.
    pub(crate) fn name(&self, position: usize) -> Option<&str> {
        self.names.get(position).map(|name| &**name)
    }

    /// [`Object::position`], for those who go through the names in order and hence know where it should be.
    pub(crate) fn position_at(&self, expected: usize, name: &str) -> Option<usize> {
        let there = self.names.get(expected).is_some_and(|there| **there == *name);
        if there { Some(expected) } else { self.position(name) }
    }

    /// What stands in another object at the name of a position. Quick for objects of one type.
    pub(crate) fn beside<'a, U>(&self, position: usize, other: &'a Object<U>) -> Option<&'a U> {
        if Arc::ptr_eq(&self.names, &other.names) {
            other.each.get(position)
        } else {
            other.get(self.names.get(position)?)
        }
    }

    fn search(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|there| (**there).cmp(name))
    }
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self { names: Arc::default(), each: Box::default() }
    }
}

impl<T: PartialEq> PartialEq for Object<T> {
    fn eq(&self, other: &Self) -> bool {
        self.same_names(other) && self.each == other.each
    }
}

impl<T: Eq> Eq for Object<T> {}

impl<T: fmt::Debug> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: Into<Box<str>>, T> FromIterator<(N, T)> for Object<T> {
    /// Of attributes with one name the last stays.
    fn from_iter<I: IntoIterator<Item = (N, T)>>(attributes: I) -> Self {
        let mut attributes: Vec<(Box<str>, T)> =
            attributes.into_iter().map(|(name, value)| (name.into(), value)).collect();
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        attributes.dedup_by(|later, earlier| {
            let repeated = later.0 == earlier.0;
            if repeated {
                mem::swap(&mut later.1, &mut earlier.1);
            }
            repeated
        });
        let (names, each): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
        Self { names: Arc::new(names), each: each.into() }
    }
}

impl<N: Into<Box<str>>, T, const COUNT: usize> From<[(N, T); COUNT]> for Object<T> {
    fn from(attributes: [(N, T); COUNT]) -> Self {
        attributes.into_iter().collect()
    }
}

impl<T> IntoIterator for Object<T> {
    type Item = (String, T);
    type IntoIter = std::iter::Zip<std::vec::IntoIter<String>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        names.into_iter().zip(self.each.into_vec())
    }
}
