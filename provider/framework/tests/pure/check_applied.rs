//! What core would say of a new state, rule by rule.

use tfkit::check::{Answer, Breach, applied, failed, state};
use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Schema};
use tfkit::value::{Promises, Refinement};
use tfkit::{Type, Value};

use crate::plan::object;

fn thing() -> Schema {
    let rule = || [Attribute::string("name").required(), Attribute::string("id").computed()];
    Schema::new([
        Attribute::string("name").optional(),
        Attribute::string("id").computed(),
        Attribute::string("secret_wo").optional().write_only(),
        Attribute::plain("tags", Type::list(Type::String)).optional(),
        Attribute::plain("bag", Type::set(Type::String)).optional(),
        Attribute::plain("labels", Type::map(Type::String)).optional(),
        Attribute::plain("any", Type::Dynamic).optional(),
        Attribute::nested("rules", Nesting::Set, rule()).optional(),
    ])
    .block(NestedBlock::new("block", Nesting::List, Block::new(rule())))
}

fn of<const N: usize>(given: [(&str, Value); N]) -> Value {
    object(&thing(), given)
}

/// One attribute: planned so, and so in the new state. What is said about it?
fn said(name: &str, planned: Value, new: Value) -> Vec<(String, Breach)> {
    let violations = applied(&thing(), &of([(name, planned)]), &of([(name, new)]));
    violations.into_iter().map(|violation| (violation.path.to_string(), violation.breach)).collect()
}

fn says(path: &str, breach: Breach) -> Vec<(String, Breach)> {
    vec![(path.to_owned(), breach)]
}

#[test]
fn a1_the_new_state_is_known_of_the_type_and_null_only_after_a_destroy() {
    assert_eq!(said("id", Value::unknown(), "i".into()), []);
    assert_eq!(said("id", Value::unknown(), Value::Null), []);
    assert_eq!(said("id", Value::unknown(), Value::unknown()), says("id", Breach::Unknown));
    let inside = Value::List(vec!["x".into(), Value::unknown()]);
    assert_eq!(said("tags", Value::unknown(), inside), says("tags[1]", Breach::Unknown));
    assert_eq!(applied(&thing(), &of([]), &Value::Null)[0].breach, Breach::Vanished);
    assert_eq!(applied(&thing(), &Value::Null, &of([]))[0].breach, Breach::NotDestroyed);
    assert_eq!(applied(&thing(), &Value::Null, &Value::Null), []);
    let other = Value::object([("name", 1.into())]);
    assert!(matches!(applied(&thing(), &of([]), &other)[0].breach, Breach::Type(_)));
}

#[test]
fn a2_what_was_known_is_the_same() {
    let number = |text: &str| Value::Number(text.parse().unwrap());
    let any = |value: Value| Value::dynamic(Type::Number, value);
    assert_eq!(said("any", any(number("1e30")), any(number("1000000000000000000000000000000"))), []);
    assert_eq!(said("any", any(number("0.1")), any(number("0.10000000000000001"))), says("any", Breach::Changed));
    assert_eq!(said("any", any(1.into()), Value::dynamic(Type::String, "1".into())), says("any", Breach::Changed));
    assert_eq!(said("name", "a".into(), "A".into()), says("name", Breach::Changed));
    assert_eq!(said("name", "é".into(), "e\u{301}".into()), says("name", Breach::Changed));
    assert_eq!(said("name", "".into(), Value::Null), says("name", Breach::NowNull));
    assert_eq!(said("name", Value::Null, "".into()), says("name", Breach::WasNull));
}

#[test]
fn a2_lists_keep_order_and_length_maps_their_keys() {
    let count = |planned, actual| Breach::Count { planned, actual };
    assert_eq!(said("tags", Value::list(["a"]), Value::list(["a", "b"])), says("tags", count(1, 2)));
    assert_eq!(
        said("tags", Value::list(["a", "b"]), Value::list(["b", "a"])),
        [("tags[0]".into(), Breach::Changed), ("tags[1]".into(), Breach::Changed)]
    );
    let map = |key: &str, value: &str| Value::map([(key, value.into())]);
    assert_eq!(said("labels", map("k", "v"), map("k", "w")), says("labels[\"k\"]", Breach::Changed));
    assert_eq!(said("labels", map("k", "v"), map("l", "v")), says("labels", Breach::Keys));
}

#[test]
fn a2_sets_may_shrink_but_never_grow() {
    let set = |elements: Vec<Value>| Value::Set(elements);
    let unknown = Value::unknown;
    assert_eq!(said("bag", set(vec!["a".into(), unknown(), unknown()]), set(vec!["b".into(), "a".into()])), []);
    assert_eq!(said("bag", set(vec!["a".into(), "b".into()]), set(vec!["b".into(), "a".into()])), []);
    let grown = said("bag", set(vec![unknown()]), set(vec!["a".into(), "b".into()]));
    assert_eq!(grown, says("bag", Breach::Count { planned: 1, actual: 2 }));
    let gone = said("bag", set(vec!["a".into(), "b".into()]), set(vec!["a".into()]));
    assert_eq!(gone, says("bag[*]", Breach::ElementVanished));
    let swapped = said("bag", set(vec!["a".into(), "b".into()]), set(vec!["a".into(), "c".into()]));
    assert_eq!(swapped, says("bag[*]", Breach::ElementVanished));
}

#[test]
fn a2_nested_sets_match_by_what_was_known() {
    let rule = |name: &str, id: Value| Value::object([("name", name.into()), ("id", id)]);
    let planned = || Value::Set(vec![rule("a", Value::unknown()), rule("b", Value::unknown())]);
    let made = Value::Set(vec![rule("b", "2".into()), rule("a", "1".into())]);
    assert_eq!(said("rules", planned(), made), []);
    let renamed = Value::Set(vec![rule("z", "2".into()), rule("a", "1".into())]);
    assert_eq!(said("rules", planned(), renamed), says("rules[*]", Breach::ElementVanished));
    let planned = Value::Set(vec![rule("a", Value::unknown()), Value::unknown()]);
    let two = Value::Set(vec![rule("a", "1".into()), rule("q", "2".into())]);
    assert_eq!(said("rules", planned, two), []);
}

#[test]
fn a2_unknown_keeps_its_promises() {
    let prefixed = Refinement::from(Promises { prefix: Some("i-".into()), ..Promises::default() });
    assert_eq!(said("id", Value::Unknown(prefixed.clone()), "i-1".into()), []);
    assert!(matches!(said("id", Value::Unknown(prefixed), "x".into())[..], [(_, Breach::Promise(_))]));
    let not_null = Value::Unknown(Refinement::not_null());
    assert!(matches!(said("id", not_null, Value::Null)[..], [(_, Breach::Promise(_))]));
}

#[test]
fn a3_after_an_error_the_state_is_legal_but_need_not_be_as_planned() {
    assert_eq!(failed(&thing(), &of([("name", "half".into())])), []);
    assert_eq!(failed(&thing(), &Value::Null), []);
    assert_eq!(failed(&thing(), &of([("id", Value::unknown())]))[0].breach, Breach::Unknown);
    assert_eq!(failed(&thing(), &of([("secret_wo", "x".into())]))[0].breach, Breach::WriteOnly);
}

#[test]
fn a5_a_write_only_value_is_never_stored() {
    assert_eq!(said("secret_wo", Value::Null, Value::Null), []);
    assert_eq!(said("secret_wo", Value::Null, "x".into())[0], ("secret_wo".into(), Breach::WriteOnly));
}

#[test]
fn r1_only_a_read_may_find_nothing() {
    assert_eq!(state(&thing(), &Value::Null, Answer::Read), []);
    assert_eq!(state(&thing(), &Value::Null, Answer::State)[0].breach, Breach::Vanished);
}

#[test]
fn r3_no_state_has_unknown_or_write_only_values_or_another_type() {
    for answer in [Answer::Read, Answer::State] {
        assert_eq!(state(&thing(), &of([("name", "a".into())]), answer), []);
        let unknown = state(&thing(), &of([("tags", Value::unknown())]), answer);
        assert_eq!((unknown[0].path.to_string(), &unknown[0].breach), ("tags".into(), &Breach::Unknown));
        let secret = state(&thing(), &of([("secret_wo", "x".into())]), answer);
        assert_eq!((secret[0].path.to_string(), &secret[0].breach), ("secret_wo".into(), &Breach::WriteOnly));
        let mut wrong = of([]);
        let Value::Object(attributes) = &mut wrong else { unreachable!("made above") };
        attributes.remove("name");
        assert!(matches!(state(&thing(), &wrong, answer)[0].breach, Breach::Type(_)));
    }
}

#[test]
fn p8_no_state_has_null_instead_of_no_blocks() {
    let null = of([("block", Value::Null)]);
    assert_eq!(state(&thing(), &null, Answer::Read)[0].breach, Breach::NullBlocks);
    assert_eq!(applied(&thing(), &of([]), &null)[0].breach, Breach::NullBlocks);
}

#[test]
fn violations_read_as_sentences() {
    let violation = &applied(&thing(), &of([("name", "a".into())]), &of([("name", "b".into())]))[0];
    assert_eq!(violation.to_string(), "name: is not the value that was planned");
}
