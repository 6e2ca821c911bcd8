//! Cases whose results are core's (internal/plans/objchange/objchange_test.go has their like).

use super::*;
use crate::{Type, schema::Block};

fn attribute(name: &str, optional: bool, computed: bool) -> Attribute {
    Attribute { required: !optional && !computed, optional, computed, ..Attribute::plain(name, Type::String) }
}

fn rules(nesting: Nesting, computed: bool) -> Schema {
    let inner = vec![attribute("port", false, false), attribute("id", false, true)];
    let rules = Attribute { kind: Kind::Nested(nesting, inner), ..attribute("rules", true, computed) };
    let attributes = vec![attribute("name", true, false), attribute("id", true, true), rules];
    Schema { version: 0, block: Block { attributes, ..Default::default() } }
}

fn rule(port: &str, id: Option<&str>) -> Value {
    Value::object([("port", port.into()), ("id", id.map_or(Value::Null, Value::from))])
}

fn thing(id: Option<&str>, rules: Value) -> Value {
    Value::object([("name", "n".into()), ("id", id.map_or(Value::Null, Value::from)), ("rules", rules)])
}

#[test]
fn a_create_is_the_configuration() {
    let schema = rules(Nesting::List, false);
    let config = thing(None, Value::List(vec![rule("1", None)]));
    assert_eq!(proposed_new(&schema, &Value::Null, &config), config);
}

#[test]
fn a_destroy_of_nothing_is_nothing() {
    assert_eq!(proposed_new(&rules(Nesting::List, false), &Value::Null, &Value::Null), Value::Null);
}

#[test]
fn computed_values_are_carried_over_by_index_key_or_likeness() {
    let prior = [rule("1", Some("a")), rule("2", Some("b"))];
    let list = rules(Nesting::List, false);
    let got = proposed_new(
        &list,
        &thing(Some("i"), Value::List(prior.to_vec())),
        &thing(None, Value::List(vec![rule("2", None)])),
    );
    assert_eq!(got, thing(Some("i"), Value::List(vec![rule("2", Some("a"))])), "core takes the neighbour's id");

    let set = rules(Nesting::Set, false);
    let got = proposed_new(
        &set,
        &thing(Some("i"), Value::Set(prior.to_vec())),
        &thing(None, Value::Set(vec![rule("2", None), rule("3", None)])),
    );
    assert_eq!(got, thing(Some("i"), Value::Set(vec![rule("2", Some("b")), rule("3", None)])));

    let map = rules(Nesting::Map, false);
    let keyed = |port| Value::map([("k", rule("1", Some("a"))), ("l", rule(port, Some("b")))]);
    let got =
        proposed_new(&map, &thing(Some("i"), keyed("2")), &thing(Some("j"), Value::map([("l", rule("4", None))])));
    assert_eq!(got, thing(Some("j"), Value::map([("l", rule("4", Some("b")))])));
}

#[test]
fn an_optional_computed_collection_that_the_user_had_given_is_taken_away() {
    let schema = rules(Nesting::List, true);
    let prior = thing(Some("i"), Value::List(vec![rule("1", Some("a"))]));
    assert_eq!(proposed_new(&schema, &prior, &thing(None, Value::Null)), thing(Some("i"), Value::Null));
    let computed = thing(Some("i"), Value::List(vec![Value::object([("port", Value::Null), ("id", "a".into())])]));
    assert_eq!(proposed_new(&schema, &computed, &thing(None, Value::Null)), computed);
}

#[test]
fn unknown_configuration_stays_unknown() {
    let schema = rules(Nesting::List, false);
    let prior = thing(Some("i"), Value::List(vec![rule("1", Some("a"))]));
    assert_eq!(proposed_new(&schema, &prior, &thing(None, Value::unknown())), thing(Some("i"), Value::unknown()));
    let unknown_element = thing(None, Value::List(vec![Value::unknown()]));
    let element = Value::object([("port", Value::unknown()), ("id", Value::unknown())]);
    assert_eq!(proposed_new(&schema, &prior, &unknown_element), thing(Some("i"), Value::List(vec![element])));
}
