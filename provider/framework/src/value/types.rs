//! Types of values, and their JSON form (the "type constraint" of the protocol).

use std::collections::BTreeMap;

/// A type of Terraform's type system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Box<Type>),
    /// `set(T)`
    Set(Box<Type>),
    /// `map(T)`
    Map(Box<Type>),
    /// `tuple([T, ...])`
    Tuple(Vec<Type>),
    /// `object({ name = T, ... })`
    Object(BTreeMap<String, Type>),
    /// The dynamic pseudo-type: the type is only known together with the value.
    Dynamic,
}
