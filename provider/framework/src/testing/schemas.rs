//! A provider's schemas, read from the protocol.
//!
//! What only the framework knows (defaults, validators, what is kept) does not travel, and is absent here: a test host knows
//! as little as Terraform.

use std::collections::BTreeMap;

use tfkit_proto::tfplugin6::{Function, ServerCapabilities, function::Parameter, get_provider_schema, schema as proto};

use super::HostError;
use crate::{
    Type,
    schema::{Attribute, Block, Kind, NestedBlock, Nesting, Passing, Schema, Signature},
};

/// All schemas of a provider.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// Of its configuration.
    pub provider: Schema,
    /// Of its resources, by type name.
    pub resources: BTreeMap<String, Schema>,
    /// Of its data sources, by type name.
    pub data_sources: BTreeMap<String, Schema>,
    /// Of its ephemeral resources, by type name.
    pub ephemerals: BTreeMap<String, Schema>,
    /// Its functions, by name.
    pub functions: BTreeMap<String, Signature>,
    /// Of identities, by the type name of the resource.
    pub identities: BTreeMap<String, Schema>,
    /// Of lists, by the type name of the resource.
    pub lists: BTreeMap<String, Schema>,
    /// Of actions, by type name.
    pub actions: BTreeMap<String, Schema>,
    /// What it can do.
    pub capabilities: ServerCapabilities,
}

impl TryFrom<get_provider_schema::Response> for Schemas {
    type Error = HostError;

    fn try_from(answer: get_provider_schema::Response) -> Result<Self, HostError> {
        super::values::no_errors(answer.diagnostics)?;
        let all = |schemas: BTreeMap<String, tfkit_proto::tfplugin6::Schema>| {
            let read = |(name, schema)| -> Result<_, HostError> { Ok((String::clone(&name), read(&name, schema)?)) };
            schemas.into_iter().map(read).collect::<Result<BTreeMap<_, _>, _>>()
        };
        let actions = answer.action_schemas.into_iter();
        let actions = actions.map(|(name, action)| (name, action.schema.unwrap_or_default()));
        Ok(Self {
            provider: read("the provider", answer.provider.unwrap_or_default())?,
            resources: all(answer.resource_schemas)?,
            data_sources: all(answer.data_source_schemas)?,
            ephemerals: all(answer.ephemeral_resource_schemas)?,
            functions: answer.functions.into_iter().map(function).collect::<Result<_, _>>()?,
            identities: BTreeMap::new(),
            lists: all(answer.list_resource_schemas)?,
            actions: all(actions.collect())?,
            capabilities: answer.server_capabilities.unwrap_or_default(),
        })
    }
}

/// `of`: whose schema it is, for the error.
fn read(of: &str, schema: tfkit_proto::tfplugin6::Schema) -> Result<Schema, HostError> {
    let block = block(schema.block.unwrap_or_default()).map_err(|what| HostError::Schema(of.to_owned(), what))?;
    Ok(Schema { version: schema.version, block })
}

pub(super) fn function((name, function): (String, Function)) -> Result<(String, Signature), HostError> {
    let bad = |what: &dyn std::fmt::Display| HostError::Schema(format!("function {name}"), what.to_string());
    let parameter = |parameter: Parameter, variadic: bool| {
        let ty = Type::from_json(&parameter.r#type).map_err(|e| bad(&e))?;
        let ty = if variadic { Type::list(ty) } else { ty };
        let passing = Passing { null: parameter.allow_null_value, unknown: parameter.allow_unknown_values, variadic };
        let attribute = Attribute::plain(parameter.name, ty).required().describe(parameter.description);
        Ok::<_, HostError>(Attribute { passing, ..attribute })
    };
    let mut attributes: Vec<Attribute> =
        function.parameters.into_iter().map(|one| parameter(one, false)).collect::<Result<_, _>>()?;
    if let Some(variadic) = function.variadic_parameter {
        attributes.push(parameter(variadic, true)?);
    }
    let returns = function.r#return.ok_or_else(|| bad(&"no result"))?;
    let signature = Signature {
        parameters: Block::new(attributes),
        returns: Type::from_json(&returns.r#type).map_err(|e| bad(&e))?,
        summary: function.summary,
        description: function.description,
        deprecated: Some(function.deprecation_message).filter(|why| !why.is_empty()),
        name: name.clone(),
    };
    Ok((name, signature))
}

fn block(block: proto::Block) -> Result<Block, String> {
    let deprecated = block.deprecated.then_some(block.deprecation_message);
    Ok(Block {
        attributes: block.attributes.into_iter().map(attribute).collect::<Result<_, _>>()?,
        blocks: block.block_types.into_iter().map(nested_block).collect::<Result<_, _>>()?,
        description: block.description,
        deprecated,
    })
}

fn attribute(attribute: proto::Attribute) -> Result<Attribute, String> {
    let bad = |what: &dyn std::fmt::Display| format!("{}: {what}", attribute.name);
    let kind = match (&attribute.r#type[..], attribute.nested_type) {
        (b"", Some(object)) => {
            use proto::object::NestingMode as Mode;
            let nesting = match object.nesting() {
                Mode::Single => Nesting::Single,
                Mode::List => Nesting::List,
                Mode::Set => Nesting::Set,
                Mode::Map => Nesting::Map,
                Mode::Invalid => return Err(bad(&"no nesting")),
            };
            Kind::Nested(nesting, object.attributes.into_iter().map(self::attribute).collect::<Result<_, _>>()?)
        }
        (json, None) => Kind::Plain(Type::from_json(json).map_err(|e| bad(&e))?),
        (_, Some(_)) => return Err(bad(&"both a type and a nested type")),
    };
    Ok(Attribute {
        description: attribute.description,
        required: attribute.required,
        optional: attribute.optional,
        computed: attribute.computed,
        sensitive: attribute.sensitive,
        write_only: attribute.write_only,
        deprecated: attribute.deprecated.then_some(attribute.deprecation_message),
        ..Attribute::new(attribute.name, kind)
    })
}

fn nested_block(nested: proto::NestedBlock) -> Result<NestedBlock, String> {
    use proto::nested_block::NestingMode as Mode;
    let nesting = match nested.nesting() {
        Mode::Single => Nesting::Single,
        Mode::List => Nesting::List,
        Mode::Set => Nesting::Set,
        Mode::Map => Nesting::Map,
        Mode::Group | Mode::Invalid => {
            return Err(format!("{}: a nesting that this framework does not make", nested.type_name));
        }
    };
    let count = |items: i64| u64::try_from(items).map_err(|_| format!("{}: a negative count", nested.type_name));
    let (min_items, max_items) = (count(nested.min_items)?, count(nested.max_items)?);
    let block = block(nested.block.unwrap_or_default())?;
    Ok(NestedBlock { name: nested.type_name, nesting, block, min_items, max_items })
}
