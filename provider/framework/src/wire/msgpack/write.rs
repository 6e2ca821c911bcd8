//! Values to MessagePack.

use super::refinement;
use crate::value::{Mismatch, Number, Type, Value};

pub(super) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Mismatch> {
    // Checked as a whole first: then writing cannot fail, and the error has a path.
    value.conform(ty)?;
    let mut out = Vec::new();
    write(&mut out, value, ty);
    Ok(out)
}

/// Writes a value that conforms to the type; the type is needed only for dynamic and unknown values in it.
fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) {
    match (value, ty) {
        (Value::Null, _) => out.push(0xc0),
        (Value::Unknown(refinement), ty) => refinement::write(out, refinement, ty),
        (Value::Bool(bool), _) => out.push(if *bool { 0xc3 } else { 0xc2 }),
        (Value::Number(number), _) => self::number(out, number),
        (Value::String(string), _) => text(out, string),
        (Value::List(elements), Type::List(ty)) | (Value::Set(elements), Type::Set(ty)) => {
            array_header(out, elements.len());
            elements.iter().for_each(|element| write(out, element, ty));
        }
        (Value::Tuple(elements), Type::Tuple(types)) => {
            array_header(out, elements.len());
            elements.iter().zip(types).for_each(|(element, ty)| write(out, element, ty));
        }
        (Value::Map(elements), Type::Map(ty)) => {
            map_header(out, elements.len());
            for (key, element) in elements {
                text(out, key);
                write(out, element, ty);
            }
        }
        (Value::Object(attributes), Type::Object(types)) => {
            map_header(out, attributes.len());
            for ((name, value), ty) in attributes.iter().zip(types.values()) {
                text(out, name);
                write(out, value, ty);
            }
        }
        (Value::Dynamic(inner), _) => {
            array_header(out, 2);
            bin(out, &inner.0.to_json());
            write(out, &inner.1, &inner.0);
        }
        // Excluded by `conform`; null is a value of every type.
        _ => out.push(0xc0),
    }
}

/// The smallest integer, else the float if it is exact, else the digits as a string.
pub(super) fn number(out: &mut Vec<u8>, number: &Number) {
    if let Some(int) = number.to_i64() {
        integer(out, int);
    } else if let Some(float) = number.to_exact_f64() {
        out.push(0xcb);
        out.extend(float.to_be_bytes());
    } else {
        text(out, &number.to_string());
    }
}

fn integer(out: &mut Vec<u8>, int: i64) {
    let bytes = int.to_be_bytes();
    match int {
        // One byte that is its own marker: 0x00-0x7f and 0xe0-0xff.
        -32..=127 => out.push(bytes[7]),
        -128..=-33 => sized(out, 0xd0, &bytes[7..]),
        -32_768..=-129 => sized(out, 0xd1, &bytes[6..]),
        -2_147_483_648..=-32_769 => sized(out, 0xd2, &bytes[4..]),
        i64::MIN..=-2_147_483_649 => sized(out, 0xd3, &bytes),
        128..=255 => sized(out, 0xcc, &bytes[7..]),
        256..=65_535 => sized(out, 0xcd, &bytes[6..]),
        65_536..=4_294_967_295 => sized(out, 0xce, &bytes[4..]),
        4_294_967_296..=i64::MAX => sized(out, 0xcf, &bytes),
    }
}

fn sized(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.push(marker);
    out.extend(bytes);
}

/// A marker for each width that a length may need. Lengths beyond `u32` cannot occur: a message is at most 256 MiB.
fn header(out: &mut Vec<u8>, len: usize, marker8: Option<u8>, marker16: u8, marker32: u8) {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    let bytes = len.to_be_bytes();
    match (marker8, len) {
        (Some(marker), 0..=0xff) => sized(out, marker, &bytes[3..]),
        (_, 0..=0xffff) => sized(out, marker16, &bytes[2..]),
        _ => sized(out, marker32, &bytes),
    }
}

/// A marker that carries a small length itself.
fn small(len: usize, below: u8, marker: u8) -> Option<u8> {
    u8::try_from(len).ok().filter(|len| *len < below).map(|len| marker | len)
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    match small(text.len(), 32, 0xa0) {
        Some(marker) => out.push(marker),
        None => header(out, text.len(), Some(0xd9), 0xda, 0xdb),
    }
    out.extend(text.as_bytes());
}

fn bin(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, bytes.len(), Some(0xc4), 0xc5, 0xc6);
    out.extend(bytes);
}

pub(super) fn array_header(out: &mut Vec<u8>, len: usize) {
    match small(len, 16, 0x90) {
        Some(marker) => out.push(marker),
        None => header(out, len, None, 0xdc, 0xdd),
    }
}

pub(super) fn map_header(out: &mut Vec<u8>, len: usize) {
    match small(len, 16, 0x80) {
        Some(marker) => out.push(marker),
        None => header(out, len, None, 0xde, 0xdf),
    }
}

pub(super) fn ext(out: &mut Vec<u8>, code: i8, payload: &[u8]) {
    header(out, payload.len(), Some(0xc7), 0xc8, 0xc9);
    out.extend(code.to_be_bytes());
    out.extend(payload);
}
