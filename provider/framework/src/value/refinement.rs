//! What is known about an unknown value.

use std::ops::Deref;

use crate::{Number, Value};

/// Promises about a value that is not known yet. The default promises nothing.
///
/// A refinement that we emit binds us: core rejects a final value that breaks it.
/// Boxed, because nearly all unknown values have none and every [`Value`] would be as large as the promises.
/// Read the promises through `Deref`; make one with `Refinement::from(Promises { .. })`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refinement(Option<Box<Promises>>);

/// The promises of a [`Refinement`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Promises {
    /// `Some(false)`: the value will not be null.
    pub null: Option<bool>,
    /// The string will begin with this.
    pub prefix: Option<String>,
    /// Lower bound of the number, and whether the bound itself is allowed.
    pub min: Option<(Number, bool)>,
    /// Upper bound of the number, and whether the bound itself is allowed.
    pub max: Option<(Number, bool)>,
    /// Least number of elements of the collection.
    pub min_len: Option<i64>,
    /// Greatest number of elements of the collection.
    pub max_len: Option<i64>,
}

/// What a refinement without promises dereferences to.
static NOTHING: Promises = Promises { null: None, prefix: None, min: None, max: None, min_len: None, max_len: None };

impl From<Promises> for Refinement {
    fn from(promises: Promises) -> Self {
        Self((promises != NOTHING).then(|| Box::new(promises)))
    }
}

impl Deref for Refinement {
    type Target = Promises;

    fn deref(&self) -> &Promises {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl Refinement {
    /// No promises, as a constant.
    pub const NONE: Self = Self(None);

    /// The promise that the value will not be null.
    pub fn not_null() -> Self {
        Self::from(Promises { null: Some(false), ..Promises::default() })
    }

    /// Whether it promises nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Which promise the final value breaks, if any; an unknown value breaks none.
    pub fn broken_by(&self, value: &Value) -> Option<&'static str> {
        if self.is_empty() || value.is_unknown() {
            return None;
        }
        if value.is_null() {
            return (self.null == Some(false)).then_some("it must not be null");
        }
        if self.null == Some(true) {
            return Some("it must be null");
        }
        match value {
            Value::String(text) => {
                let wrong = self.prefix.as_ref().is_some_and(|prefix| !text.starts_with(prefix.as_str()));
                wrong.then_some("it must begin with the planned prefix")
            }
            Value::Number(number) => self.number_broken_by(number),
            Value::List(elements) | Value::Set(elements) => self.length_broken_by(elements.len()),
            Value::Map(elements) => self.length_broken_by(elements.len()),
            Value::Dynamic(inner) => self.broken_by(&inner.1),
            _ => None,
        }
    }

    fn number_broken_by(&self, number: &Number) -> Option<&'static str> {
        let below = |(bound, inclusive): &(Number, bool)| number < bound || (!inclusive && number == bound);
        let above = |(bound, inclusive): &(Number, bool)| number > bound || (!inclusive && number == bound);
        if self.min.as_ref().is_some_and(below) {
            return Some("it is below the planned lower bound");
        }
        self.max.as_ref().is_some_and(above).then_some("it is above the planned upper bound")
    }

    fn length_broken_by(&self, len: usize) -> Option<&'static str> {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        if self.min_len.is_some_and(|least| len < least) {
            return Some("it has fewer elements than planned");
        }
        self.max_len.is_some_and(|most| len > most).then_some("it has more elements than planned")
    }
}
