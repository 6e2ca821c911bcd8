//! MessagePack to values.

use std::collections::BTreeMap;

use super::refinement;
use super::token::{Reader, Token};
use crate::value::{MAX_DEPTH, Number, Trail, Type, Value};
use crate::wire::{DecodeError, DecodeProblem};

pub(super) fn decode(bytes: &[u8], ty: &Type) -> Result<Value, DecodeError> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(ty, &Trail::ROOT, 0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(DecodeProblem::Trailing.at(&Trail::ROOT)) }
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, trail: &Trail<'_>, depth: usize) -> Result<Value, DecodeError> {
        // A schema is never that deep, but the type of a dynamic value comes with the message.
        if depth > MAX_DEPTH {
            return Err(DecodeProblem::Depth.at(trail));
        }
        let token = self.token().map_err(|problem| problem.at(trail))?;
        match (token, ty) {
            (Token::Nil, _) => Ok(Value::Null),
            (Token::Ext { code, payload }, _) => Ok(Value::Unknown(refinement::read(code, payload))),
            (Token::Bool(bool), Type::Bool) => Ok(Value::Bool(bool)),
            (token, Type::Number) => number(token).map_err(|problem| problem.at(trail)),
            (Token::Text(text), Type::String) => Ok(Value::String(utf8(text, trail)?.to_owned())),
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
            (token, ty) => Err(DecodeProblem::kind(ty, token.kind()).at(trail)),
        }
    }

    fn elements(&mut self, len: usize, ty: &Type, trail: &Trail<'_>, depth: usize) -> Result<Vec<Value>, DecodeError> {
        // `len` is no more than the bytes that are left, but a value is larger than a byte: grow with what is really there.
        let mut elements = Vec::with_capacity(len.min(1024));
        for index in 0..len {
            elements.push(self.value(ty, &trail.index(index), depth + 1)?);
        }
        Ok(elements)
    }

    fn tuple(&mut self, len: usize, types: &[Type], trail: &Trail<'_>, depth: usize) -> Result<Value, DecodeError> {
        if len != types.len() {
            return Err(DecodeProblem::Length { expected: types.len(), found: len }.at(trail));
        }
        let elements = types.iter().enumerate().map(|(index, ty)| self.value(ty, &trail.index(index), depth + 1));
        Ok(Value::Tuple(elements.collect::<Result<_, _>>()?))
    }

    fn map(&mut self, len: usize, ty: &Type, trail: &Trail<'_>, depth: usize) -> Result<Value, DecodeError> {
        let mut elements = BTreeMap::new();
        for _ in 0..len {
            let key = self.key(trail)?;
            let element = self.value(ty, &trail.key(key), depth + 1)?;
            if elements.insert(key.to_owned(), element).is_some() {
                return Err(DecodeProblem::Repeated.at(&trail.key(key)));
            }
        }
        Ok(Value::Map(elements))
    }

    fn object(
        &mut self,
        len: usize,
        types: &BTreeMap<String, Type>,
        trail: &Trail<'_>,
        depth: usize,
    ) -> Result<Value, DecodeError> {
        let mut attributes = BTreeMap::new();
        let mut expected = types.iter();
        for _ in 0..len {
            let name = self.key(trail)?;
            // Core sends attributes in the order of the type, so that they need not be searched for.
            let next = expected.next().filter(|(next, _)| *next == name).map(|(_, ty)| ty);
            let Some(ty) = next.or_else(|| types.get(name)) else {
                return Err(DecodeProblem::Unexpected(name.to_owned()).at(trail));
            };
            let value = self.value(ty, &trail.attr(name), depth + 1)?;
            if attributes.insert(name.to_owned(), value).is_some() {
                return Err(DecodeProblem::Repeated.at(&trail.attr(name)));
            }
        }
        if attributes.len() != types.len()
            && let Some(name) = types.keys().find(|name| !attributes.contains_key(*name))
        {
            return Err(DecodeProblem::Missing(name.clone()).at(trail));
        }
        Ok(Value::Object(attributes))
    }

    /// `[type as JSON, value]`
    fn dynamic(&mut self, len: usize, trail: &Trail<'_>, depth: usize) -> Result<Value, DecodeError> {
        if len != 2 {
            return Err(DecodeProblem::Length { expected: 2, found: len }.at(trail));
        }
        let ty = match self.token().map_err(|problem| problem.at(trail))? {
            Token::Text(json) => Type::from_json(json).map_err(|error| DecodeProblem::Type(error).at(trail))?,
            token => {
                return Err(
                    DecodeProblem::Kind { expected: "the type of the value".into(), found: token.kind() }.at(trail)
                );
            }
        };
        let value = self.value(&ty, trail, depth + 1)?;
        Ok(Value::dynamic(ty, value))
    }

    fn key(&mut self, trail: &Trail<'_>) -> Result<&'a str, DecodeError> {
        match self.token().map_err(|problem| problem.at(trail))? {
            Token::Text(key) => utf8(key, trail),
            token => Err(DecodeProblem::Kind { expected: "a key".into(), found: token.kind() }.at(trail)),
        }
    }
}

fn utf8<'a>(text: &'a [u8], trail: &Trail<'_>) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(text).map_err(|_| DecodeProblem::Text.at(trail))
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
