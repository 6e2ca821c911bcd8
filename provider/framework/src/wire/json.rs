//! Values as JSON: stored state on its way to an upgrade, and hosts that send JSON instead of MessagePack.

use serde_json::Value as Json;

use super::{DecodeError, DecodeProblem};
use crate::schema::Schema;
use crate::value::{MAX_DEPTH, Mismatch, Number, Object, Path, Problem, Trail, Type, Value};

/// Reads a value of a type. Numbers keep every digit.
///
/// As generous as core with primitives: a number or bool may stand for its text, and a text for the number or bool that it
/// names.
///
/// # Errors
/// When the bytes are not JSON or not a value of the type.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    Decoder { from_state: false }.value(parse(bytes)?, ty, &Trail::ROOT, 0)
}

/// Reads stored state that was written at the schema's version, perhaps by an older or newer release of the provider that
/// did not raise it: attributes that the schema does not have are dropped, absent ones become null, absent blocks empty.
///
/// # Errors
/// When the bytes are not JSON or what they hold is not of the schema's type.
pub fn from_state_json(bytes: &[u8], schema: &Schema) -> Result<Value, DecodeError> {
    let decoder = Decoder { from_state: true };
    let mut value = decoder.value(parse(bytes)?, &schema.object_type(), &Trail::ROOT, 0)?;
    schema.block.tidy_state(&mut value);
    Ok(value)
}

/// Writes a value of a type.
///
/// # Errors
/// When the value is not of the type, or not wholly known: JSON has no unknown values.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Mismatch> {
    value.conform(ty)?;
    let mut unknown = None;
    value.walk_trail(&Trail::ROOT, &mut |trail, value| {
        if value.is_unknown() && unknown.is_none() {
            unknown = Some(trail.path());
        }
    });
    match unknown {
        Some(path) => Err(Mismatch { path, problem: Problem::Unknown }),
        None => Ok(to_json(value).to_string().into_bytes()),
    }
}

fn parse(bytes: &[u8]) -> Result<Json, DecodeError> {
    // serde_json refuses to nest deeper than 128 by itself.
    serde_json::from_slice(bytes)
        .map_err(|error| DecodeError { path: Path::root(), problem: DecodeProblem::Json(error) })
}

/// How forgiving to be.
struct Decoder {
    /// Stored state may have too many and too few attributes.
    from_state: bool,
}

impl Decoder {
    fn value(&self, json: Json, ty: &Type, trail: &Trail<'_>, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeProblem::Depth.at(trail));
        }
        match (json, ty) {
            (Json::Null, _) => Ok(Value::Null),
            (Json::Bool(bool), Type::Bool) => Ok(Value::Bool(bool)),
            (Json::String(text), Type::Bool) if text == "true" || text == "false" => Ok(Value::Bool(text == "true")),
            (Json::Number(number), Type::Number) => parse_number(number.as_str(), trail),
            (Json::String(text), Type::Number) => parse_number(&text, trail),
            (Json::String(text), Type::String) => Ok(Value::from(text)),
            (Json::Number(number), Type::String) => Ok(Value::from(number.as_str())),
            (Json::Bool(bool), Type::String) => Ok(Value::from(if bool { "true" } else { "false" })),
            (Json::Array(elements), Type::List(ty)) => Ok(Value::List(self.elements(elements, ty, trail, depth)?)),
            (Json::Array(elements), Type::Set(ty)) => {
                let mut elements = self.elements(elements, ty, trail, depth)?;
                Value::dedupe(&mut elements);
                Ok(Value::Set(elements))
            }
            (Json::Array(elements), Type::Tuple(types)) => self.tuple(elements, types, trail, depth),
            (Json::Object(elements), Type::Map(ty)) => {
                let pairs = elements.into_iter().map(|(key, json)| {
                    let element = self.value(json, ty, &trail.key(&key), depth + 1)?;
                    Ok((key, element))
                });
                Ok(Value::Map(pairs.collect::<Result<_, DecodeError>>()?))
            }
            (Json::Object(attributes), Type::Object(types)) => self.object(attributes, types, trail, depth),
            (Json::Object(pair), Type::Dynamic) => self.dynamic(pair, trail, depth),
            (json, ty) => Err(DecodeProblem::kind(ty, kind(&json)).at(trail)),
        }
    }

    fn elements(&self, json: Vec<Json>, ty: &Type, trail: &Trail<'_>, depth: usize) -> Result<Vec<Value>, DecodeError> {
        let elements = json.into_iter().enumerate();
        elements.map(|(index, json)| self.value(json, ty, &trail.index(index), depth + 1)).collect()
    }

    fn tuple(&self, json: Vec<Json>, types: &[Type], trail: &Trail<'_>, depth: usize) -> Result<Value, DecodeError> {
        if json.len() != types.len() {
            return Err(DecodeProblem::Length { expected: types.len(), found: json.len() }.at(trail));
        }
        let pairs = json.into_iter().zip(types).enumerate();
        let elements = pairs.map(|(index, (json, ty))| self.value(json, ty, &trail.index(index), depth + 1));
        Ok(Value::Tuple(elements.collect::<Result<_, _>>()?))
    }

    fn object(
        &self,
        mut json: serde_json::Map<String, Json>,
        types: &Object<Type>,
        trail: &Trail<'_>,
        depth: usize,
    ) -> Result<Value, DecodeError> {
        let mut attributes = Vec::with_capacity(types.len());
        for (name, ty) in types.iter() {
            let value = match json.remove(name) {
                Some(json) => self.value(json, ty, &trail.attr(name), depth + 1)?,
                None if self.from_state => Value::Null,
                None => return Err(DecodeProblem::Missing(name.to_owned()).at(trail)),
            };
            attributes.push(value);
        }
        match json.into_iter().next() {
            Some((name, _)) if !self.from_state => Err(DecodeProblem::Unexpected(name).at(trail)),
            _ => Ok(Value::Object(types.shaped(attributes))),
        }
    }

    /// `{"type": ..., "value": ...}`
    fn dynamic(
        &self,
        mut pair: serde_json::Map<String, Json>,
        trail: &Trail<'_>,
        depth: usize,
    ) -> Result<Value, DecodeError> {
        let missing = |name: &str| DecodeProblem::Missing(name.to_owned()).at(trail);
        let ty = pair.remove("type").ok_or_else(|| missing("type"))?;
        let value = pair.remove("value").ok_or_else(|| missing("value"))?;
        let ty = Type::from_json_value(&ty, 0).map_err(|error| DecodeProblem::Type(error).at(trail))?;
        let value = self.value(value, &ty, trail, depth + 1)?;
        Ok(Value::dynamic(ty, value))
    }
}

fn parse_number(text: &str, trail: &Trail<'_>) -> Result<Value, DecodeError> {
    text.parse::<Number>().map(Value::Number).map_err(|error| DecodeProblem::Number(error).at(trail))
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        // Unknown values were refused before.
        Value::Null | Value::Unknown(_) => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        // The text of a number is a JSON number; `from_string_unchecked` keeps its digits.
        Value::Number(number) => Json::Number(serde_json::Number::from_string_unchecked(number.to_string())),
        Value::String(text) => Json::String(text.to_string()),
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
            Json::Array(elements.iter().map(to_json).collect())
        }
        Value::Map(elements) => {
            Json::Object(elements.iter().map(|(key, element)| (key.clone(), to_json(element))).collect())
        }
        Value::Object(attributes) => {
            Json::Object(attributes.iter().map(|(name, value)| (name.to_owned(), to_json(value))).collect())
        }
        Value::Dynamic(inner) => {
            let pair = [("type".to_owned(), inner.0.to_json_value()), ("value".to_owned(), to_json(&inner.1))];
            Json::Object(pair.into_iter().collect())
        }
    }
}
