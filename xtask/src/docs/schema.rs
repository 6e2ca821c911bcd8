//! `terraform providers schema -json`, as far as the pages need it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The whole answer: provider source address -> its schemas.
#[derive(Deserialize)]
pub(super) struct Schemas {
    #[serde(default)]
    pub(super) provider_schemas: BTreeMap<String, Provider>,
}

/// One provider.
#[derive(Deserialize, Default)]
pub(super) struct Provider {
    #[serde(default)]
    pub(super) provider: Schema,
    #[serde(default)]
    pub(super) resource_schemas: BTreeMap<String, Schema>,
    #[serde(default)]
    pub(super) data_source_schemas: BTreeMap<String, Schema>,
    #[serde(default)]
    pub(super) ephemeral_resource_schemas: BTreeMap<String, Schema>,
    #[serde(default)]
    pub(super) functions: BTreeMap<String, Function>,
}

/// A function.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Function {
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) deprecation_message: String,
    pub(super) return_type: Value,
    pub(super) parameters: Vec<Parameter>,
    pub(super) variadic_parameter: Option<Parameter>,
}

/// What a function takes.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) is_nullable: bool,
    #[serde(rename = "type")]
    pub(super) kind: Value,
}

/// The schema of a provider, resource or data source.
#[derive(Deserialize, Default)]
pub(super) struct Schema {
    #[serde(default)]
    pub(super) block: Block,
}

/// Attributes and nested blocks; a nested attribute type has the first only.
#[derive(Deserialize, Default)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    pub(super) block_types: BTreeMap<String, NestedBlock>,
    #[serde(default)]
    pub(super) description: String,
}

/// One attribute.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Attribute {
    #[serde(rename = "type")]
    pub(super) kind: Option<Value>,
    pub(super) nested_type: Option<Nested>,
    pub(super) description: String,
    pub(super) required: bool,
    pub(super) optional: bool,
    pub(super) sensitive: bool,
    pub(super) write_only: bool,
    pub(super) deprecated: bool,
}

/// Attributes inside an attribute.
#[derive(Deserialize)]
pub(super) struct Nested {
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) nesting_mode: String,
}

/// A block inside a block.
#[derive(Deserialize)]
pub(super) struct NestedBlock {
    #[serde(default)]
    pub(super) block: Block,
    pub(super) nesting_mode: String,
    #[serde(default)]
    pub(super) min_items: u64,
}
