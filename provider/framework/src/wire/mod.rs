//! MessagePack and JSON, decoded by type.
//!
//! The forms are those of Terraform's `object-wire-format.md`. Decoding never trusts a length or a depth that the message
//! claims, and every error says where it is, but never what stands there.

pub mod json;
pub mod msgpack;

use crate::value::{NumberError, Path, Trail, Type, TypeError, Value};

pub use crate::value::Mismatch;

/// Where and why bytes are not a value of the type that they should hold.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", crate::value::at(path))]
pub struct DecodeError {
    /// Where; the root for faults of the bytes as a whole.
    pub path: Path,
    /// What is wrong there.
    #[source]
    pub problem: DecodeProblem,
}

/// The ways in which bytes fail to be a value.
#[derive(Debug, thiserror::Error)]
pub enum DecodeProblem {
    /// The bytes end inside a value, or claim more elements than there are bytes.
    #[error("the message ends too early")]
    Truncated,
    /// Bytes follow the value.
    #[error("the message goes on after its value")]
    Trailing,
    /// A byte that begins nothing in MessagePack.
    #[error("not MessagePack")]
    Malformed,
    /// Not JSON.
    #[error("not JSON")]
    Json(#[source] serde_json::Error),
    /// Nested deeper than any real value.
    #[error("nested too deeply")]
    Depth,
    /// A string or key that is not UTF-8.
    #[error("not UTF-8")]
    Text,
    /// A number that is none, or an extreme one.
    #[error("a bad number")]
    Number(#[source] NumberError),
    /// The type that comes with a dynamic value is bad.
    #[error("the type of a dynamic value is bad")]
    Type(#[source] TypeError),
    /// Another kind of value than the type asks for.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// The type that it should have.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// A tuple, or the pair of a dynamic value, of another length.
    #[error("expected {expected} elements, found {found}")]
    Length {
        /// Elements of the type.
        expected: usize,
        /// Elements of the message.
        found: usize,
    },
    /// An object lacks an attribute.
    #[error("attribute {0:?} is missing")]
    Missing(String),
    /// An object has an attribute that its type does not have.
    #[error("unexpected attribute {0:?}")]
    Unexpected(String),
    /// A key occurs twice in a map or object.
    #[error("a key occurs twice")]
    Repeated,
}

impl DecodeProblem {
    /// The error that has this problem at this place.
    fn at(self, trail: &Trail<'_>) -> DecodeError {
        DecodeError { path: trail.path(), problem: self }
    }

    fn kind(expected: &Type, found: &'static str) -> Self {
        Self::Kind { expected: expected.to_string(), found }
    }
}

/// Decodes the two fields of the protocol's `DynamicValue`: `None` when both are empty, which means "no value at all" (not
/// null). Core fills `msgpack`; other hosts may send `json`.
///
/// # Errors
/// When the bytes are not a value of the type.
pub fn decode_dynamic(msgpack: &[u8], json: &[u8], ty: &Type) -> Result<Option<Value>, DecodeError> {
    if !msgpack.is_empty() {
        msgpack::decode(msgpack, ty).map(Some)
    } else if !json.is_empty() {
        json::decode(json, ty).map(Some)
    } else {
        Ok(None)
    }
}
