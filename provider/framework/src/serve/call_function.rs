//! CallFunction: arguments in, a result out, and whoever breaks a rule is named.

use tfkit_proto::tfplugin6::{self as proto, call_function};

use super::Inner;
use super::function::AnyFunction;
use crate::function::FunctionError;
use crate::schema::Signature;
use crate::{Diagnostics, Path, Value, wire};

impl Inner {
    /// All signatures.
    pub(super) fn functions(&self) -> proto::get_functions::Response {
        let functions = self.functions.iter().map(|(name, f)| (name.clone(), f.signature().into()));
        proto::get_functions::Response { functions: functions.collect(), ..Default::default() }
    }

    pub(super) fn call_function(
        &self,
        request: &call_function::Request,
    ) -> Result<call_function::Response, Diagnostics> {
        let Some(function) = self.functions.get(&request.name) else {
            let text = format!("this version of the provider has no function `{}`", request.name);
            return Ok(failed(proto::FunctionError { text, function_argument: None }));
        };
        let signature = function.signature();
        let answer = match result(function.as_ref(), &request.arguments) {
            Ok(result) => {
                // Checked by `result`: it is of the type.
                let msgpack = wire::msgpack::encode(&result, &signature.returns).unwrap_or_default();
                let result = proto::DynamicValue { msgpack: msgpack.into(), json: Default::default() };
                call_function::Response { result: Some(result), error: None }
            }
            Err(error) => failed(error_out(error, signature, request.arguments.len())),
        };
        Ok(answer)
    }
}

pub(super) fn failed(error: proto::FunctionError) -> call_function::Response {
    call_function::Response { result: None, error: Some(error) }
}

fn result(function: &dyn AnyFunction, sent: &[proto::DynamicValue]) -> Result<Value, FunctionError> {
    let signature = function.signature();
    let Some(arguments) = arguments(signature, sent)? else { return Ok(Value::unknown()) };
    if let Some(wrong) = signature.validate(&arguments).into_iter().next() {
        return Err(wrong.into());
    }
    let result = function.call(&arguments)?;
    if let Err(mismatch) = result.conform(&signature.returns) {
        return Err(bug(&format!("its result is not of its type: {mismatch}")));
    }
    if arguments.is_wholly_known() && !result.is_wholly_known() {
        return Err(bug("its result is unknown although all its arguments are known"));
    }
    Ok(result)
}

/// The arguments as an object by parameter; `None` when one is unknown for which the function does not take that. Terraform
/// does not call then; others may.
fn arguments(signature: &Signature, sent: &[proto::DynamicValue]) -> Result<Option<Value>, FunctionError> {
    let (least, most) = signature.arity();
    if sent.len() < least || most.is_some_and(|most| sent.len() > most) {
        let count = sent.len();
        return Err(FunctionError::new(format!("it takes {least} arguments, and {count} were given")));
    }
    let parameters = &signature.parameters.attributes;
    let mut arguments: Vec<(String, Value)> = parameters.iter().map(|one| (one.name.clone(), Value::Null)).collect();
    if let (None, Some(last)) = (most, arguments.last_mut()) {
        last.1 = Value::List(Vec::new());
    }
    let mut known = true;
    for (position, message) in sent.iter().enumerate() {
        let Some((parameter, ty)) = signature.parameter(position) else { continue };
        let index = position.min(parameters.len() - 1);
        let mut path = Path::attribute(&parameter.name);
        if parameter.passing.variadic {
            path = path.index(position - index);
        }
        let value = wire::decode_dynamic(&message.msgpack, &message.json, &ty)
            .map_err(|error| {
                FunctionError::at_path(path.clone(), format!("it is not of the parameter's type: {error}"))
            })?
            .unwrap_or(Value::Null);
        if value.is_null() && !parameter.passing.null {
            return Err(FunctionError::at_path(path, "it must not be null"));
        }
        known &= parameter.passing.unknown || value.is_wholly_known();
        match &mut arguments[index].1 {
            Value::List(all) if parameter.passing.variadic => all.push(value),
            place => *place = value,
        }
    }
    Ok(known.then(|| Value::object(arguments)))
}

/// A rule of Terraform's that the function breaks.
fn bug(rule: &str) -> FunctionError {
    tracing::error!(rule, "the function's answer breaks a rule of Terraform");
    FunctionError::new(format!(
        "the function breaks a rule of Terraform: {rule}. This is a bug in the provider, not in your configuration; please \
         report it with this text"
    ))
}

/// The error in the protocol's words. Terraform ends the sentence, so the text does not.
fn error_out(error: FunctionError, signature: &Signature, count: usize) -> proto::FunctionError {
    let text = error.text.strip_suffix('.').unwrap_or(&error.text);
    let argument = signature.argument(&error.path).filter(|(position, _)| *position < count);
    let text = match &argument {
        Some((_, rest)) if !rest.steps().is_empty() => format!("{}: {text}", rest.to_string().trim_start_matches('.')),
        // There is no argument to underline: none was given for a variadic parameter, or the name is none.
        None if !error.path.steps().is_empty() => format!("{}: {text}", error.path),
        _ => text.to_owned(),
    };
    let function_argument = argument.and_then(|(position, _)| i64::try_from(position).ok());
    proto::FunctionError { text, function_argument }
}
