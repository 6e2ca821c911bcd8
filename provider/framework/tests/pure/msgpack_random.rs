//! MessagePack against another encoder, and against arbitrary values, bytes and damage.

use proptest::prelude::*;
use tfkit::wire::msgpack::{decode, encode};
use tfkit::{Type, Value};

use crate::generate;

fn decoded(bytes: &[u8], ty: &Type) -> Value {
    decode(bytes, ty).unwrap_or_else(|error| panic!("{bytes:02x?}: {error}"))
}

/// The same values, by the encoder of the crate rmp.
fn by_rmp(out: &mut Vec<u8>, value: &Value) {
    use rmp::encode as rmp;
    match value {
        Value::Null => rmp::write_nil(out).unwrap(),
        Value::Bool(bool) => rmp::write_bool(out, *bool).unwrap(),
        Value::Number(number) => drop(rmp::write_sint(out, i64::try_from(number).unwrap()).unwrap()),
        Value::String(text) => rmp::write_str(out, text).unwrap(),
        Value::List(elements) => {
            rmp::write_array_len(out, u32::try_from(elements.len()).unwrap()).unwrap();
            elements.iter().for_each(|element| by_rmp(out, element));
        }
        Value::Map(elements) => {
            rmp::write_map_len(out, u32::try_from(elements.len()).unwrap()).unwrap();
            for (key, element) in elements {
                rmp::write_str(out, key).unwrap();
                by_rmp(out, element);
            }
        }
        other => panic!("not in this test: {}", other.kind()),
    }
}

#[test]
fn another_encoder_writes_the_same_at_every_width() {
    for len in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        let list = Value::List(vec![true.into(); len]);
        let map = Value::map((0..len).map(|key| (key.to_string(), Value::Null)));
        for (value, ty) in
            [(Value::from("x".repeat(len)), Type::String), (list, Type::list(Type::Bool)), (map, Type::map(Type::Bool))]
        {
            let mut expected = Vec::new();
            by_rmp(&mut expected, &value);
            assert_eq!(encode(&value, &ty).unwrap(), expected, "{ty} of {len}");
            assert_eq!(decoded(&expected, &ty), value);
        }
    }
}

proptest! {
    #[test]
    fn integers_agree_with_another_encoder(int: i64, shift in 0u32..64) {
        let value = Value::from(int >> shift);
        let mut expected = Vec::new();
        by_rmp(&mut expected, &value);
        prop_assert_eq!(encode(&value, &Type::Number).unwrap(), expected);
    }

    #[test]
    fn typed_values_round_trip((ty, value) in generate::typed_value(true)) {
        let bytes = encode(&value, &ty).unwrap();
        let back = decode(&bytes, &ty).unwrap();
        prop_assert!(back.same(&value), "{:?} became {:?}", value, back);
        prop_assert_eq!(encode(&back, &ty).unwrap(), bytes);
    }

    #[test]
    fn no_bytes_panic(ty in generate::any_type(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = decode(&bytes, &ty) {
            prop_assert_eq!(value.conform(&ty), Ok(()));
        }
    }

    #[test]
    fn no_damage_panics(
        (ty, value) in generate::typed_value(true),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&value, &ty).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(value) = decode(&bytes, &ty) {
            prop_assert_eq!(value.conform(&ty), Ok(()));
        }
    }

    #[test]
    fn numbers_round_trip(number in generate::number()) {
        let value = Value::Number(number);
        prop_assert_eq!(decode(&encode(&value, &Type::Number).unwrap(), &Type::Number).unwrap(), value);
    }
}
