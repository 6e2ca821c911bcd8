//! JSON: stored state, exactly.

use proptest::prelude::*;
use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Schema};
use tfkit::wire::json::{decode, encode, from_state_json};
use tfkit::{Number, Type, Value};

use crate::generate;

fn refused(json: &str, ty: &Type) -> String {
    decode(json.as_bytes(), ty).unwrap_err().to_string()
}

#[test]
fn w3_numbers_keep_every_digit() {
    for text in ["0.1", "18446744073709551615", "1000000000000000000000000000001", "0.1000000000000000000000000001"] {
        let value = Value::Number(text.parse().unwrap());
        assert_eq!(decode(text.as_bytes(), &Type::Number).unwrap(), value);
        assert_eq!(encode(&value, &Type::Number).unwrap(), text.as_bytes());
    }
    assert_eq!(decode(b"1e30", &Type::Number).unwrap(), Value::Number("1e30".parse().unwrap()));
    assert_eq!(refused("1e99999", &Type::Number), "a bad number");
}

#[test]
fn primitives_stand_for_each_other_as_in_core() {
    assert_eq!(decode(b"\"12\"", &Type::Number).unwrap(), 12.into());
    assert_eq!(decode(b"12.50", &Type::String).unwrap(), "12.50".into());
    assert_eq!(decode(b"true", &Type::String).unwrap(), "true".into());
    assert_eq!(decode(b"\"false\"", &Type::Bool).unwrap(), false.into());
    assert_eq!(refused("\"yes\"", &Type::Bool), "expected bool, found a string");
    assert_eq!(refused("\"x\"", &Type::Number), "a bad number");
}

#[test]
fn w1_objects_are_exact_unless_they_are_stored_state() {
    let ty = Type::object([("a", Type::list(Type::Bool))]);
    assert_eq!(decode(br#"{"a":[true]}"#, &ty).unwrap(), Value::object([("a", Value::list([true]))]));
    assert_eq!(refused("{}", &ty), "attribute \"a\" is missing");
    assert_eq!(refused(r#"{"a":null,"b":1}"#, &ty), "unexpected attribute \"b\"");
    assert_eq!(refused(r#"{"a":[true,1]}"#, &ty), "a[1]: expected bool, found a number");
    assert_eq!(refused("{", &ty), "not JSON");
    assert_eq!(refused("{} {}", &ty), "not JSON");
}

#[test]
fn w4_dynamic_is_an_object_of_type_and_value() {
    let value = Value::dynamic(Type::set(Type::Number), Value::Set(vec![1.into()]));
    let json = br#"{"type":["set","number"],"value":[1]}"#;
    assert_eq!(decode(json, &Type::Dynamic).unwrap(), value);
    assert_eq!(decode(&encode(&value, &Type::Dynamic).unwrap(), &Type::Dynamic).unwrap(), value);
    assert_eq!(refused(r#"{"type":"bool"}"#, &Type::Dynamic), "attribute \"value\" is missing");
    assert_eq!(refused("1", &Type::Dynamic), "expected any, found a number");
}

#[test]
fn unknown_values_cannot_be_written() {
    let ty = Type::list(Type::Bool);
    let error = encode(&Value::List(vec![true.into(), Value::unknown()]), &ty).unwrap_err();
    assert_eq!(error.to_string(), "[1]: an unknown value cannot stand here");
}

fn schema() -> Schema {
    let rule = [Attribute::string("name").required(), Attribute::number("port").optional()];
    Schema::new([
        Attribute::string("id").computed(),
        Attribute::string("secret_wo").optional().write_only(),
        Attribute::nested("rules", Nesting::List, rule.clone()).optional(),
    ])
    .block(NestedBlock::new("disk", Nesting::Set, Block::new(rule.clone())))
    .block(NestedBlock::new("limits", Nesting::Single, Block::new(rule)))
}

#[test]
fn u1_state_of_the_same_version_may_have_more_and_fewer_attributes() {
    let json = br#"{"id":"x","gone":{"deep":[1]},"rules":[{"name":"a","old":true}],"secret_wo":"leaked"}"#;
    let state = from_state_json(json, &schema()).unwrap();
    let expected = Value::object([
        ("id", "x".into()),
        ("secret_wo", Value::Null),
        ("rules", Value::List(vec![Value::object([("name", "a".into()), ("port", Value::Null)])])),
        ("disk", Value::Set(vec![])),
        ("limits", Value::Null),
    ]);
    assert_eq!(state, expected);
    assert_eq!(state.conform(&schema().object_type()), Ok(()));
}

#[test]
fn u1_state_of_another_shape_is_refused_with_its_path() {
    let error = from_state_json(br#"{"rules":[{"name":["a"]}]}"#, &schema()).unwrap_err();
    assert_eq!(error.to_string(), "rules[0].name: expected string, found an array");
    assert_eq!(from_state_json(b"null", &schema()).unwrap(), Value::Null);
}

proptest! {
    #[test]
    fn typed_values_round_trip((ty, value) in generate::typed_value(false)) {
        let json = encode(&value, &ty).unwrap();
        let back = decode(&json, &ty).unwrap();
        prop_assert!(back.same(&value), "{:?} became {:?}", value, back);
    }

    #[test]
    fn no_json_panics(ty in generate::any_type(), text in r#"[\[\]{}",:0-9a-f.eE\\-]{0,80}"#) {
        if let Ok(value) = decode(text.as_bytes(), &ty) {
            prop_assert_eq!(value.conform(&ty), Ok(()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = decode(&bytes, &Type::Dynamic);
        let _ = from_state_json(&bytes, &schema());
        let _ = Type::from_json(&bytes);
    }

    #[test]
    fn numbers_agree_with_their_text(number in generate::number()) {
        let json = encode(&Value::Number(number.clone()), &Type::Number).unwrap();
        prop_assert_eq!(String::from_utf8(json).unwrap().parse::<Number>(), Ok(number));
    }
}
