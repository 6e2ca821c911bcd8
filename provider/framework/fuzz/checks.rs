//! What must hold for any bytes: shared by the fuzz targets and by the tests of every day (`tests/pure/fuzz.rs`).
//!
//! Nothing panics. What is decoded is of its type and no larger than its bytes allow, can be encoded, and is the same when
//! it is decoded once more.

use std::sync::OnceLock;

use tfkit::wire::{json, msgpack};
use tfkit::{Type, Value};

/// The types as which documents are read; the first byte of an input says which.
pub(crate) fn types() -> &'static [Type] {
    static TYPES: OnceLock<Vec<Type>> = OnceLock::new();
    TYPES.get_or_init(|| {
        let rule = Type::object([("port", Type::Number), ("hosts", Type::set(Type::String)), ("more", Type::Dynamic)]);
        vec![
            Type::Dynamic,
            Type::String,
            Type::Number,
            Type::Bool,
            Type::list(Type::Number),
            Type::set(Type::set(Type::String)),
            Type::map(Type::list(Type::Bool)),
            Type::Tuple(vec![Type::String, Type::Number, Type::set(Type::Number)]),
            Type::object([
                ("name", Type::String),
                ("size", Type::Number),
                ("tags", Type::map(Type::String)),
                ("rule", rule),
                ("rules", Type::list(Type::object([("port", Type::Number)]))),
            ]),
        ]
    })
}

fn typed(input: &[u8]) -> Option<(&'static Type, &[u8])> {
    let (first, document) = input.split_first()?;
    let types = types();
    Some((&types[usize::from(*first) % types.len()], document))
}

/// Values in a value, itself included, and bytes of texts: each came from at least one byte.
fn size(value: &Value) -> usize {
    let mut size = 0;
    value.walk(&mut |_, value| {
        size += match value {
            Value::String(text) => text.len().max(1),
            Value::Map(elements) => 1 + elements.keys().map(String::len).sum::<usize>(),
            // The dynamic value and the one inside of it are walked as one.
            _ => 1,
        };
    });
    size
}

/// Bytes as MessagePack. Returns whether they were a value.
pub(crate) fn msgpack(input: &[u8]) -> bool {
    let Some((ty, document)) = typed(input) else { return false };
    let Ok(value) = msgpack::decode(document, ty) else { return false };
    assert_eq!(value.conform(ty), Ok(()));
    assert!(size(&value) <= document.len(), "{} bytes became more", document.len());
    let encoded = msgpack::encode(&value, ty).expect("what was decoded is of its type");
    let again = msgpack::decode(&encoded, ty).expect("what was encoded can be decoded");
    // What is promised about unknown values may be less: an answer promises only what core understands.
    assert!(again.same(&value), "{value:?} became {again:?}");
    let stable = msgpack::encode(&again, ty).expect("of its type");
    assert_eq!(stable, encoded);
    true
}

/// Bytes as JSON. Returns whether they were a value.
pub(crate) fn json(input: &[u8]) -> bool {
    let Some((ty, document)) = typed(input) else { return false };
    let Ok(value) = json::decode(document, ty) else { return false };
    assert_eq!(value.conform(ty), Ok(()));
    // A number that stands for a text is written as serde_json writes it: 1e30 becomes 1e+30.
    assert!(size(&value) <= 2 * document.len(), "{} bytes became more", document.len());
    let encoded = json::encode(&value, ty).expect("JSON has no unknown values");
    let again = json::decode(&encoded, ty).expect("what was encoded can be decoded");
    assert!(again.same(&value), "{value:?} became {again:?}");
    assert_eq!(json::encode(&again, ty).expect("known"), encoded);
    // Both encodings say the same.
    let packed = msgpack::encode(&value, ty).expect("of its type");
    assert!(msgpack::decode(&packed, ty).expect("decodes").same(&value), "{value:?}");
    true
}

/// Greatest payload of a refinement that core reads (go-cty, `msgpack/unknown.go`).
const CORE_READS: usize = 1024;

/// Bytes as the payload of a refined unknown value. Returns whether they promise something.
pub(crate) fn refinement(input: &[u8]) -> bool {
    let Some((ty, payload)) = typed(input) else { return false };
    let mut document = vec![0xc9];
    document.extend(u32::try_from(payload.len()).expect("inputs are small").to_be_bytes());
    document.push(12);
    document.extend(payload);
    let value = msgpack::decode(&document, ty).expect("any extension is an unknown value");
    assert!(matches!(value, Value::Unknown(_)));
    let encoded = msgpack::encode(&value, ty).expect("of its type");
    assert!(encoded.len() <= CORE_READS + 6, "{} bytes of promises", encoded.len());
    let again = msgpack::decode(&encoded, ty).expect("decodes");
    assert_eq!(msgpack::encode(&again, ty).expect("of its type"), encoded, "{value:?} became {again:?}");
    encoded != [0xd4, 0, 0]
}

/// Bytes as the JSON of a type. Returns whether they were one.
pub(crate) fn type_constraint(input: &[u8]) -> bool {
    let Ok(ty) = Type::from_json(input) else { return false };
    let again = Type::from_json(&ty.to_json()).expect("what was encoded can be decoded");
    assert_eq!(again, ty);
    let _ = ty.to_string();
    true
}
