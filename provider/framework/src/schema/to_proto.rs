//! Schemas, paths and diagnostics in the protocol's messages.

use tfkit_proto::tfplugin6 as proto;

use super::{Attribute, Block, Kind, NestedBlock, Nesting, Schema};
use crate::diagnostics::{Diagnostic, Severity};
use crate::value::{Path, PathStep};

impl From<&Schema> for proto::Schema {
    fn from(schema: &Schema) -> Self {
        Self { version: schema.version, block: Some((&schema.block).into()) }
    }
}

impl From<&Block> for proto::schema::Block {
    fn from(block: &Block) -> Self {
        Self {
            version: 0,
            attributes: block.attributes.iter().map(Into::into).collect(),
            block_types: block.blocks.iter().map(Into::into).collect(),
            description: block.description.clone(),
            description_kind: proto::StringKind::Markdown.into(),
            deprecated: block.deprecated.is_some(),
            deprecation_message: block.deprecated.clone().unwrap_or_default(),
        }
    }
}

impl From<&Attribute> for proto::schema::Attribute {
    fn from(attribute: &Attribute) -> Self {
        let (r#type, nested_type) = match &attribute.kind {
            Kind::Plain(ty) => (ty.to_json(), None),
            Kind::Nested(nesting, attributes) => (Vec::new(), Some(object(*nesting, attributes))),
        };
        Self {
            name: attribute.name.clone(),
            r#type: r#type.into(),
            nested_type,
            description: attribute.description.clone(),
            required: attribute.required,
            optional: attribute.optional,
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            description_kind: proto::StringKind::Markdown.into(),
            deprecated: attribute.deprecated.is_some(),
            write_only: attribute.write_only,
            deprecation_message: attribute.deprecated.clone().unwrap_or_default(),
        }
    }
}

#[allow(deprecated)] // min_items and max_items of an object never had an effect
fn object(nesting: Nesting, attributes: &[Attribute]) -> proto::schema::Object {
    use proto::schema::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    let attributes = attributes.iter().map(Into::into).collect();
    proto::schema::Object { attributes, nesting: nesting.into(), min_items: 0, max_items: 0 }
}

impl From<&NestedBlock> for proto::schema::NestedBlock {
    fn from(block: &NestedBlock) -> Self {
        use proto::schema::nested_block::NestingMode;
        let nesting = match block.nesting {
            Nesting::Single => NestingMode::Single,
            Nesting::List => NestingMode::List,
            Nesting::Set => NestingMode::Set,
            Nesting::Map => NestingMode::Map,
        };
        // `Schema::check` refuses numbers beyond the protocol's range.
        let items = |count| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            type_name: block.name.clone(),
            block: Some((&block.block).into()),
            nesting: nesting.into(),
            min_items: items(block.min_items),
            max_items: items(block.max_items),
        }
    }
}

impl From<&Path> for proto::AttributePath {
    /// An element of a set has no address in the protocol: the path ends before it, at the set.
    fn from(path: &Path) -> Self {
        use proto::attribute_path::{Step, step::Selector};
        let steps = path.steps().iter().map_while(|step| {
            let selector = match step {
                PathStep::Attribute(name) => Selector::AttributeName(name.clone()),
                PathStep::Index(index) => Selector::ElementKeyInt(*index),
                PathStep::Key(key) => Selector::ElementKeyString(key.clone()),
                PathStep::Element(_) => return None,
            };
            Some(Step { selector: Some(selector) })
        });
        Self { steps: steps.collect() }
    }
}

impl From<&Diagnostic> for proto::Diagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        use proto::diagnostic::Severity as Level;
        let severity = match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        let about_the_whole = diagnostic.path.steps().is_empty();
        Self {
            severity: severity.into(),
            summary: diagnostic.summary.clone(),
            detail: diagnostic.detail.clone(),
            attribute: (!about_the_whole).then(|| (&diagnostic.path).into()),
        }
    }
}
