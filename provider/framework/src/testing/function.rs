//! Calls of functions as core makes them.

use tfkit_proto::tfplugin6::{call_function, get_functions};

use super::{
    Host, HostError,
    core::answer,
    host::named,
    values::{decode, encode, no_errors},
};
use crate::{Type, Value, schema::Signature};

impl Host {
    /// CallFunction, twice, since a function must be pure. As core does, null is refused and what is unknown is not sent
    /// where the function does not take it.
    ///
    /// # Errors
    /// When the function fails, or the call as such; when the second result differs from the first.
    pub async fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, HostError> {
        let schemas = self.schemas().await?;
        let signature = named(&schemas.functions, name)?;
        let mut unknown = false;
        let mut sent = Vec::new();
        for (position, argument) in arguments.iter().enumerate() {
            let (parameter, ty) = signature.parameter(position).ok_or(HostError::Absent("a parameter"))?;
            if argument.is_null() && !parameter.passing.null {
                return Err(HostError::Function("argument must not be null".into(), Some(position)));
            }
            unknown |= !parameter.passing.unknown && !argument.is_wholly_known();
            sent.push(encode(argument, &ty)?.unwrap_or_default());
        }
        if arguments.len() < signature.arity().0 {
            return Err(HostError::Function("not enough function arguments".into(), None));
        }
        if unknown {
            return Ok(Value::unknown());
        }
        let request = call_function::Request { name: name.to_owned(), arguments: sent };
        let first = self.call_once(&signature.returns, request.clone()).await?;
        let second = self.call_once(&signature.returns, request).await?;
        if first.same(&second) { Ok(first) } else { Err(HostError::Impure(name.to_owned())) }
    }

    async fn call_once(&self, returns: &Type, request: call_function::Request) -> Result<Value, HostError> {
        const CALL: &str = "CallFunction";
        let answer = answer(CALL, self.client().call_function(request).await)?;
        if let Some(error) = answer.error {
            let position = error.function_argument.and_then(|position| usize::try_from(position).ok());
            return Err(HostError::Function(error.text, position));
        }
        decode(CALL, answer.result, returns)?.ok_or(HostError::Absent(CALL))
    }

    /// GetFunctions: what a host asks that wants the functions alone.
    ///
    /// # Errors
    /// When the call fails or answers with errors, or a signature is bad.
    pub async fn functions(&self) -> Result<Vec<Signature>, HostError> {
        let answered = self.client().get_functions(get_functions::Request {}).await;
        let answer = answer("GetFunctions", answered)?;
        no_errors(answer.diagnostics)?;
        answer.functions.into_iter().map(|one| super::schemas::function(one).map(|(_, signature)| signature)).collect()
    }
}
