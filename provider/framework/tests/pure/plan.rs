//! Planning, rule by rule (P1 to P13 of the facts), at the root of a resource.

use tfkit::plan::{Action, Planned, finish, plan, propose, propose_update};
use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Schema};
use tfkit::{Path, Type, Value};

/// A file, as everybody's first resource.
pub(crate) fn file() -> Schema {
    Schema::new([
        Attribute::string("path").required().replace(),
        Attribute::string("mode").default("0644"),
        Attribute::string("owner").optional(),
        Attribute::string("group").optional().computed(),
        Attribute::string("id").computed().keep(),
        Attribute::number("size").computed(),
        Attribute::string("secret_wo").optional().write_only().replace(),
        Attribute::number("secret_wo_version").optional(),
    ])
}

/// An object of the schema with everything null but these.
pub(crate) fn object<const N: usize>(schema: &Schema, given: [(&str, Value); N]) -> Value {
    let Type::Object(types) = schema.object_type() else { unreachable!("a schema is an object") };
    let mut value = Value::object(types.names().map(|name| (name, Value::Null)));
    for block in &schema.block.blocks {
        let _null = value.set(&Path::attribute(&block.name), block.nesting.empty());
    }
    for (name, one) in given {
        assert!(value.set(&Path::attribute(name), one).is_some(), "{name}");
    }
    assert_eq!(value.conform(&schema.object_type()), Ok(()));
    value
}

fn planned(prior: &Value, config: &Value) -> Planned {
    plan(&file(), prior, config, config)
}

fn config<const N: usize>(given: [(&str, Value); N]) -> Value {
    object(&file(), given)
}

fn state() -> Value {
    config([
        ("path", "/a".into()),
        ("mode", "0644".into()),
        ("group", "staff".into()),
        ("id", "f-1".into()),
        ("size", 12.into()),
    ])
}

#[test]
fn p1_null_prior_is_create_and_null_proposed_is_destroy() {
    assert_eq!(planned(&Value::Null, &config([("path", "/a".into())])).action, Action::Create);
    let destroy = plan(&file(), &state(), &Value::Null, &Value::Null);
    assert_eq!(destroy, Planned { action: Action::Destroy, value: Value::Null, requires_replace: vec![] });
}

#[test]
fn p2_what_the_user_gives_stands_as_given() {
    let given =
        config([("path", "/a".into()), ("mode", "0600".into()), ("owner", "me".into()), ("group", "wheel".into())]);
    let planned = planned(&Value::Null, &given).value;
    for name in ["path", "mode", "owner", "group"] {
        let path = Path::attribute(name);
        assert_eq!(planned.get(&path), given.get(&path), "{name}");
    }
}

#[test]
fn p3_null_stays_null_unless_computed_and_defaults_fill_in() {
    let planned = planned(&Value::Null, &config([("path", "/a".into())])).value;
    let expected = config([
        ("path", "/a".into()),
        ("mode", "0644".into()),
        ("group", Value::unknown()),
        ("id", Value::unknown()),
        ("size", Value::unknown()),
    ]);
    assert_eq!(planned, expected);
}

#[test]
fn p3_what_the_user_takes_back_becomes_null_or_default() {
    let prior = config([("path", "/a".into()), ("mode", "0600".into()), ("owner", "me".into()), ("id", "f-1".into())]);
    let planned = planned(&prior, &config([("path", "/a".into())])).value;
    assert_eq!(planned.get(&Path::attribute("owner")), Some(&Value::Null));
    assert_eq!(planned.get(&Path::attribute("mode")), Some(&"0644".into()));
}

#[test]
fn p4_unknown_configuration_stays_unknown_and_nothing_configured_becomes_unknown() {
    let given = config([("path", Value::unknown()), ("group", "wheel".into())]);
    let planned = planned(&Value::Null, &given).value;
    assert!(planned.get(&Path::attribute("path")).unwrap().is_unknown());
    assert_eq!(planned.get(&Path::attribute("group")), Some(&"wheel".into()));
}

#[test]
fn p5_no_change_is_the_prior_state_exactly() {
    let planned = planned(&state(), &config([("path", "/a".into())]));
    assert_eq!(planned, Planned { action: Action::Nothing, value: state(), requires_replace: vec![] });
}

#[test]
fn p5_any_change_marks_what_is_computed_except_what_is_kept() {
    let planned = planned(&state(), &config([("path", "/a".into()), ("owner", "me".into())]));
    let expected = config([
        ("path", "/a".into()),
        ("mode", "0644".into()),
        ("owner", "me".into()),
        ("group", Value::unknown()),
        ("id", "f-1".into()),
        ("size", Value::unknown()),
    ]);
    assert_eq!(planned, Planned { action: Action::Update, value: expected, requires_replace: vec![] });
}

#[test]
fn p5_what_is_kept_is_unknown_while_there_is_nothing_to_keep() {
    let mut prior = state();
    assert!(prior.set(&Path::attribute("id"), Value::Null).is_some());
    let planned = planned(&prior, &config([("path", "/a".into()), ("owner", "me".into())]));
    assert!(planned.value.get(&Path::attribute("id")).unwrap().is_unknown());
}

#[test]
fn p6_an_update_promises_nothing_volatile() {
    let planned = planned(&state(), &config([("path", "/a".into()), ("mode", "0600".into())]));
    for (name, volatile) in [("size", true), ("group", true), ("id", false)] {
        assert_eq!(planned.value.get(&Path::attribute(name)).unwrap().is_unknown(), volatile, "{name}");
    }
}

#[test]
fn p7_write_only_values_are_null_in_every_plan() {
    let secret = || ("secret_wo", Value::from("hunter2"));
    let create = planned(&Value::Null, &config([("path", "/a".into()), secret()]));
    assert_eq!(create.value.get(&Path::attribute("secret_wo")), Some(&Value::Null));
    let nothing = planned(&state(), &config([("path", "/a".into()), secret()]));
    assert_eq!((nothing.action, nothing.value), (Action::Nothing, state()));
}

#[test]
fn p7_not_even_the_author_can_plan_a_write_only_value() {
    let given = config([("path", "/a".into()), ("secret_wo", "hunter2".into())]);
    let mut proposal = propose(&file(), &Value::Null, &given, &given);
    assert!(proposal.value.set(&Path::attribute("secret_wo"), "hunter2".into()).is_some());
    let planned = finish(&file(), &Value::Null, &given, proposal.value);
    assert_eq!(planned.value.get(&Path::attribute("secret_wo")), Some(&Value::Null));
}

#[test]
fn p7_nested_write_only_values_are_null_too() {
    let login = || [Attribute::string("user").required(), Attribute::string("password").optional().write_only()];
    let schema = Schema::new([
        Attribute::nested("one", Nesting::Single, login()).optional(),
        Attribute::nested("many", Nesting::Map, login()).optional(),
    ])
    .block(NestedBlock::new("login", Nesting::List, Block::new(login())));
    let of = |password: Value| {
        let login = Value::object([("user", "u".into()), ("password", password)]);
        let many = Value::map([("k", login.clone())]);
        object(&schema, [("one", login.clone()), ("many", many), ("login", Value::List(vec![login]))])
    };
    let given = of("hunter2".into());
    assert_eq!(plan(&schema, &Value::Null, &given, &given).value, of(Value::Null));
    assert_eq!(plan(&schema, &of(Value::Null), &given, &given).action, Action::Nothing);
}

fn with_disks() -> Schema {
    let disk = Block::new([Attribute::string("name").required(), Attribute::string("device").computed()]);
    Schema::new([Attribute::string("id").computed().keep()])
        .block(NestedBlock::new("disk", Nesting::List, disk.clone()))
        .block(NestedBlock::new("boot", Nesting::Single, disk))
}

#[test]
fn p8_blocks_are_as_many_as_configured_and_never_unknown() {
    let schema = with_disks();
    let disk = |name: &str, device: Value| Value::object([("name", name.into()), ("device", device)]);
    let given = object(&schema, [("disk", Value::List(vec![disk("a", Value::Null), disk("b", Value::Null)]))]);
    let planned = plan(&schema, &Value::Null, &given, &given).value;
    let disks = Value::List(vec![disk("a", Value::unknown()), disk("b", Value::unknown())]);
    assert_eq!(planned, object(&schema, [("id", Value::unknown()), ("disk", disks)]));
    let empty = object(&schema, []);
    let planned = plan(&schema, &planned, &empty, &empty).value;
    assert_eq!(planned.get(&Path::attribute("disk")), Some(&Value::List(vec![])));
}

#[test]
fn p8_an_unexpanded_dynamic_block_stays_as_configured() {
    let schema = with_disks();
    let given = object(&schema, [("disk", Value::unknown())]);
    let planned = plan(&schema, &Value::Null, &given, &given).value;
    assert!(planned.get(&Path::attribute("disk")).unwrap().is_unknown());
}

#[test]
fn p9_replacement_is_asked_for_on_update_only_and_only_for_changes() {
    let moved = config([("path", "/b".into())]);
    assert_eq!(planned(&state(), &moved).requires_replace, [Path::attribute("path")]);
    assert_eq!(planned(&Value::Null, &moved).requires_replace, []);
    let unknown = config([("path", Value::unknown())]);
    assert_eq!(planned(&state(), &unknown).requires_replace, [Path::attribute("path")]);
    let other = config([("path", "/a".into()), ("owner", "me".into())]);
    assert_eq!(planned(&state(), &other).requires_replace, []);
    assert_eq!(plan(&file(), &state(), &Value::Null, &Value::Null).requires_replace, []);
}

#[test]
fn p9_the_plan_of_a_replacement_is_that_of_a_create() {
    let moved = config([("path", "/b".into())]);
    let again = planned(&Value::Null, &moved);
    assert_eq!(again.action, Action::Create);
    assert!(again.value.get(&Path::attribute("id")).unwrap().is_unknown());
}

#[test]
fn p9_a_write_only_value_replaces_when_its_version_changes() {
    let of = |version: i64| {
        config([("path", "/a".into()), ("secret_wo", "x".into()), ("secret_wo_version", version.into())])
    };
    let mut prior = state();
    assert!(prior.set(&Path::attribute("secret_wo_version"), 1.into()).is_some());
    assert_eq!(planned(&prior, &of(1)).action, Action::Nothing);
    assert_eq!(planned(&prior, &of(2)).requires_replace, [Path::attribute("secret_wo")]);
}

#[test]
fn p10_known_in_the_first_plan_is_the_same_in_the_second() {
    let first = planned(&state(), &config([("path", "/a".into()), ("owner", Value::unknown())])).value;
    // The unknown owner turns out to be null: after all, nothing changes.
    let second = planned(&state(), &config([("path", "/a".into())])).value;
    assert_eq!(second, state());
    assert_eq!(tfkit::check::replanned(&first, &second), []);
}

#[test]
fn p12_unknown_configuration_never_fails() {
    let unknown = Value::object(
        ["path", "mode", "owner", "group", "secret_wo", "secret_wo_version"].map(|name| (name, Value::unknown())),
    );
    let Value::Object(mut given) = unknown else { unreachable!("made above") };
    given.insert("id", Value::Null);
    given.insert("size", Value::Null);
    let given = Value::Object(given);
    for prior in [Value::Null, state()] {
        let planned = planned(&prior, &given);
        assert_eq!(tfkit::check::planned(&file(), &prior, &given, &planned), []);
        assert!(planned.value.get(&Path::attribute("mode")).unwrap().is_unknown());
    }
}

#[test]
fn the_author_can_make_values_unknown_and_find_work_where_nothing_changed() {
    let same = config([("path", "/a".into())]);
    let mut work = propose_update(&file(), &state(), &same);
    assert!(!work.set_unknown(&Path::attribute("none")));
    assert!(work.value.get(&Path::attribute("size")).unwrap().is_unknown());
    assert_eq!(work.value.get(&Path::attribute("id")), Some(&"f-1".into()));
    let planned = finish(&file(), &state(), &same, work.value);
    assert_eq!((planned.action, planned.requires_replace), (Action::Update, vec![]));

    let mut nothing = propose(&file(), &state(), &same, &same);
    assert_eq!(nothing.action, Action::Nothing);
    assert!(nothing.set_unknown(&Path::attribute("size")));
    assert_eq!(finish(&file(), &state(), &same, nothing.value).action, Action::Update);
}

#[test]
fn the_author_can_take_a_change_back() {
    let louder = config([("path", "/A".into())]);
    // "The same path in other letters": every planned value back to the prior one.
    let planned = finish(&file(), &state(), &louder, state());
    assert_eq!((planned.action, planned.value, planned.requires_replace), (Action::Nothing, state(), vec![]));
}
