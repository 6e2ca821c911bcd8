//! MessagePack, against hand-written bytes and against rmp as another encoder.

use tfkit::value::Promises;
use tfkit::wire::msgpack::{decode, encode};
use tfkit::wire::{DecodeProblem, decode_dynamic};
use tfkit::{Number, Refinement, Type, Value};

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn decoded(bytes: &[u8], ty: &Type) -> Value {
    decode(bytes, ty).unwrap_or_else(|error| panic!("{bytes:02x?}: {error}"))
}

fn refused(bytes: &[u8], ty: &Type) -> String {
    match decode(bytes, ty) {
        Ok(value) => panic!("{bytes:02x?} was read as {value:?}"),
        Err(error) => error.to_string(),
    }
}

fn ab() -> Type {
    Type::object([("a", Type::String), ("b", Type::list(Type::Bool))])
}

#[test]
fn w1_an_object_has_every_attribute_in_any_order() {
    let value = Value::object([("a", "x".into()), ("b", Value::list([true]))]);
    let forward = b"\x82\xa1a\xa1x\xa1b\x91\xc3";
    let backward = b"\x82\xa1b\x91\xc3\xa1a\xa1x";
    assert_eq!(decoded(forward, &ab()), value);
    assert_eq!(decoded(backward, &ab()), value);
    assert_eq!(encode(&value, &ab()).unwrap(), forward);
    assert_eq!(refused(b"\x81\xa1a\xa1x", &ab()), "attribute \"b\" is missing");
    assert_eq!(refused(b"\x83\xa1a\xc0\xa1b\xc0\xa1c\xc0", &ab()), "unexpected attribute \"c\"");
    assert_eq!(refused(b"\x82\xa1a\xc0\xa1a\xc0", &ab()), "a: a key occurs twice");
    assert_eq!(refused(b"\x82\xa1a\xc0\xa1b\x92\xc3\x01", &ab()), "b[1]: expected bool, found a number");
    assert_eq!(refused(b"\x82\xa1a\xc0\x01\xc0", &ab()), "expected a key, found a number");
    let nested = Type::object([("m", Type::map(ab()))]);
    assert_eq!(refused(b"\x81\xa1m\x81\xa1k\x81\xa1a\xc0", &nested), "m[\"k\"]: attribute \"b\" is missing");
}

#[test]
fn w2_any_extension_is_unknown_in_all_forms() {
    let forms: [&[u8]; 9] = [
        &[0xd4, 0, 0],
        &[0xd5, 7, 1, 2],
        &[0xd6, 0xff, 1, 2, 3, 4],
        &[0xd7, 0x80, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xd8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        &[0xc7, 0, 99],
        &[0xc7, 1, 12, 0x80],
        &[0xc8, 0, 1, 3, 0],
        &[0xc9, 0, 0, 0, 2, 4, 0, 0],
    ];
    for ty in [Type::Bool, Type::Number, Type::String, ab(), Type::Dynamic, Type::set(Type::String)] {
        for bytes in forms {
            assert_eq!(decoded(bytes, &ty), Value::unknown());
        }
        assert_eq!(encode(&Value::unknown(), &ty).unwrap(), [0xd4, 0, 0]);
    }
}

#[test]
fn w2_promises_are_read_and_unknown_ones_ignored() {
    let read = |payload: &[u8], ty: &Type| {
        let mut bytes = vec![0xc7, u8::try_from(payload.len()).unwrap(), 12];
        bytes.extend(payload);
        decoded(&bytes, ty)
    };
    let unknown = |promises: Promises| Value::Unknown(Refinement::from(promises));
    let none = Promises::default;
    assert_eq!(read(b"\x81\x01\xc2", &Type::Bool), Value::Unknown(Refinement::not_null()));
    assert_eq!(
        read(b"\x82\x01\xc2\x02\xa4i-ab", &Type::String),
        unknown(Promises { null: Some(false), prefix: Some("i-ab".into()), ..none() })
    );
    assert_eq!(
        read(b"\x82\x03\x92\x05\xc3\x04\x92\xa30.1\xc2", &Type::Number),
        unknown(Promises { min: Some((5.into(), true)), max: Some(("0.1".parse().unwrap(), false)), ..none() })
    );
    assert_eq!(
        read(b"\x82\x05\x01\x06\xcd\x01\x00", &Type::list(Type::Bool)),
        unknown(Promises { min_len: Some(1), max_len: Some(256), ..none() })
    );
    // 99 is of a future version and holds a nested value; what follows it still counts.
    assert_eq!(read(b"\x82\x63\x92\x81\x01\xc0\xa1x\x01\xc2", &Type::Bool), Value::Unknown(Refinement::not_null()));
    for damaged in [&b"\x81"[..], b"\x81\x02\x01", b"\x81\xa1x\xc0", b"\x91\x01", b"\xc1", b"", b"\x81\x03\x92\xc0\xc3"]
    {
        assert_eq!(read(damaged, &Type::String), Value::unknown(), "{damaged:02x?}");
    }
}

#[test]
fn w2_promises_are_written_if_the_type_can_keep_them() {
    let all = Promises {
        null: Some(false),
        prefix: Some("p".into()),
        min: Some((1.into(), true)),
        max: Some((9.into(), false)),
        min_len: Some(2),
        max_len: Some(3),
    };
    let unknown = Value::Unknown(Refinement::from(all));
    assert_eq!(encode(&unknown, &Type::Bool).unwrap(), b"\xc7\x03\x0c\x81\x01\xc2");
    assert_eq!(encode(&unknown, &Type::String).unwrap(), b"\xc7\x06\x0c\x82\x01\xc2\x02\xa1p");
    assert_eq!(encode(&unknown, &Type::Number).unwrap(), b"\xc7\x0b\x0c\x83\x01\xc2\x03\x92\x01\xc3\x04\x92\x09\xc2");
    assert_eq!(encode(&unknown, &Type::map(Type::Bool)).unwrap(), b"\xc7\x07\x0c\x83\x01\xc2\x05\x02\x06\x03");
    assert_eq!(encode(&unknown, &Type::Dynamic).unwrap(), [0xd4, 0, 0]);
    let long = Value::Unknown(Refinement::from(Promises { prefix: Some("é".repeat(2000)), ..Promises::default() }));
    assert!(encode(&long, &Type::String).unwrap().len() < 300);
}

#[test]
fn w3_numbers_arrive_as_integer_float_or_text() {
    let table: [(&[u8], &str); 16] = [
        (&[0x00], "0"),
        (&[0x7f], "127"),
        (&[0xe0], "-32"),
        (&[0xcc, 0xff], "255"),
        (&[0xcd, 1, 0], "256"),
        (&[0xce, 0, 1, 0, 0], "65536"),
        (&[0xcf, 0, 0, 0, 1, 0x2a, 5, 0xf2, 0], "5000000000"),
        (&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255], "18446744073709551615"),
        (&[0xd0, 0x80], "-128"),
        (&[0xd1, 0x80, 0], "-32768"),
        (&[0xd2, 0x80, 0, 0, 0], "-2147483648"),
        (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808"),
        (&[0xca, 0x3f, 0, 0, 0], "0.5"),
        (&[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0], "0.5"),
        (b"\xa30.1", "0.1"),
        (b"\xbf1000000000000000000000000000000", "1e30"),
    ];
    for (bytes, text) in table {
        assert_eq!(decoded(bytes, &Type::Number), number(text));
    }
    for (bytes, message) in [
        (&b"\xa3abc"[..], "a bad number"),
        (&[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], "a bad number"),
        (&[0xc3], "expected number, found a bool"),
        (&[0xa1, 0xff], "not UTF-8"),
    ] {
        assert_eq!(refused(bytes, &Type::Number), message);
    }
}

#[test]
fn w3_numbers_leave_as_core_writes_them() {
    let table: [(&str, &[u8]); 14] = [
        ("0", &[0]),
        ("127", &[0x7f]),
        ("128", &[0xcc, 128]),
        ("256", &[0xcd, 1, 0]),
        ("65536", &[0xce, 0, 1, 0, 0]),
        ("5000000000", &[0xcf, 0, 0, 0, 1, 0x2a, 5, 0xf2, 0]),
        ("-32", &[0xe0]),
        ("-33", &[0xd0, 0xdf]),
        ("-129", &[0xd1, 0xff, 0x7f]),
        ("-32769", &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        ("-2147483649", &[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
        ("0.5", &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]),
        ("0.1", b"\xa30.1"),
        ("18446744073709551615", b"\xb418446744073709551615"),
    ];
    for (text, bytes) in table {
        assert_eq!(encode(&number(text), &Type::Number).unwrap(), bytes, "{text}");
    }
}

#[test]
fn w4_dynamic_is_a_pair_or_bare() {
    let value = Value::dynamic(Type::list(Type::String), Value::list(["x"]));
    let bytes = b"\x92\xc4\x11[\"list\",\"string\"]\x91\xa1x";
    assert_eq!(decoded(bytes, &Type::Dynamic), value);
    assert_eq!(encode(&value, &Type::Dynamic).unwrap(), bytes);
    assert_eq!(decoded(b"\x92\xa6\"bool\"\xc3", &Type::Dynamic), Value::dynamic(Type::Bool, true.into()));
    assert_eq!(decoded(&[0xc0], &Type::Dynamic), Value::Null);
    // "A bool that is null" and "a bool that is not known" are not the same as null and unknown without a type.
    for (value, byte) in [(Value::Null, &b"\xc0"[..]), (Value::unknown(), &b"\xd4\x00\x00"[..])] {
        let typed = [&b"\x92\xc4\x06\"bool\""[..], byte].concat();
        let value = Value::dynamic(Type::Bool, value);
        assert_eq!(decoded(&typed, &Type::Dynamic), value);
        assert_eq!(encode(&value, &Type::Dynamic).unwrap(), typed);
        assert!(value.is_null() || value.is_unknown());
    }
    assert_eq!(encode(&Value::Null, &Type::Dynamic).unwrap(), [0xc0]);
    assert_eq!(refused(b"\x91\xc0", &Type::Dynamic), "expected 2 elements, found 1");
    assert_eq!(refused(b"\x92\xc4\x05\"int\"\x01", &Type::Dynamic), "the type of a dynamic value is bad");
    assert_eq!(refused(b"\x92\xc0\x01", &Type::Dynamic), "expected the type of the value, found null");
}

#[test]
fn w4_empty_and_empty_is_absent() {
    assert!(decode_dynamic(b"", b"", &Type::Bool).unwrap().is_none());
    assert_eq!(decode_dynamic(b"\xc3", b"", &Type::Bool).unwrap(), Some(true.into()));
    assert_eq!(decode_dynamic(b"", b"true", &Type::Bool).unwrap(), Some(true.into()));
    assert_eq!(decode_dynamic(b"\xc0", b"", &Type::Bool).unwrap(), Some(Value::Null));
    assert!(decode_dynamic(b"", b"1", &Type::Bool).is_err());
}

#[test]
fn w5_sets_lose_duplicates_and_strings_stay_as_they_are() {
    let set = Type::set(Type::String);
    assert_eq!(decoded(b"\x93\xa1b\xa1a\xa1b", &set), Value::Set(vec!["b".into(), "a".into()]));
    let decomposed = "e\u{301}";
    let value = Value::from(decomposed);
    assert_eq!(decoded(&encode(&value, &Type::String).unwrap(), &Type::String), value);
}

#[test]
fn w5_sizes_depth_and_trailing_bytes_are_limited() {
    let list = Type::list(Type::Bool);
    for lie in [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0x9f, 0xc3], &[0xdc, 0xff, 0xff, 0xc3]] {
        assert!(matches!(decode(lie, &list).unwrap_err().problem, DecodeProblem::Truncated));
    }
    assert_eq!(refused(&[0xdf, 0xff, 0xff, 0xff, 0xff], &Type::map(Type::Bool)), "the message ends too early");
    assert_eq!(refused(&[0xdb, 0xff, 0xff, 0xff, 0xff, b'x'], &Type::String), "the message ends too early");
    assert_eq!(refused(&[], &Type::Bool), "the message ends too early");
    assert_eq!(refused(&[0xc3, 0xc3], &Type::Bool), "the message goes on after its value");
    assert_eq!(refused(&[0xc1], &Type::Bool), "not MessagePack");
    let deep = b"\x92\xc4\x09\"dynamic\"".repeat(50_000);
    assert_eq!(refused(&deep, &Type::Dynamic), "nested too deeply");
}

#[test]
fn errors_do_not_repeat_values() {
    for (bytes, ty) in [
        (&b"\xa7hunter2"[..], Type::Bool),
        (b"\xa7hunter2", Type::Number),
        (b"\x91\xa7hunter2", Type::list(Type::Bool)),
    ] {
        let error = decode(bytes, &ty).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn what_is_not_of_the_type_is_not_written() {
    let error = encode(&Value::object([("a", 1.into()), ("b", Value::Null)]), &ab()).unwrap_err();
    assert_eq!(error.to_string(), "a: expected string, found a number");
}

#[test]
fn exact_numbers_stay_numbers() {
    // One that is exactly a float but not a short decimal must leave as that float, not as text.
    let tenth = Value::Number(Number::from_exact_f64(0.1).unwrap());
    let bytes = encode(&tenth, &Type::Number).unwrap();
    assert_eq!(bytes[0], 0xcb);
    assert_eq!(decoded(&bytes, &Type::Number), tenth);
}
