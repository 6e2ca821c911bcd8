//! What core would say of a plan, rule by rule: each row is an answer that a careless provider gives.

use tfkit::check::{Breach, planned, planned_destroy, replanned};
use tfkit::plan::{Action, Planned};
use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Schema};
use tfkit::{Path, Type, Value};

use crate::plan::object;

fn thing() -> Schema {
    let rule = || [Attribute::string("name").required(), Attribute::string("id").computed()];
    Schema::new([
        Attribute::string("name").required(),
        Attribute::string("note").optional(),
        Attribute::string("zone").optional().computed(),
        Attribute::string("id").computed(),
        Attribute::string("secret_wo").optional().write_only(),
        Attribute::plain("tags", Type::list(Type::String)).optional(),
        Attribute::nested("one", Nesting::Single, rule()).optional(),
        Attribute::nested("list", Nesting::List, rule()).optional(),
        Attribute::nested("map", Nesting::Map, rule()).optional(),
        Attribute::nested("set", Nesting::Set, rule()).optional(),
        Attribute::nested("nodes", Nesting::List, rule()).computed(),
    ])
    .block(NestedBlock::new("blocks", Nesting::List, Block::new(rule())))
    .block(NestedBlock::new("keyed", Nesting::Map, Block::new(rule())))
    .block(NestedBlock::new("bag", Nesting::Set, Block::new(rule())))
    .block(NestedBlock::new("single", Nesting::Single, Block::new(rule())))
}

fn of<const N: usize>(given: [(&str, Value); N]) -> Value {
    object(&thing(), given)
}

fn rule(name: &str, id: Value) -> Value {
    Value::object([("name", name.into()), ("id", id)])
}

fn rules(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| rule(name, Value::Null)).collect()
}

fn breaches(prior: &Value, config: &Value, value: Value) -> Vec<(String, Breach)> {
    let planned =
        planned(&thing(), prior, config, &Planned { action: Action::Update, value, requires_replace: vec![] });
    planned.into_iter().map(|violation| (violation.path.to_string(), violation.breach)).collect()
}

/// One attribute or block: configured so, planned so, with no prior state. What is said about it?
fn said(name: &str, configured: Value, planned: Value) -> Vec<(String, Breach)> {
    breaches(&Value::Null, &of([(name, configured)]), of([(name, planned)]))
}

fn says(path: &str, breach: Breach) -> Vec<(String, Breach)> {
    vec![(path.to_owned(), breach)]
}

#[test]
fn p1_a_destroy_is_null_and_nothing_else_is() {
    assert_eq!(planned_destroy(&Value::Null), []);
    assert_eq!(planned_destroy(&of([]))[0].breach, Breach::DestroyNotNull);
    assert_eq!(breaches(&of([]), &of([]), Value::Null), says("", Breach::PlannedAbsent));
    assert_eq!(breaches(&of([]), &Value::Null, of([])), says("", Breach::PlannedPresent));
}

#[test]
fn p2_a_configured_value_is_planned_as_it_is_or_as_it_was() {
    let config = of([("name", "A".into()), ("tags", Value::list(["x"]))]);
    let prior = of([("name", "a".into()), ("tags", Value::list(["X"]))]);
    assert_eq!(breaches(&prior, &config, config.clone()), []);
    assert_eq!(breaches(&prior, &config, prior.clone()), []);
    let third = of([("name", "á".into()), ("tags", Value::list(["X"]))]);
    assert_eq!(breaches(&prior, &config, third), says("name", Breach::PlannedOther));
    assert_eq!(said("name", "a".into(), Value::Null), says("name", Breach::PlannedAbsent));
    assert_eq!(said("tags", Value::list(["x"]), Value::list(["x", "y"])), says("tags", Breach::PlannedOther));
}

#[test]
fn p2_a_prior_null_is_no_excuse() {
    let config = of([("note", "n".into())]);
    assert_eq!(breaches(&of([]), &config, of([])), says("note", Breach::PlannedAbsent));
}

#[test]
fn p3_without_a_configured_value_only_computed_ones_are_free() {
    assert_eq!(said("note", Value::Null, "n".into()), says("note", Breach::PlannedPresent));
    assert_eq!(said("note", Value::Null, Value::unknown()), says("note", Breach::PlannedPresent));
    for planned in ["z".into(), Value::unknown(), Value::Null] {
        assert_eq!(said("zone", Value::Null, planned.clone()), []);
        assert_eq!(said("id", Value::Null, planned), []);
    }
    assert_eq!(said("nodes", Value::Null, Value::List(rules(&["a"]))), []);
    assert_eq!(said("nodes", Value::Null, Value::unknown()), []);
    let prior = of([("note", "n".into())]);
    assert_eq!(breaches(&prior, &of([]), prior.clone()), says("note", Breach::PlannedPresent));
}

#[test]
fn p4_a_configured_value_is_never_planned_unknown() {
    assert_eq!(said("name", "a".into(), Value::unknown()), says("name", Breach::PlannedUnknown));
    assert_eq!(said("zone", "z".into(), Value::unknown()), says("zone", Breach::PlannedUnknown));
    assert_eq!(said("one", rule("a", Value::Null), Value::unknown()), says("one", Breach::PlannedUnknown));
    assert_eq!(said("list", Value::List(rules(&["a"])), Value::unknown()), says("list", Breach::PlannedUnknown));
    let element = Value::List(vec![Value::unknown()]);
    assert_eq!(said("list", Value::List(rules(&["a"])), element), says("list[0]", Breach::PlannedUnknown));
    let inside = Value::map([("k", Value::object([("name", Value::unknown()), ("id", Value::unknown())]))]);
    let given = Value::map([("k", rule("a", Value::Null))]);
    assert_eq!(said("map", given, inside), says("map[\"k\"].name", Breach::PlannedUnknown));
}

#[test]
fn p4_an_unknown_configuration_is_not_guessed() {
    assert_eq!(said("name", Value::unknown(), "a".into()), says("name", Breach::PlannedKnown));
    assert_eq!(said("list", Value::unknown(), Value::List(vec![])), says("list", Breach::PlannedKnown));
    assert_eq!(said("blocks", Value::unknown(), Value::List(vec![])), says("blocks", Breach::PlannedKnown));
    assert_eq!(said("bag", Value::unknown(), Value::Set(vec![])), says("bag", Breach::PlannedKnown));
    for name in ["name", "zone", "one", "list", "set", "blocks", "bag"] {
        assert_eq!(said(name, Value::unknown(), Value::unknown()), [], "{name}");
    }
}

#[test]
fn p7_a_write_only_value_is_never_planned() {
    assert_eq!(said("secret_wo", "hunter2".into(), Value::Null), []);
    assert_eq!(said("secret_wo", "hunter2".into(), "hunter2".into()), says("secret_wo", Breach::WriteOnly));
    assert_eq!(said("secret_wo", Value::Null, Value::unknown()), says("secret_wo", Breach::WriteOnly));
    let planned = of([("secret_wo", "hunter2".into())]);
    let config = of([]);
    let violations = tfkit::check::planned(
        &thing(),
        &Value::Null,
        &config,
        &Planned { action: Action::Create, value: planned, requires_replace: vec![] },
    );
    assert!(!format!("{violations:?} {}", violations[0]).contains("hunter2"));
}

#[test]
fn p8_nested_objects_are_as_many_as_configured() {
    let (two, one) = (rules(&["a", "b"]), rules(&["a"]));
    let count = || Breach::PlannedCount { planned: 1, configured: 2 };
    assert_eq!(said("list", Value::List(two.clone()), Value::List(one.clone())), says("list", count()));
    assert_eq!(said("set", Value::Set(two.clone()), Value::Set(one.clone())), says("set", count()));
    assert_eq!(said("blocks", Value::List(two), Value::List(one)), says("blocks", count()));
    let map = |key: &str| Value::map([(key, rule("a", Value::Null))]);
    assert_eq!(said("map", map("x"), map("y")), says("map", Breach::PlannedKeys));
    assert_eq!(said("keyed", map("x"), map("y")), says("keyed", Breach::PlannedKeys));
}

#[test]
fn p8_nested_objects_are_checked_one_by_one() {
    let other = |id: Value| Value::List(vec![rule("a", id.clone()), rule("z", id)]);
    let given = || Value::List(rules(&["a", "b"]));
    assert_eq!(said("list", given(), other(Value::unknown())), says("list[1].name", Breach::PlannedOther));
    assert_eq!(said("blocks", given(), other("i".into())), says("blocks[1].name", Breach::PlannedOther));
    assert_eq!(said("one", rule("a", Value::Null), rule("b", Value::Null)), says("one.name", Breach::PlannedOther));
    assert_eq!(
        said("single", rule("a", Value::Null), rule("b", Value::Null)),
        says("single.name", Breach::PlannedOther)
    );
    // Nothing tells elements of a set apart: core trusts the provider.
    assert_eq!(said("set", Value::Set(rules(&["a"])), Value::Set(rules(&["z"]))), []);
    assert_eq!(said("bag", Value::Set(rules(&["a"])), Value::Set(rules(&["z"]))), []);
}

#[test]
fn p8_blocks_are_empty_not_null_and_never_unknown() {
    for name in ["blocks", "keyed", "bag"] {
        let empty = of([]).get(&Path::attribute(name)).unwrap().clone();
        assert_eq!(said(name, empty.clone(), Value::Null), says(name, Breach::NullBlocks));
        assert_eq!(said(name, empty, Value::unknown()), says(name, Breach::PlannedUnknown));
    }
    let element = Value::Set(vec![Value::unknown()]);
    assert_eq!(said("bag", Value::Set(rules(&["a"])), element), says("bag[*]", Breach::PlannedUnknown));
    assert_eq!(said("single", Value::Null, rule("a", Value::Null)), says("single", Breach::PlannedPresent));
    assert_eq!(said("single", rule("a", Value::Null), Value::Null), says("single", Breach::PlannedAbsent));
    assert_eq!(said("single", Value::Null, Value::Null), []);
}

#[test]
fn p9_a_replacement_needs_a_path_that_exists() {
    let (prior, config) = (of([("list", Value::List(rules(&["a"])))]), of([("name", "a".into())]));
    let paths = [
        (Path::attribute("name"), true),
        (Path::attribute("list").index(0).attr("name"), true),
        (Path::attribute("list").index(1), false),
        (Path::attribute("nome"), false),
    ];
    for (path, exists) in paths {
        let answer = Planned { action: Action::Update, value: config.clone(), requires_replace: vec![path.clone()] };
        let violations = planned(&thing(), &prior, &config, &answer);
        assert_eq!(violations.is_empty(), exists, "{path}");
        assert!(violations.iter().all(|violation| violation.breach == Breach::ReplacePath && violation.path == path));
    }
}

#[test]
fn p10_the_second_plan_keeps_what_the_first_one_knew() {
    let first = of([("name", "a".into()), ("id", Value::unknown()), ("zone", Value::Null)]);
    let second = |name: &str, id: Value, zone: Value| of([("name", name.into()), ("id", id), ("zone", zone)]);
    let table = [
        (second("a", Value::unknown(), Value::Null), None),
        (second("a", "i".into(), Value::Null), None),
        (second("b", "i".into(), Value::Null), Some(("name", Breach::Changed))),
        (second("a", "i".into(), "z".into()), Some(("zone", Breach::WasNull))),
        (second("a", "i".into(), Value::unknown()), Some(("zone", Breach::WasNull))),
    ];
    for (second, expected) in table {
        let said: Vec<_> =
            replanned(&first, &second).into_iter().map(|one| (one.path.to_string(), one.breach)).collect();
        let expected: Vec<_> = expected.into_iter().map(|(path, breach)| (path.to_owned(), breach)).collect();
        assert_eq!(said, expected);
    }
    let known = of([("id", "i".into())]);
    assert_eq!(replanned(&known, &of([("id", Value::unknown())]))[0].breach, Breach::NowUnknown);
}

#[test]
fn a_plan_of_another_type_is_refused_first() {
    let violations = breaches(&Value::Null, &of([]), Value::object([("name", 1.into())]));
    assert!(matches!(violations[..], [(_, Breach::Type(_))]), "{violations:?}");
}
