//! Planning inside nested attributes: whose prior values are whose (section 6 of the facts).

use tfkit::plan::{Action, plan};
use tfkit::schema::{Attribute, Nesting, Schema};
use tfkit::{Path, Value};

use crate::plan::object;

fn rule() -> [Attribute; 4] {
    [
        Attribute::string("name").required(),
        Attribute::number("port").default(443),
        Attribute::string("id").computed().keep(),
        Attribute::string("status").computed(),
    ]
}

fn schema(nesting: Nesting) -> Schema {
    Schema::new([Attribute::nested("rules", nesting, rule()).optional()])
}

fn asked(name: &str) -> Value {
    Value::object([("name", name.into()), ("port", Value::Null), ("id", Value::Null), ("status", Value::Null)])
}

fn made(name: &str, id: &str) -> Value {
    Value::object([("name", name.into()), ("port", 443.into()), ("id", id.into()), ("status", "up".into())])
}

/// What is planned for an element that keeps its identity, in an update.
fn kept(name: &str, id: &str) -> Value {
    Value::object([("name", name.into()), ("port", 443.into()), ("id", id.into()), ("status", Value::unknown())])
}

fn fresh(name: &str) -> Value {
    Value::object([("name", name.into()), ("port", 443.into()), ("id", Value::unknown()), ("status", Value::unknown())])
}

fn planned(nesting: Nesting, prior: Value, given: Value) -> Value {
    let schema = schema(nesting);
    let (prior, given) = (object(&schema, [("rules", prior)]), object(&schema, [("rules", given)]));
    let planned = plan(&schema, &prior, &given, &given);
    assert_eq!(tfkit::check::planned(&schema, &prior, &given, &planned), []);
    assert_eq!(planned.action == Action::Nothing, planned.value == prior);
    planned.value.get(&Path::attribute("rules")).unwrap().clone()
}

#[test]
fn p5_lists_keep_by_index_only_what_was_given_the_same() {
    let prior = || Value::List(vec![made("a", "1"), made("b", "2")]);
    let table = [
        ("unchanged", vec![asked("a"), asked("b")], vec![made("a", "1"), made("b", "2")]),
        ("appended", vec![asked("a"), asked("b"), asked("c")], vec![kept("a", "1"), kept("b", "2"), fresh("c")]),
        ("shortened", vec![asked("a")], vec![kept("a", "1")]),
        ("first removed", vec![asked("b")], vec![fresh("b")]),
        ("inserted", vec![asked("c"), asked("a"), asked("b")], vec![fresh("c"), fresh("a"), fresh("b")]),
        ("swapped", vec![asked("b"), asked("a")], vec![fresh("b"), fresh("a")]),
        ("changed", vec![asked("a"), asked("z")], vec![kept("a", "1"), fresh("z")]),
        ("emptied", vec![], vec![]),
    ];
    for (what, given, expected) in table {
        assert_eq!(planned(Nesting::List, prior(), Value::List(given)), Value::List(expected), "{what}");
    }
}

#[test]
fn p5_maps_keep_by_key() {
    let prior = || Value::map([("x", made("a", "1")), ("y", made("b", "2"))]);
    let table = [
        ("unchanged", Value::map([("x", asked("a")), ("y", asked("b"))]), prior()),
        (
            "changed",
            Value::map([("x", asked("z")), ("y", asked("b"))]),
            Value::map([("x", kept("z", "1")), ("y", kept("b", "2"))]),
        ),
        ("first removed", Value::map([("y", asked("b"))]), Value::map([("y", kept("b", "2"))])),
        (
            "renamed",
            Value::map([("w", asked("a")), ("y", asked("b"))]),
            Value::map([("w", fresh("a")), ("y", kept("b", "2"))]),
        ),
    ];
    for (what, given, expected) in table {
        assert_eq!(planned(Nesting::Map, prior(), given), expected, "{what}");
    }
}

#[test]
fn p5_sets_keep_by_what_was_given() {
    let prior = || Value::Set(vec![made("a", "1"), made("b", "2")]);
    let table = [
        ("unchanged", vec![asked("a"), asked("b")], vec![made("a", "1"), made("b", "2")]),
        ("another order", vec![asked("b"), asked("a")], vec![made("a", "1"), made("b", "2")]),
        ("first removed", vec![asked("b")], vec![kept("b", "2")]),
        ("added in front", vec![asked("c"), asked("b"), asked("a")], vec![fresh("c"), kept("b", "2"), kept("a", "1")]),
        ("changed", vec![asked("a"), asked("z")], vec![kept("a", "1"), fresh("z")]),
    ];
    for (what, given, expected) in table {
        let planned = planned(Nesting::Set, prior(), Value::Set(given));
        assert_eq!(planned, Value::Set(expected), "{what}");
    }
}

#[test]
fn p5_a_set_element_that_says_more_is_served_first() {
    let schema = Schema::new([Attribute::nested(
        "rules",
        Nesting::Set,
        [Attribute::string("name").required(), Attribute::number("port").optional().computed()],
    )
    .optional()]);
    let rule = |port: Value| Value::object([("name", "a".into()), ("port", port)]);
    let prior = object(&schema, [("rules", Value::Set(vec![rule(80.into()), rule(1.into())]))]);
    // The open element stands first and would fit the rule of port 80, too.
    let given = object(&schema, [("rules", Value::Set(vec![rule(Value::Null), rule(80.into())]))]);
    assert_eq!(plan(&schema, &prior, &given, &given).action, Action::Nothing);
}

#[test]
fn p5_a_single_object_keeps_unless_it_is_new() {
    assert_eq!(planned(Nesting::Single, made("a", "1"), asked("a")), made("a", "1"));
    assert_eq!(planned(Nesting::Single, made("a", "1"), asked("b")), kept("b", "1"));
    assert_eq!(planned(Nesting::Single, Value::Null, asked("a")), fresh("a"));
    assert_eq!(planned(Nesting::Single, made("a", "1"), Value::Null), Value::Null);
}

#[test]
fn p4_unknown_collections_and_elements_stay_as_configured() {
    for nesting in [Nesting::Single, Nesting::List, Nesting::Set, Nesting::Map] {
        assert!(planned(nesting, nesting.empty(), Value::unknown()).is_unknown());
    }
    let given = Value::List(vec![asked("a"), Value::unknown()]);
    let prior = Value::List(vec![made("a", "1"), made("b", "2")]);
    assert_eq!(planned(Nesting::List, prior, given), Value::List(vec![kept("a", "1"), Value::unknown()]));
}

#[test]
fn p3_defaults_fill_each_element_of_a_set() {
    let given = Value::Set(vec![asked("a"), asked("b")]);
    assert_eq!(planned(Nesting::Set, Value::Null, given), Value::Set(vec![fresh("a"), fresh("b")]));
}

#[test]
fn p3_a_default_of_a_nested_attribute_is_completed_like_a_configuration() {
    let rules =
        Value::object([("name", "d".into()), ("port", Value::Null), ("id", Value::Null), ("status", Value::Null)]);
    let schema = Schema::new([Attribute::nested("rules", Nesting::Single, rule()).default(rules)]);
    assert_eq!(schema.check(), []);
    let given = object(&schema, []);
    let created = plan(&schema, &Value::Null, &given, &given);
    assert_eq!(created.value, object(&schema, [("rules", fresh("d"))]));
    let state = object(&schema, [("rules", made("d", "1"))]);
    assert_eq!(plan(&schema, &state, &given, &given).action, Action::Nothing);
}

#[test]
fn p5_computed_nested_attributes_are_unknown_as_a_whole_or_kept() {
    let node = [Attribute::string("address").computed()];
    let schema = Schema::new([
        Attribute::number("count_wanted").required(),
        Attribute::nested("nodes", Nesting::List, node.clone()).computed(),
        Attribute::nested("origin", Nesting::Single, node).computed().keep(),
    ]);
    let node = Value::object([("address", "10.0.0.1".into())]);
    let of = |count: i64, nodes: Value, origin: Value| {
        object(&schema, [("count_wanted", count.into()), ("nodes", nodes), ("origin", origin)])
    };
    let state = of(1, Value::List(vec![node.clone()]), node.clone());
    let given = of(2, Value::Null, Value::Null);
    assert_eq!(plan(&schema, &state, &given, &given).value, of(2, Value::unknown(), node));
    let same = of(1, Value::Null, Value::Null);
    assert_eq!(plan(&schema, &state, &same, &same).value, state);
}
