//! Values as Terraform knows them.

mod number;
mod path;
mod refinement;
mod types;

use std::collections::BTreeMap;

pub use number::Number;
pub use path::{Path, PathStep};
pub use refinement::Refinement;
pub use types::Type;

/// A value of some [`Type`]. The value does not carry its type, except inside [`Value::Dynamic`].
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
    /// A string, NFC-normalised by Terraform's core before we see it.
    String(String),
    /// A list: ordered, elements of one type.
    List(Vec<Value>),
    /// A set: elements of one type, no order, no duplicates. Compared without regard to order by [`Value::same`].
    Set(Vec<Value>),
    /// A tuple: ordered, each element of its own type.
    Tuple(Vec<Value>),
    /// A map: keys to elements of one type.
    Map(BTreeMap<String, Value>),
    /// An object: every attribute of its type is present.
    Object(BTreeMap<String, Value>),
    /// A value of the dynamic pseudo-type together with the type that it turned out to have.
    Dynamic(Box<(Type, Value)>),
}
