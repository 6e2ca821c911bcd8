//! Whether a value is of a type, and if not, where and why.

use super::{Object, Path, Trail, Type, Value};

/// Where a value is not of the type that it should have. Says nothing of the value itself.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{problem}", at(path))]
pub struct Mismatch {
    /// Where.
    pub path: Path,
    /// What is wrong there.
    pub problem: Problem,
}

/// The ways in which a value fails to be of a type.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Another kind of value.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// The type that it should have.
        expected: String,
        /// The kind of value that is there.
        found: &'static str,
    },
    /// An object lacks an attribute; "not set" is null, not absence.
    #[error("attribute {0:?} is missing")]
    Missing(String),
    /// An object has an attribute that its type does not have.
    #[error("unexpected attribute {0:?}")]
    Unexpected(String),
    /// A tuple of another length.
    #[error("expected a tuple of {expected} elements, found {found}")]
    Length {
        /// Elements of the type.
        expected: usize,
        /// Elements of the value.
        found: usize,
    },
    /// An unknown value where none can be.
    #[error("an unknown value cannot stand here")]
    Unknown,
}

/// The path and a colon for messages; nothing for the root.
pub(crate) fn at(path: &Path) -> String {
    if path.steps().is_empty() { String::new() } else { format!("{path}: ") }
}

impl Value {
    /// Whether it is a value of the type. Null and unknown are of every type.
    ///
    /// # Errors
    /// The first place where it is not.
    pub fn conform(&self, ty: &Type) -> Result<(), Mismatch> {
        conform(self, ty, &Trail::ROOT)
    }
}

fn conform(value: &Value, ty: &Type, trail: &Trail<'_>) -> Result<(), Mismatch> {
    match (value, ty) {
        (Value::Null | Value::Unknown(_), _)
        | (Value::Bool(_), Type::Bool)
        | (Value::Number(_), Type::Number)
        | (Value::String(_), Type::String) => Ok(()),
        (Value::List(elements), Type::List(ty)) => {
            elements.iter().enumerate().try_for_each(|(index, element)| conform(element, ty, &trail.index(index)))
        }
        (Value::Set(elements), Type::Set(ty)) => {
            elements.iter().try_for_each(|element| conform(element, ty, &trail.element(element)))
        }
        (Value::Map(elements), Type::Map(ty)) => {
            elements.iter().try_for_each(|(key, element)| conform(element, ty, &trail.key(key)))
        }
        (Value::Tuple(elements), Type::Tuple(types)) => {
            if elements.len() != types.len() {
                let problem = Problem::Length { expected: types.len(), found: elements.len() };
                return Err(Mismatch { path: trail.path(), problem });
            }
            let mut pairs = elements.iter().zip(types).enumerate();
            pairs.try_for_each(|(index, (element, ty))| conform(element, ty, &trail.index(index)))
        }
        (Value::Object(attributes), Type::Object(types)) => {
            if !attributes.same_names(types) {
                return Err(Mismatch { path: trail.path(), problem: other_names(attributes, types) });
            }
            let mut pairs = attributes.iter().zip(types.values());
            pairs.try_for_each(|((name, value), ty)| conform(value, ty, &trail.attr(name)))
        }
        (Value::Dynamic(inner), Type::Dynamic) => conform(&inner.1, &inner.0, trail),
        (value, ty) => {
            let problem = Problem::Kind { expected: ty.to_string(), found: value.kind() };
            Err(Mismatch { path: trail.path(), problem })
        }
    }
}

/// How the names of an object differ from those of its type.
fn other_names(attributes: &Object, types: &Object<Type>) -> Problem {
    let unexpected = attributes.names().find(|name| !types.contains(name)).map(str::to_owned).map(Problem::Unexpected);
    let missing = || types.names().find(|name| !attributes.contains(name)).unwrap_or_default().to_owned();
    unexpected.unwrap_or_else(|| Problem::Missing(missing()))
}
