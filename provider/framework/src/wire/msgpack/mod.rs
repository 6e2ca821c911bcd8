//! Values as MessagePack, in the form of Terraform's object wire format.

mod read;
mod refinement;
mod token;
mod write;

use super::DecodeError;
use crate::value::{Mismatch, Type, Value};

/// Reads a value of a type.
///
/// # Errors
/// When the bytes are not exactly one value of the type.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    read::decode(bytes, ty)
}

/// Writes a value of a type.
///
/// # Errors
/// When the value is not of the type.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Mismatch> {
    write::encode(value, ty)
}
