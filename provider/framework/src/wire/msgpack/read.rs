//! MessagePack to values.

use std::collections::BTreeMap;

use super::refinement;
use super::token::{Reader, Token};
use crate::value::{MAX_DEPTH, Number, Object, Trail, Type, Value};
use crate::wire::{DecodeError, DecodeProblem};

pub(super) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(ty, &Trail::ROOT, 0).map_err(|error| *error)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(DecodeProblem::Trailing.at(&Trail::ROOT)) }
}

/// What is read. The error is boxed, because it is rare and large, and every value passes through here.
type Read<T> = Result<T, Box<DecodeError>>;

#[cold]
fn wrong(problem: impl Into<DecodeProblem>, trail: &Trail<'_>) -> Box<DecodeError> {
    Box::new(problem.into().at(trail))
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, trail: &Trail<'_>, depth: usize) -> Read<Value> {
        // A schema is never that deep, but the type of a dynamic value comes with the message.
        if depth > MAX_DEPTH {
            return Err(wrong(DecodeProblem::Depth, trail));
        }
        let token = self.token().map_err(|broken| wrong(broken, trail))?;
        match (token, ty) {
            (Token::Nil, _) => Ok(Value::Null),
            (Token::Ext { code, payload }, _) => Ok(Value::Unknown(refinement::read(code, payload))),
            (Token::Bool(bool), Type::Bool) => Ok(Value::Bool(bool)),
            (token, Type::Number) => number(token).map_err(|problem| wrong(problem, trail)),
            (Token::Text(text), Type::String) => Ok(Value::String(utf8(text, trail)?.into())),
            (Token::Array(len), Type::List(ty)) => Ok(Value::List(self.elements(len, ty, trail, depth)?)),
            (Token::Array(len), Type::Set(ty)) => {
                let mut elements = self.elements(len, ty, trail, depth)?;
                Value::dedupe(&mut elements);
                Ok(Value::Set(elements))
            }
            (Token::Array(len), Type::Tuple(types)) => self.tuple(len, types, trail, depth),
            (Token::Map(len), Type::Map(ty)) => self.map(len, ty, trail, depth),
            (Token::Map(len), Type::Object(types)) => self.object(len, types, trail, depth),
            (Token::Array(len), Type::Dynamic) => self.dynamic(len, trail, depth),
            (token, ty) => Err(wrong(DecodeProblem::kind(ty, token.kind()), trail)),
        }
    }

    fn elements(&mut self, len: usize, ty: &Type, trail: &Trail<'_>, depth: usize) -> Read<Vec<Value>> {
        // `len` is no more than the bytes that are left, but a value is larger than a byte: grow with what is really there.
        let mut elements = Vec::with_capacity(len.min(1024));
        for index in 0..len {
            elements.push(self.value(ty, &trail.index(index), depth + 1)?);
        }
        Ok(elements)
    }

    fn tuple(&mut self, len: usize, types: &[Type], trail: &Trail<'_>, depth: usize) -> Read<Value> {
        if len != types.len() {
            return Err(wrong(DecodeProblem::Length { expected: types.len(), found: len }, trail));
        }
        let elements = types.iter().enumerate().map(|(index, ty)| self.value(ty, &trail.index(index), depth + 1));
        Ok(Value::Tuple(elements.collect::<Result<_, _>>()?))
    }

    fn map(&mut self, len: usize, ty: &Type, trail: &Trail<'_>, depth: usize) -> Read<Value> {
        let mut elements = BTreeMap::new();
        for _ in 0..len {
            let key = self.key(trail)?;
            let element = self.value(ty, &trail.key(key), depth + 1)?;
            if elements.insert(key.to_owned(), element).is_some() {
                return Err(wrong(DecodeProblem::Repeated, &trail.key(key)));
            }
        }
        Ok(Value::Map(elements))
    }

    fn object(&mut self, len: usize, types: &Object<Type>, trail: &Trail<'_>, depth: usize) -> Read<Value> {
        let mut slots: Vec<Option<Value>> = Vec::new();
        slots.resize_with(types.len(), || None);
        for index in 0..len {
            let name = self.key_bytes(trail)?;
            // Core sends attributes in the order of the type, so that they need be neither searched for nor checked.
            let expected = types.name(index).filter(|expected| expected.as_bytes() == name);
            let name = expected.map_or_else(|| utf8(name, trail), Ok)?;
            let position = if expected.is_some() { Some(index) } else { types.position(name) };
            let Some(position) = position else {
                return Err(wrong(DecodeProblem::Unexpected(name.to_owned()), trail));
            };
            let trail = trail.attr(name);
            let value = self.value(&types.values()[position], &trail, depth + 1)?;
            if slots[position].replace(value).is_some() {
                return Err(wrong(DecodeProblem::Repeated, &trail));
            }
        }
        if let Some(name) = types.names().zip(&slots).find_map(|(name, slot)| slot.is_none().then_some(name)) {
            return Err(wrong(DecodeProblem::Missing(name.to_owned()), trail));
        }
        // None of them is empty any more, and the collected vector is the same memory.
        let attributes = types.shaped(slots.into_iter().map(|slot| slot.unwrap_or(Value::Null)).collect());
        Ok(Value::Object(attributes))
    }

    /// `[type as JSON, value]`
    fn dynamic(&mut self, len: usize, trail: &Trail<'_>, depth: usize) -> Read<Value> {
        if len != 2 {
            return Err(wrong(DecodeProblem::Length { expected: 2, found: len }, trail));
        }
        let ty = match self.token().map_err(|broken| wrong(broken, trail))? {
            Token::Text(json) => Type::from_json(json).map_err(|error| wrong(DecodeProblem::Type(error), trail))?,
            token => {
                let problem = DecodeProblem::Kind { expected: "the type of the value".into(), found: token.kind() };
                return Err(wrong(problem, trail));
            }
        };
        let value = self.value(&ty, trail, depth + 1)?;
        Ok(Value::dynamic(ty, value))
    }

    fn key(&mut self, trail: &Trail<'_>) -> Read<&'a str> {
        utf8(self.key_bytes(trail)?, trail)
    }

    fn key_bytes(&mut self, trail: &Trail<'_>) -> Read<&'a [u8]> {
        match self.token().map_err(|broken| wrong(broken, trail))? {
            Token::Text(key) => Ok(key),
            token => Err(wrong(DecodeProblem::Kind { expected: "a key".into(), found: token.kind() }, trail)),
        }
    }
}

fn utf8<'a>(text: &'a [u8], trail: &Trail<'_>) -> Read<&'a str> {
    std::str::from_utf8(text).map_err(|_| wrong(DecodeProblem::Text, trail))
}

/// Core sends the smallest integer, else the float if that is exact, else the digits as a string.
pub(super) fn number(token: Token<'_>) -> Result<Value, DecodeProblem> {
    let number = match token {
        Token::Int(int) => Ok(Number::from(int)),
        Token::Uint(int) => Ok(Number::from(int)),
        Token::Float(float) => Number::from_exact_f64(float),
        Token::Text(text) => std::str::from_utf8(text).map_err(|_| DecodeProblem::Text)?.parse(),
        token => return Err(DecodeProblem::kind(&Type::Number, token.kind())),
    };
    number.map(Value::Number).map_err(DecodeProblem::Number)
}
