//! Unknown values and what is promised about them: MessagePack extensions.
//!
//! Any extension is an unknown value. Extension 12 carries a map of promises: 1 nullness, 2 prefix, 3 and 4 bounds of a
//! number as `[bound, inclusive]`, 5 and 6 bounds of a length.

use super::read::number;
use super::token::{Reader, Token};
use super::write;
use crate::value::{Number, Promises, Refinement, Type, Value};

/// The extension code of an unknown value with promises.
const REFINED: i8 = 12;

/// Core's decoder refuses refinements of more than 1 KiB; a shorter prefix promises less, which is always allowed.
const MAX_PREFIX: usize = 256;

/// Bytes of a bound, two of which must leave room for the rest; a longer one is not promised. (As digits; the others have 9.)
const MAX_BOUND: usize = 256;

/// How deep a promise of a future version may nest before the rest is ignored.
const MAX_SKIP_DEPTH: usize = 16;

/// The promises in an extension's payload. A promise only ever narrows what may come, so what cannot be read is ignored.
pub(super) fn read(code: i8, payload: &[u8]) -> Refinement {
    let mut promises = Promises::default();
    if code == REFINED {
        let mut reader = Reader { rest: payload };
        if let Ok(Token::Map(len)) = reader.token() {
            for _ in 0..len {
                if read_promise(&mut reader, &mut promises).is_none() {
                    break;
                }
            }
        }
    }
    Refinement::from(promises)
}

fn read_promise(reader: &mut Reader<'_>, promises: &mut Promises) -> Option<()> {
    let key = match reader.token().ok()? {
        Token::Int(key) => u64::try_from(key).ok()?,
        Token::Uint(key) => key,
        _ => return None,
    };
    match key {
        1 => promises.null = read_bool(reader),
        2 => promises.prefix = read_text(reader),
        3 => promises.min = read_bound(reader),
        4 => promises.max = read_bound(reader),
        5 => promises.min_len = read_len(reader),
        6 => promises.max_len = read_len(reader),
        _ => skip(reader, 0)?,
    }
    Some(())
}

fn read_bool(reader: &mut Reader<'_>) -> Option<bool> {
    match reader.token().ok()? {
        Token::Bool(bool) => Some(bool),
        _ => None,
    }
}

fn read_text(reader: &mut Reader<'_>) -> Option<String> {
    match reader.token().ok()? {
        Token::Text(text) => std::str::from_utf8(text).ok().map(str::to_owned),
        _ => None,
    }
}

fn read_number(reader: &mut Reader<'_>) -> Option<Number> {
    match number(reader.token().ok()?) {
        Ok(Value::Number(number)) => Some(number),
        _ => None,
    }
}

fn read_bound(reader: &mut Reader<'_>) -> Option<(Number, bool)> {
    match reader.token().ok()? {
        Token::Array(2) => {
            let bound = read_number(reader);
            let inclusive = read_bool(reader);
            bound.zip(inclusive)
        }
        _ => None,
    }
}

fn read_len(reader: &mut Reader<'_>) -> Option<i64> {
    read_number(reader)?.to_i64().filter(|len| *len >= 0)
}

/// Reads over one value of any shape.
fn skip(reader: &mut Reader<'_>, depth: usize) -> Option<()> {
    if depth > MAX_SKIP_DEPTH {
        return None;
    }
    let inside = match reader.token().ok()? {
        Token::Array(len) => len,
        Token::Map(len) => len.checked_mul(2)?,
        _ => 0,
    };
    (0..inside).try_for_each(|_| skip(reader, depth + 1))
}

/// Writes an unknown value: plain as extension 0, never extension 12 with an empty map.
pub(super) fn write(out: &mut Vec<u8>, refinement: &Refinement, ty: &Type) {
    let mut promises = Vec::new();
    let count = write_promises(&mut promises, refinement, ty);
    if count == 0 {
        out.extend([0xd4, 0, 0]);
        return;
    }
    let mut payload = Vec::with_capacity(promises.len() + 1);
    write::map_header(&mut payload, count);
    payload.extend(promises);
    write::ext(out, REFINED, &payload);
}

/// Only the promises that a value of the type can keep: core refuses others. A dynamic value can promise nothing.
fn write_promises(out: &mut Vec<u8>, refinement: &Refinement, ty: &Type) -> usize {
    let mut count = 0;
    let mut key = |out: &mut Vec<u8>, key: u8| {
        count += 1;
        out.push(key);
    };
    if *ty == Type::Dynamic {
        return 0;
    }
    if refinement.null == Some(false) {
        key(out, 1);
        out.push(0xc2);
    }
    match ty {
        Type::String => {
            let prefix = refinement.prefix.as_deref().map(shorten).filter(|prefix| !prefix.is_empty());
            if let Some(prefix) = prefix {
                key(out, 2);
                write::text(out, prefix);
            }
        }
        Type::Number => {
            for (number, bound) in [(3, &refinement.min), (4, &refinement.max)] {
                let Some((bound, inclusive)) = bound else { continue };
                let mut written = Vec::new();
                write::number(&mut written, bound);
                if written.len() <= MAX_BOUND {
                    key(out, number);
                    write::array_header(out, 2);
                    out.extend(written);
                    out.push(if *inclusive { 0xc3 } else { 0xc2 });
                }
            }
        }
        Type::List(_) | Type::Set(_) | Type::Map(_) => {
            for (number, bound) in [(5, refinement.min_len), (6, refinement.max_len)] {
                if let Some(bound) = bound {
                    key(out, number);
                    write::number(out, &Number::from(bound));
                }
            }
        }
        Type::Bool | Type::Tuple(_) | Type::Object(_) | Type::Dynamic => {}
    }
    count
}

fn shorten(prefix: &str) -> &str {
    &prefix[..prefix.floor_char_boundary(MAX_PREFIX)]
}
