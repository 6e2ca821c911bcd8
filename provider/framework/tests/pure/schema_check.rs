//! Faults of schemas, one by one.

use tfkit::schema::{Attribute, Block, Kind, NestedBlock, Nesting, Schema, SchemaFault, Validator};
use tfkit::{Path, Type, Value};

fn faults(schema: &Schema) -> Vec<(String, SchemaFault)> {
    schema.check().into_iter().map(|problem| (problem.path.to_string(), problem.fault)).collect()
}

/// The only fault of a schema with only this attribute.
fn fault(attribute: Attribute) -> Option<SchemaFault> {
    let faults = faults(&Schema::new([attribute]));
    assert!(faults.len() < 2, "{faults:?}");
    faults.into_iter().next().map(|(_, fault)| fault)
}

fn a() -> Attribute {
    Attribute::string("a")
}

const NON_EMPTY: Validator = Validator::new("not empty", |_| Ok(()));

#[test]
fn w6_modes_exclude_each_other() {
    for good in [a().required(), a().optional(), a().computed(), a().optional().computed(), a().default("x")] {
        assert_eq!(fault(good), None);
    }
    assert_eq!(fault(a()), Some(SchemaFault::NoMode));
    assert_eq!(fault(a().required().optional()), Some(SchemaFault::RequiredAndOther));
    assert_eq!(fault(a().required().computed()), Some(SchemaFault::RequiredAndOther));
    assert_eq!(fault(a().computed().validate(NON_EMPTY)), Some(SchemaFault::ValidatorComputed));
    assert_eq!(fault(a().optional().computed().validate(NON_EMPTY)), None);
}

#[test]
fn p7_write_only_is_of_the_configuration_only() {
    assert_eq!(fault(a().optional().write_only()), None);
    assert_eq!(fault(a().required().write_only()), None);
    assert_eq!(fault(a().optional().computed().write_only()), Some(SchemaFault::WriteOnlyComputed));
    assert_eq!(fault(a().optional().keep().write_only()), Some(SchemaFault::WriteOnlyComputed));
    assert_eq!(fault(a().default("x").write_only()), Some(SchemaFault::WriteOnlyComputed));
    let secret = || a().optional().write_only();
    for (nesting, expected) in [(Nesting::Set, Some(SchemaFault::WriteOnlyInSet)), (Nesting::Map, None)] {
        assert_eq!(fault(Attribute::nested("n", nesting, [secret()]).optional()), expected);
    }
    let deep = Attribute::nested("deep", Nesting::Single, [secret()]).optional();
    assert_eq!(fault(Attribute::nested("n", Nesting::Set, [deep]).optional()), Some(SchemaFault::WriteOnlyInSet));
    let block = NestedBlock::new("b", Nesting::Set, Block::new([secret()]));
    assert_eq!(faults(&Schema::new([]).block(block)), [("b.a".into(), SchemaFault::WriteOnlyInSet)]);
    let computed = Attribute::nested("n", Nesting::Single, [a().computed()]).optional().write_only();
    assert_eq!(fault(computed), Some(SchemaFault::ComputedInWriteOnly));
}

#[test]
fn p9_replace_needs_a_change_that_can_be_seen() {
    assert_eq!(fault(a().required().replace()), None);
    assert_eq!(fault(a().computed().replace()), Some(SchemaFault::ReplaceComputed));
    assert_eq!(fault(a().optional().write_only().replace()), Some(SchemaFault::ReplaceWriteOnly));
    let versioned = [a().optional().write_only().replace(), Attribute::number("a_version").optional()];
    assert_eq!(faults(&Schema::new(versioned)), []);
    let in_set = Attribute::nested("n", Nesting::Set, [a().required().replace()]).optional();
    assert_eq!(fault(in_set), Some(SchemaFault::ReplaceInSet));
}

#[test]
fn p5_keep_is_for_what_is_computed() {
    assert_eq!(fault(a().computed().keep()), None);
    assert_eq!(fault(a().optional().keep()), Some(SchemaFault::KeepNotComputed));
    assert_eq!(fault(a().default("x").keep()), Some(SchemaFault::DefaultAndKeep));
}

#[test]
fn p3_defaults_are_typed_and_known() {
    let with = |default: Value| {
        let mut attribute = a().optional().computed();
        attribute.default = Some(default);
        attribute
    };
    assert_eq!(fault(with("x".into())), None);
    assert!(matches!(fault(with(1.into())), Some(SchemaFault::DefaultType(_))));
    assert_eq!(fault(with(Value::Null)), Some(SchemaFault::DefaultUnknown));
    assert_eq!(fault(with(Value::unknown())), Some(SchemaFault::DefaultUnknown));
    let mut only_optional = with("x".into());
    only_optional.computed = false;
    assert_eq!(fault(only_optional), Some(SchemaFault::DefaultMode));
}

#[test]
fn w7_names_are_legal_unique_and_not_reserved() {
    for name in ["A", "a-b", "ä", "", "1a", "a b"] {
        assert_eq!(fault(Attribute::string(name).optional()), Some(SchemaFault::Name), "{name:?}");
    }
    assert_eq!(fault(Attribute::string("_a1").optional()), None);
    assert_eq!(faults(&Schema::new([a().optional(), a().optional()])), [("a".into(), SchemaFault::Duplicate)]);
    let block = NestedBlock::new("a", Nesting::Single, Block::default());
    assert_eq!(faults(&Schema::new([a().optional()]).block(block)), [("a".into(), SchemaFault::Duplicate)]);
    for name in ["count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "connection"] {
        assert_eq!(fault(Attribute::string(name).optional()), Some(SchemaFault::Reserved), "{name}");
        let nested = Attribute::nested("n", Nesting::Single, [Attribute::string(name).optional()]).optional();
        assert_eq!(fault(nested), None, "{name} is only reserved at the root");
    }
    assert_eq!(fault(Attribute::string("id").computed()), None);
    let alias = Schema::new([Attribute::string("alias").optional()]);
    assert_eq!(alias.check(), []);
    assert_eq!(alias.check_as_provider()[0].fault, SchemaFault::Reserved);
    assert_eq!(Schema::new([Attribute::string("count").optional()]).check_as_provider(), []);
}

#[test]
fn w4_the_dynamic_type_stays_out_of_collections() {
    let dynamic = || Attribute::plain("d", Type::Dynamic).optional();
    assert_eq!(fault(dynamic()), None);
    assert_eq!(fault(Attribute::plain("a", Type::object([("x", Type::Dynamic)])).optional()), None);
    let lists = Type::object([("x", Type::list(Type::Dynamic))]);
    assert_eq!(fault(Attribute::plain("a", lists).optional()), Some(SchemaFault::DynamicInCollection));
    for nesting in [Nesting::List, Nesting::Set, Nesting::Map] {
        let nested = Attribute::nested("n", nesting, [dynamic()]).optional();
        assert_eq!(fault(nested), Some(SchemaFault::DynamicInCollection));
        let block = NestedBlock::new("b", nesting, Block::new([dynamic()]));
        assert_eq!(faults(&Schema::new([]).block(block)), [("b".into(), SchemaFault::DynamicInCollection)]);
    }
    assert_eq!(fault(Attribute::nested("n", Nesting::Single, [dynamic()]).optional()), None);
}

#[test]
fn blocks_have_possible_counts() {
    let block = |nesting, min_items, max_items| {
        let block = NestedBlock { min_items, max_items, ..NestedBlock::new("b", nesting, Block::default()) };
        faults(&Schema::new([]).block(block)).into_iter().map(|(_, fault)| fault).next()
    };
    assert_eq!(block(Nesting::List, 2, 0), None);
    assert_eq!(block(Nesting::Set, 1, 1), None);
    assert_eq!(block(Nesting::List, 2, 1), Some(SchemaFault::Items));
    assert_eq!(block(Nesting::List, u64::MAX, 0), Some(SchemaFault::Items));
    assert_eq!(block(Nesting::Single, 1, 1), None);
    assert_eq!(block(Nesting::Single, 0, 1), Some(SchemaFault::SingleItems));
    assert_eq!(block(Nesting::Single, 2, 2), Some(SchemaFault::SingleItems));
    assert_eq!(block(Nesting::Map, 1, 0), Some(SchemaFault::MapItems));
    assert_eq!(faults(&Schema::new([]).at_version(-1)), [(String::new(), SchemaFault::Version)]);
}

#[test]
fn faults_are_found_at_every_depth_and_say_where() {
    let inner = Attribute::nested("inner", Nesting::List, [a()]).optional();
    let schema = Schema::new([Attribute::nested("outer", Nesting::Map, [inner]).optional()]);
    let problems = schema.check();
    assert_eq!(problems[0].to_string(), "outer.inner.a: must be required, optional or computed");
    assert_eq!(problems.len(), 1);
}

#[test]
fn attributes_are_found_by_path() {
    let block = NestedBlock::new("disk", Nesting::List, Block::new([Attribute::number("size").optional()]));
    let schema = Schema::new([
        Attribute::nested("rules", Nesting::List, [a().optional()]).optional(),
        Attribute::plain("labels", Type::map(Type::String)).optional(),
    ])
    .block(block);
    let name = |path: Path| schema.attribute(&path).map(|attribute| attribute.name.as_str());
    assert_eq!(name(Path::attribute("rules").index(1).attr("a")), Some("a"));
    assert_eq!(name(Path::attribute("rules").index(1)), Some("rules"));
    assert_eq!(name(Path::attribute("labels").key("team")), Some("labels"));
    assert_eq!(name(Path::attribute("disk").index(0).attr("size")), Some("size"));
    assert_eq!(name(Path::attribute("disk").index(0)), None);
    assert_eq!(name(Path::attribute("nothing")), None);
    assert_eq!(name(Path::root()), None);
}

#[test]
fn w6_the_type_of_a_schema_is_that_of_its_parts() {
    let schema = Schema::new([
        a().optional(),
        Attribute::new("n", Kind::Nested(Nesting::Set, vec![Attribute::bool("b").optional()])).optional(),
    ])
    .block(NestedBlock::new("m", Nesting::Map, Block::new([Attribute::number("x").optional()])));
    assert_eq!(
        schema.object_type().to_string(),
        "object({ a = string, m = map(object({ x = number })), n = set(object({ b = bool })) })"
    );
}
