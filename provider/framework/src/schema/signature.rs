//! What a function takes and gives.

use tfkit_proto::tfplugin6 as proto;

use super::check::{SchemaFault, SchemaProblem, dynamic_in_collection, is_name};
use super::{Attribute, Block, Level, Schema};
use crate::value::{Path, PathStep, Type};

/// Parameters, result and documentation of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// The parameters in their order, each an attribute; only the last may be variadic.
    pub parameters: Block,
    /// The type of the result.
    pub returns: Type,
    /// What it does, in a few words.
    pub summary: String,
    /// Markdown.
    pub description: String,
    /// Why not to use it any more.
    pub deprecated: Option<String>,
}

impl Signature {
    /// The parameter that takes the argument at this position, and the argument's type.
    pub(crate) fn parameter(&self, position: usize) -> Option<(&Attribute, Type)> {
        let parameters = &self.parameters.attributes;
        match parameters.get(position).or(parameters.last()) {
            Some(last) if last.passing.variadic => Some((last, element(last))),
            _ => parameters.get(position).map(|parameter| (parameter, parameter.value_type())),
        }
    }

    /// How many arguments it takes: at least, and at most.
    pub(crate) fn arity(&self) -> (usize, Option<usize>) {
        let count = self.parameters.attributes.len();
        let variadic = self.parameters.attributes.last().is_some_and(|last| last.passing.variadic);
        if variadic { (count - 1, None) } else { (count, Some(count)) }
    }

    /// The position of the argument that a path leads into, and the rest of the path.
    pub(crate) fn argument(&self, path: &Path) -> Option<(usize, Path)> {
        let [PathStep::Attribute(name), rest @ ..] = path.steps() else { return None };
        let position = self.parameters.attributes.iter().position(|parameter| parameter.name == *name)?;
        let (position, rest) = match rest {
            [PathStep::Index(index), rest @ ..] if self.parameters.attributes[position].passing.variadic => {
                (position.checked_add(usize::try_from(*index).ok()?)?, rest)
            }
            rest => (position, rest),
        };
        Some((position, rest.iter().cloned().collect()))
    }

    /// The faults of it: what Terraform would refuse, and what would mean nothing.
    pub fn check(&self) -> Vec<SchemaProblem> {
        let mut problems = Schema { version: 0, block: self.parameters.clone() }.check_as_parameters();
        let mut add = |path: Path, fault| problems.push(SchemaProblem { path, fault });
        if !is_name(&self.name) {
            add(Path::root(), SchemaFault::Name);
        }
        let last = self.parameters.attributes.len().saturating_sub(1);
        for (position, parameter) in self.parameters.attributes.iter().enumerate() {
            let &Attribute { required, sensitive, write_only, replace, .. } = parameter;
            if !required || sensitive || write_only || replace || parameter.deprecated.is_some() {
                add(Path::attribute(&parameter.name), SchemaFault::Parameter);
            }
            if parameter.passing.variadic && (position != last || !matches!(parameter.value_type(), Type::List(_))) {
                add(Path::attribute(&parameter.name), SchemaFault::Variadic);
            }
        }
        let write_only = Level::from(&self.parameters).has(|attribute| attribute.write_only);
        if write_only || !self.parameters.blocks.is_empty() {
            add(Path::root(), SchemaFault::Parameter);
        }
        if dynamic_in_collection(&self.returns) {
            add(Path::root(), SchemaFault::DynamicInCollection);
        }
        problems
    }
}

/// The type of one argument of a variadic parameter.
fn element(variadic: &Attribute) -> Type {
    match variadic.value_type() {
        Type::List(element) => *element,
        other => other,
    }
}

impl From<&Signature> for proto::Function {
    fn from(signature: &Signature) -> Self {
        let mut parameters: Vec<_> = (0..signature.parameters.attributes.len())
            .filter_map(|position| signature.parameter(position))
            .map(|(attribute, ty)| parameter(attribute, &ty))
            .collect();
        let variadic = signature.parameters.attributes.last().is_some_and(|last| last.passing.variadic);
        let variadic_parameter = if variadic { parameters.pop() } else { None };
        Self {
            parameters,
            variadic_parameter,
            r#return: Some(proto::function::Return { r#type: signature.returns.to_json().into() }),
            summary: signature.summary.clone(),
            description: signature.description.clone(),
            description_kind: proto::StringKind::Markdown.into(),
            deprecation_message: signature.deprecated.clone().unwrap_or_default(),
        }
    }
}

fn parameter(attribute: &Attribute, ty: &Type) -> proto::function::Parameter {
    proto::function::Parameter {
        name: attribute.name.clone(),
        r#type: ty.to_json().into(),
        allow_null_value: attribute.passing.null,
        allow_unknown_values: attribute.passing.unknown,
        description: attribute.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
    }
}
