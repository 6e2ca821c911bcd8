//! Schemas: what a resource, its identity, a data source, a function or anything else that is configured looks like.

mod build;
mod check;
pub(crate) mod identity;
mod implied;
mod level;
mod signature;
mod tidy;
mod to_proto;
mod validate;

use crate::{Type, Value};

pub use check::{SchemaFault, SchemaProblem};
pub(crate) use level::{Level, beside, each_object, member};
pub use signature::Signature;
pub(crate) use tidy::null_write_only;

/// The schema of a resource, its identity, a data source, or anything else that is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Version of the stored state; rises when the meaning of stored state changes.
    pub version: i64,
    /// Attributes and blocks.
    pub block: Block,
}

/// Attributes and nested blocks, with the documentation of the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Attributes in the order of the model.
    pub attributes: Vec<Attribute>,
    /// Nested blocks (`rule { ... }`); prefer nested attributes in new schemas.
    pub blocks: Vec<NestedBlock>,
    /// Markdown.
    pub description: String,
    /// Why not to use it any more; empty: in use.
    pub deprecated: Option<String>,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// `^[a-z0-9_]+$`
    pub name: String,
    /// A plain type, or a nested object with attributes of its own.
    pub kind: Kind,
    /// Markdown; goes into the registry pages and into generated SDKs.
    pub description: String,
    /// The user must give it.
    pub required: bool,
    /// The user may give it.
    pub optional: bool,
    /// The provider may decide it.
    pub computed: bool,
    /// Never shown in output.
    pub sensitive: bool,
    /// Exists in the configuration only: never in plan or state.
    pub write_only: bool,
    /// A change of the value means a new resource.
    pub replace: bool,
    /// A computed value that does not change once it is there: an update keeps the prior non-null value instead of
    /// marking it unknown.
    pub keep: bool,
    /// The value when the configuration has none; implies `optional` and `computed`.
    pub default: Option<Value>,
    /// Checks of a known, non-null value.
    pub validators: Vec<Validator>,
    /// Why not to use it any more, and what to use instead.
    pub deprecated: Option<String>,
    /// What matters only where it is a function's parameter.
    pub passing: Passing,
}

/// What may be passed for a function's parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passing {
    /// Null, which attributes say by being optional.
    pub null: bool,
    /// What is not known yet.
    pub unknown: bool,
    /// All arguments from here on.
    pub variadic: bool,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A value of a type.
    Plain(Type),
    /// An object, or a collection of objects, whose attributes have their own required/optional/computed.
    Nested(Nesting, Vec<Attribute>),
}

/// How nested objects are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects.
    Map,
}

/// A nested block.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// Its type name.
    pub name: String,
    /// How it repeats ([`Nesting::Single`] or a collection).
    pub nesting: Nesting,
    /// Its content.
    pub block: Block,
    /// Least number of blocks.
    pub min_items: u64,
    /// Greatest number of blocks; 0 means no limit.
    pub max_items: u64,
}

/// A check of a known value: `Err` holds the detail of the diagnostic (what is wrong, what would be right).
#[derive(Clone, Copy)]
pub struct Validator {
    /// One line for the registry page: "a size such as 256MiB".
    pub says: &'static str,
    /// The check.
    pub check: fn(&Value) -> Result<(), String>,
}

impl PartialEq for Validator {
    fn eq(&self, other: &Self) -> bool {
        self.says == other.says
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Validator({:?})", self.says)
    }
}
