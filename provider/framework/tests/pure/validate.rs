//! Configurations against schemas.

use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Schema, Validator};
use tfkit::{Type, Value};

use crate::plan::object;

fn short(value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if text.len() <= 3 => Ok(()),
        Some(_) => Err("Must have three characters at most.".into()),
        None => panic!("a validator saw {}", value.kind()),
    }
}

fn few(value: &Value) -> Result<(), String> {
    let elements = value.as_elements().unwrap_or_else(|| panic!("a validator saw {}", value.kind()));
    assert!(elements.iter().all(Value::is_wholly_known));
    if elements.len() <= 1 { Ok(()) } else { Err("Must be one at most.".into()) }
}

const SHORT: Validator = Validator::new("three characters at most", short);
const FEW: Validator = Validator::new("one at most", few);

fn schema() -> Schema {
    let rule = || [Attribute::string("name").required().validate(SHORT), Attribute::string("id").computed()];
    Schema::new([
        Attribute::string("name").required().validate(SHORT),
        Attribute::string("secret_wo").optional().write_only().validate(SHORT),
        Attribute::plain("tags", Type::list(Type::String)).optional().validate(FEW),
        Attribute::nested("one", Nesting::Single, rule()).optional(),
        Attribute::nested("list", Nesting::List, rule()).optional().validate(FEW),
        Attribute::nested("map", Nesting::Map, rule()).optional(),
        Attribute::nested("set", Nesting::Set, rule()).optional(),
    ])
    .block(NestedBlock {
        min_items: 1,
        max_items: 2,
        ..NestedBlock::new("disk", Nesting::List, Block::new(rule()))
    })
}

fn rule(name: impl Into<Value>) -> Value {
    Value::object([("name", name.into()), ("id", Value::Null)])
}

/// What is said about a configuration with this in it, and all else in order.
fn said(name: &str, value: Value) -> Vec<(String, String)> {
    let mut config = object(&schema(), [("name", "ok".into()), ("disk", Value::List(vec![rule("a")]))]);
    assert!(config.set(&tfkit::Path::attribute(name), value).is_some());
    schema().validate(&config).iter().map(|one| (one.path.to_string(), one.summary.clone())).collect()
}

fn not_accepted(path: &str) -> Vec<(String, String)> {
    vec![(path.into(), "Attribute value not accepted".into())]
}

#[test]
fn required_values_are_there_at_every_depth() {
    let missing = |path: &str| vec![(path.to_owned(), "Missing required argument".to_owned())];
    assert_eq!(said("name", Value::Null), missing("name"));
    assert_eq!(said("name", Value::unknown()), []);
    assert_eq!(said("one", rule(Value::Null)), missing("one.name"));
    assert_eq!(said("one", Value::Null), []);
    assert_eq!(said("list", Value::List(vec![rule(Value::Null)])), missing("list[0].name"));
    assert_eq!(said("map", Value::map([("k", rule(Value::Null))])), missing("map[\"k\"].name"));
    assert_eq!(said("set", Value::Set(vec![rule(Value::Null)])), missing("set[*].name"));
    assert_eq!(said("disk", Value::List(vec![rule("a"), rule(Value::Null)])), missing("disk[1].name"));
}

#[test]
fn validators_see_wholly_known_values_only_and_give_exact_paths() {
    assert_eq!(said("name", "long".into()), not_accepted("name"));
    assert_eq!(said("secret_wo", "long".into()), not_accepted("secret_wo"));
    assert_eq!(said("secret_wo", Value::Null), []);
    assert_eq!(said("secret_wo", Value::unknown()), []);
    assert_eq!(said("tags", Value::list(["a", "b"])), not_accepted("tags"));
    assert_eq!(said("tags", Value::List(vec!["a".into(), Value::unknown()])), []);
    assert_eq!(said("list", Value::List(vec![rule("long"), rule("a")])).len(), 2);
    assert_eq!(said("map", Value::map([("k", rule("long"))])), not_accepted("map[\"k\"].name"));
    assert_eq!(said("set", Value::Set(vec![rule("a"), rule("long")])), not_accepted("set[*].name"));
    assert_eq!(said("set", Value::Set(vec![Value::unknown()])), []);
}

#[test]
fn values_of_the_provider_are_not_configured() {
    let given = Value::object([("name", "a".into()), ("id", "mine".into())]);
    assert_eq!(said("one", given), [("one.id".into(), "Value for a read-only attribute".into())]);
}

#[test]
fn blocks_are_counted_unless_some_are_not_known_yet() {
    let disks = |count: usize| Value::List(vec![rule("a"); count]);
    let about = |summary: &str| vec![("disk".to_owned(), summary.to_owned())];
    assert_eq!(said("disk", disks(0)), about("Too few blocks"));
    assert_eq!(said("disk", disks(2)), []);
    assert_eq!(said("disk", disks(3)), about("Too many blocks"));
    assert_eq!(said("disk", Value::unknown()), []);
    assert_eq!(said("disk", Value::List(vec![Value::unknown(), rule("a"), rule("b")])), []);
}

#[test]
fn p8_defaults_may_not_make_two_elements_of_a_set_one() {
    let rule = [Attribute::string("name").required(), Attribute::number("port").default(80)];
    let schema = Schema::new([Attribute::nested("rules", Nesting::Set, rule).optional()]);
    let rule = |port: Value| Value::object([("name", "a".into()), ("port", port)]);
    let said = |rules: Vec<Value>| {
        let config = object(&schema, [("rules", Value::Set(rules))]);
        schema.validate(&config).iter().map(|one| (one.path.to_string(), one.summary.clone())).collect::<Vec<_>>()
    };
    assert_eq!(said(vec![rule(Value::Null), rule(81.into())]), []);
    assert_eq!(said(vec![rule(Value::Null), rule(Value::unknown())]), []);
    let collapsed = said(vec![rule(Value::Null), rule(80.into())]);
    assert_eq!(collapsed, [("rules".to_owned(), "Two elements of a set are the same".to_owned())]);
}
