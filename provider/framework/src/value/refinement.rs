//! What is known about an unknown value.

use crate::Number;

/// Promises about a value that is not known yet. The default promises nothing.
///
/// A refinement that we emit binds us: core rejects a final value that breaks it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refinement {
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
