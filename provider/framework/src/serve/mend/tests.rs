//! Values before and after mending.

use super::{drop_write_only, keep_spelling, settle, with_defaults};
use crate::schema::{Attribute, Nesting, Schema};
use crate::value::{Path, Type, Value};

/// Equal without regard to case, but only below attributes whose name begins with `any`.
fn same_meaning(path: &Path, one: &Value, other: &Value) -> bool {
    let about = path.to_string();
    about.starts_with("any") && one.as_str().zip(other.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

fn object(name: &str, value: Value) -> Value {
    Value::object([(name, value)])
}

#[test]
fn spelling_is_kept_where_the_meaning_is_the_same() {
    let text = |text: &str| Value::from(text);
    let element = |name: &str| Value::object([("name", Value::from(name)), ("x", Value::Null)]);
    for (why, name, reference, value, expected) in [
        ("a leaf", "any", text("A"), text("a"), text("A")),
        ("another value", "any", text("A"), text("b"), text("b")),
        ("not the author's word", "other", text("A"), text("a"), text("a")),
        ("nothing to keep", "any", Value::Null, text("a"), text("a")),
        ("not decided before", "any", Value::unknown(), text("a"), text("a")),
        ("gone now", "any", text("A"), Value::Null, Value::Null),
        ("not known now", "any", text("A"), Value::unknown(), Value::unknown()),
        ("in a list", "any", Value::list(["A", "B"]), Value::list(["a", "c"]), Value::list(["A", "c"])),
        ("in a list that moved", "any", Value::list(["A", "B"]), Value::list(["b"]), Value::list(["b"])),
        ("in a set", "any", Value::set_of(["A", "B"]), Value::set_of(["b", "c"]), Value::set_of(["B", "c"])),
        ("in a set, merged", "any", Value::set_of(["A"]), Value::set_of(["A", "a"]), Value::set_of(["A"])),
        (
            "in a map",
            "any",
            Value::map([("k", text("A")), ("l", text("B"))]),
            Value::map([("k", text("a")), ("m", text("b"))]),
            Value::map([("k", text("A")), ("m", text("b"))]),
        ),
        (
            "in nested objects",
            "any",
            Value::list([element("A")]),
            Value::list([element("a")]),
            Value::list([element("A")]),
        ),
    ] {
        let mut found = object(name, value);
        keep_spelling(&mut found, &object(name, reference), &same_meaning);
        assert_eq!(found, object(name, expected), "{why}");
    }
}

#[test]
fn what_is_unknown_after_a_failure_is_what_it_was_or_null() {
    let (five, unknown) = (Value::from(5), Value::unknown());
    for (why, value, prior, expected) in [
        ("as it was", unknown.clone(), five.clone(), five.clone()),
        ("not there before", unknown.clone(), Value::Null, Value::Null),
        ("known stays", five.clone(), 6.into(), five.clone()),
        (
            "a map",
            Value::map([("k", unknown.clone())]),
            Value::map([("k", five.clone())]),
            Value::map([("k", five.clone())]),
        ),
        ("a map's new key", Value::map([("k", unknown.clone())]), Value::Null, Value::map([("k", Value::Null)])),
        (
            "an element has no identity",
            Value::List(vec![unknown.clone()]),
            Value::List(vec![five.clone()]),
            Value::List(vec![Value::Null]),
        ),
        (
            "elements of a set fall together",
            Value::Set(vec![unknown.clone(), unknown.clone()]),
            Value::Null,
            Value::Set(vec![Value::Null]),
        ),
        (
            "inside a dynamic value",
            Value::dynamic(Type::list(Type::Number), Value::List(vec![unknown])),
            Value::Null,
            Value::dynamic(Type::list(Type::Number), Value::List(vec![Value::Null])),
        ),
    ] {
        let mut found = object("a", value);
        settle(&mut found, &object("a", prior));
        assert_eq!(found, object("a", expected), "{why}");
        assert!(found.is_wholly_known(), "{why}");
    }
}

#[test]
fn write_only_values_go_at_every_depth() {
    let secret = || Attribute::string("secret").optional().write_only();
    let schema = Schema::new([secret(), Attribute::nested("list", Nesting::List, [secret()]).optional()]);
    let inner = |value: Value| Value::list([object("secret", value)]);
    let mut value = Value::object([("secret", Value::from("s")), ("list", inner("s".into()))]);
    drop_write_only(&schema, &mut value);
    assert_eq!(value, Value::object([("secret", Value::Null), ("list", inner(Value::Null))]));
}

#[test]
fn defaults_fill_what_is_not_given() {
    let schema = Schema::new([
        Attribute::string("given").default("d"),
        Attribute::string("left_out").default("d"),
        Attribute::string("none").optional(),
        Attribute::string("found").computed(),
    ]);
    let with = |left_out: Value, found: Value| {
        Value::object([("given", "g".into()), ("left_out", left_out), ("none", Value::Null), ("found", found)])
    };
    assert_eq!(with_defaults(&schema, &with(Value::Null, Value::Null)), with("d".into(), Value::unknown()));
}
