//! Types of values, and their JSON form (the "type constraint" of the protocol).

use std::fmt;

use serde_json::Value as Json;

use super::Object;

/// How deep a type may nest. Real schemas stay below ten; the limit keeps a hostile message from exhausting the stack.
pub(crate) const MAX_DEPTH: usize = 100;

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
    Object(Object<Type>),
    /// The dynamic pseudo-type: the type is only known together with the value.
    Dynamic,
}

/// Why bytes are not a type constraint.
#[derive(Debug, thiserror::Error)]
pub enum TypeError {
    /// Not JSON.
    #[error("the type constraint is not JSON")]
    Json(#[from] serde_json::Error),
    /// JSON, but of no shape that a type has.
    #[error("the type constraint has a shape that no type has")]
    Shape,
    /// Nested deeper than 100 levels.
    #[error("the type constraint nests deeper than {MAX_DEPTH} levels")]
    Depth,
}

impl Type {
    /// `list(element)`
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// `set(element)`
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// `map(element)`
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// `object({ name = type, ... })`
    pub fn object<N: Into<Box<str>>>(attributes: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Object(attributes.into_iter().collect())
    }

    /// Whether the dynamic pseudo-type occurs in it.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Dynamic => true,
            Self::Bool | Self::Number | Self::String => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_dynamic(),
            Self::Tuple(elements) => elements.iter().any(Self::has_dynamic),
            Self::Object(attributes) => attributes.values().iter().any(Self::has_dynamic),
        }
    }

    /// Reads a type constraint: `"string"`, `["list","string"]`, `["object",{"a":"bool"}]`.
    ///
    /// # Errors
    /// When the bytes are not JSON, not a type, or nest too deep.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TypeError> {
        Self::from_json_value(&serde_json::from_slice(bytes)?, 0)
    }

    pub(crate) fn from_json_value(json: &Json, depth: usize) -> Result<Self, TypeError> {
        if depth > MAX_DEPTH {
            return Err(TypeError::Depth);
        }
        let inner = |json: &Json| Self::from_json_value(json, depth + 1);
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Self::Bool),
                "number" => Ok(Self::Number),
                "string" => Ok(Self::String),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(TypeError::Shape),
            },
            Json::Array(parts) => match (parts.first().and_then(Json::as_str), &parts[1.min(parts.len())..]) {
                (Some("list"), [element]) => Ok(Self::list(inner(element)?)),
                (Some("set"), [element]) => Ok(Self::set(inner(element)?)),
                (Some("map"), [element]) => Ok(Self::map(inner(element)?)),
                (Some("tuple"), [Json::Array(elements)]) => {
                    Ok(Self::Tuple(elements.iter().map(inner).collect::<Result<_, _>>()?))
                }
                // The third part names optional attributes; it only means something when converting configuration.
                (Some("object"), [Json::Object(attributes)] | [Json::Object(attributes), Json::Array(_)]) => {
                    let attributes = attributes.iter().map(|(name, ty)| Ok((name.as_str(), inner(ty)?)));
                    Ok(Self::Object(attributes.collect::<Result<_, TypeError>>()?))
                }
                _ => Err(TypeError::Shape),
            },
            _ => Err(TypeError::Shape),
        }
    }

    /// The type constraint as the protocol wants it.
    pub fn to_json(&self) -> Vec<u8> {
        self.to_json_value().to_string().into_bytes()
    }

    pub(crate) fn to_json_value(&self) -> Json {
        let collection = |name: &str, element: &Self| Json::from(vec![Json::from(name), element.to_json_value()]);
        match self {
            Self::Bool => "bool".into(),
            Self::Number => "number".into(),
            Self::String => "string".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(element) => collection("list", element),
            Self::Set(element) => collection("set", element),
            Self::Map(element) => collection("map", element),
            Self::Tuple(elements) => {
                let elements: Vec<Json> = elements.iter().map(Self::to_json_value).collect();
                Json::from(vec![Json::from("tuple"), Json::from(elements)])
            }
            Self::Object(attributes) => {
                let attributes = attributes.iter().map(|(name, ty)| (name.to_owned(), ty.to_json_value())).collect();
                Json::from(vec![Json::from("object"), Json::Object(attributes)])
            }
        }
    }
}

impl fmt::Display for Type {
    /// As Terraform's language writes type constraints: `list(object({ port = number }))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Dynamic => f.write_str("any"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Tuple(elements) => {
                let elements: Vec<String> = elements.iter().map(Self::to_string).collect();
                write!(f, "tuple([{}])", elements.join(", "))
            }
            Self::Object(attributes) if attributes.is_empty() => f.write_str("object({})"),
            Self::Object(attributes) => {
                let attributes: Vec<String> = attributes.iter().map(|(name, ty)| format!("{name} = {ty}")).collect();
                write!(f, "object({{ {} }})", attributes.join(", "))
            }
        }
    }
}
