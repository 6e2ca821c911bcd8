//! Values that are spelt differently and mean the same.

use std::collections::BTreeSet;
use std::str::FromStr;

use tfkit::Value;

/// Whether two values are spelt differently and mean the same.
pub(crate) fn same<T: PartialEq + FromStr>(one: &Value, other: &Value) -> bool {
    let parsed = |value: &Value| value.as_str().and_then(|text| text.parse::<T>().ok());
    parsed(one).is_some() && parsed(one) == parsed(other)
}

/// Whether two lists say the same in any order.
pub(crate) fn same_set<T: Ord + FromStr>(one: &Value, other: &Value) -> bool {
    let parsed = |value: &Value| -> Option<BTreeSet<T>> {
        value.as_elements()?.iter().map(|element| element.as_str()?.parse().ok()).collect()
    };
    parsed(one).is_some() && parsed(one) == parsed(other)
}
