//! A typed function behind an untyped interface: decode, call, encode.

use super::run::{decode, run_sync};
use crate::Value;
use crate::function::{Function, FunctionError};
use crate::model::{Field, Model};
use crate::schema::Signature;

/// A [`Function`] without its types.
pub(crate) trait AnyFunction: Send + Sync {
    fn signature(&self) -> &Signature;
    /// The result for arguments that are those of an object.
    fn call(&self, arguments: &Value) -> Result<Value, FunctionError>;
}

/// A function with its signature.
pub(crate) struct TypedFunction<F> {
    function: F,
    signature: Signature,
}

impl<F: Function> TypedFunction<F> {
    pub(crate) fn new(function: F) -> Self {
        let signature = Signature {
            name: F::NAME.to_owned(),
            parameters: F::Parameters::block(),
            returns: F::Return::kind().value_type(),
            summary: F::SUMMARY.to_owned(),
            description: F::DESCRIPTION.to_owned(),
            deprecated: F::DEPRECATED.map(str::to_owned),
        };
        Self { function, signature }
    }
}

impl<F: Function> AnyFunction for TypedFunction<F> {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn call(&self, arguments: &Value) -> Result<Value, FunctionError> {
        let judged = run_sync(|| {
            let result = match decode::<F::Parameters>(arguments) {
                Ok(parameters) => self.function.call(parameters)?.encode(),
                // An argument may be unknown as a whole; this one is in a part for which the type has no place.
                Err(error) if error.is_unknown() => Value::unknown(),
                Err(error) => return Err(error.into()),
            };
            Ok(result)
        });
        judged.unwrap_or_else(|panic| Err(panic.into()))
    }
}
