//! Which changes ask for a replacement (rule P9).

use tfkit::plan::{Action, finish, plan};
use tfkit::schema::{Attribute, Nesting, Schema};
use tfkit::{Path, Type, Value};

use crate::plan::object;

fn paths(schema: &Schema, prior: &Value, given: &Value) -> Vec<String> {
    let planned = plan(schema, prior, given, given);
    assert_eq!(tfkit::check::planned(schema, prior, given, &planned), []);
    planned.requires_replace.iter().map(Path::to_string).collect()
}

#[test]
fn p9_what_the_provider_decided_stays_instead_of_replacing() {
    let schema = Schema::new([
        Attribute::string("zone").optional().computed().replace(),
        Attribute::string("region").default("eu").replace(),
        Attribute::string("label").optional(),
    ]);
    let of = |zone: Value, region: Value, label: &str| {
        object(&schema, [("zone", zone), ("region", region), ("label", label.into())])
    };
    let state = of("eu-1".into(), "eu".into(), "x");
    let given = of(Value::Null, Value::Null, "y");
    let planned = plan(&schema, &state, &given, &given);
    assert_eq!(planned.value, of("eu-1".into(), "eu".into(), "y"));
    assert_eq!(planned.requires_replace, []);
    // Without a prior value it is still to be decided: that is no change, either.
    let never = of(Value::Null, "eu".into(), "x");
    assert_eq!(paths(&schema, &never, &given), [""; 0]);
    assert_eq!(paths(&schema, &state, &of("eu-2".into(), Value::Null, "x")), ["zone"]);
    assert_eq!(paths(&schema, &state, &of(Value::unknown(), "us".into(), "x")), ["zone", "region"]);
    assert_eq!(paths(&schema, &of("eu-1".into(), "us".into(), "x"), &of(Value::Null, Value::Null, "x")), ["region"]);
    // The author's own decision counts.
    let moved = of("eu-9".into(), "eu".into(), "x");
    let planned = finish(&schema, &state, &of(Value::Null, Value::Null, "x"), moved);
    assert_eq!((planned.action, planned.requires_replace), (Action::Update, vec![Path::attribute("zone")]));
}

#[test]
fn p9_null_to_value_and_back_are_changes() {
    let schema = Schema::new([Attribute::string("zone").optional().replace()]);
    let of = |zone: Value| object(&schema, [("zone", zone)]);
    assert_eq!(paths(&schema, &of(Value::Null), &of("a".into())), ["zone"]);
    assert_eq!(paths(&schema, &of("a".into()), &of(Value::Null)), ["zone"]);
    assert_eq!(paths(&schema, &of("a".into()), &of("a".into())), [""; 0]);
}

fn disks(nesting: Nesting) -> Schema {
    let disk = [
        Attribute::string("name").required(),
        Attribute::number("size").required().replace(),
        Attribute::string("device").computed(),
    ];
    Schema::new([Attribute::nested("disks", nesting, disk).optional()])
}

fn disk(name: &str, size: i64) -> Value {
    Value::object([("name", name.into()), ("size", size.into()), ("device", Value::Null)])
}

#[test]
fn p9_nested_values_replace_with_their_own_path() {
    let schema = disks(Nesting::List);
    let of = |disks: Vec<Value>| object(&schema, [("disks", Value::List(disks))]);
    let state = of(vec![disk("a", 1), disk("b", 2)]);
    assert_eq!(paths(&schema, &state, &of(vec![disk("a", 1), disk("b", 3)])), ["disks[1].size"]);
    assert_eq!(paths(&schema, &state, &of(vec![disk("z", 1), disk("b", 2), disk("c", 9)])), [""; 0]);
    assert_eq!(paths(&schema, &state, &of(vec![disk("a", 1)])), [""; 0]);

    let schema = disks(Nesting::Map);
    let of = |disks: &[(&str, Value)]| object(&schema, [("disks", Value::map(disks.to_vec()))]);
    let state = of(&[("x", disk("a", 1)), ("y", disk("b", 2))]);
    assert_eq!(paths(&schema, &state, &of(&[("x", disk("a", 5)), ("w", disk("b", 9))])), ["disks[\"x\"].size"]);

    let schema = disks(Nesting::Single);
    let of = |disk: Value| object(&schema, [("disks", disk)]);
    assert_eq!(paths(&schema, &of(disk("a", 1)), &of(disk("b", 2))), ["disks.size"]);
    assert_eq!(paths(&schema, &of(Value::Null), &of(disk("a", 1))), ["disks.size"]);
    assert_eq!(paths(&schema, &of(disk("a", 1)), &of(Value::Null)), ["disks.size"]);
}

#[test]
fn p9_unknown_counts_as_a_change_at_every_depth() {
    // Otherwise an update could turn into a replacement at apply, and core refuses that.
    let schema = disks(Nesting::Single);
    let of = |disk: Value| object(&schema, [("disks", disk)]);
    assert_eq!(paths(&schema, &of(disk("a", 1)), &of(Value::unknown())), ["disks.size"]);
    assert_eq!(paths(&schema, &of(Value::Null), &of(Value::unknown())), ["disks.size"]);

    let schema = disks(Nesting::List);
    let of = |disks: Value| object(&schema, [("disks", disks)]);
    let state = of(Value::List(vec![disk("a", 1), disk("b", 2)]));
    assert_eq!(paths(&schema, &state, &of(Value::unknown())), ["disks[0].size", "disks[1].size"]);
    let half = of(Value::List(vec![disk("a", 1), Value::unknown()]));
    assert_eq!(paths(&schema, &state, &half), ["disks[1].size"]);

    let schema = disks(Nesting::Map);
    let of = |disks: Value| object(&schema, [("disks", disks)]);
    let state = of(Value::map([("x", disk("a", 1))]));
    assert_eq!(paths(&schema, &state, &of(Value::unknown())), ["disks[\"x\"].size"]);
}

#[test]
fn p9_a_nested_attribute_replaces_for_what_is_configured_in_it_only() {
    let inner = [Attribute::string("name").required(), Attribute::string("device").computed()];
    let schema = Schema::new([
        Attribute::nested("boot", Nesting::List, inner).optional().replace(),
        Attribute::plain("tags", Type::map(Type::String)).optional(),
    ]);
    let boot =
        |name: &str, device: Value| Value::List(vec![Value::object([("name", name.into()), ("device", device)])]);
    let state = object(&schema, [("boot", boot("a", "sda".into()))]);
    let tags = || ("tags", Value::map([("k", "v".into())]));
    let retagged = object(&schema, [("boot", boot("a", Value::Null)), tags()]);
    assert_eq!(paths(&schema, &state, &retagged), [""; 0]);
    assert_eq!(paths(&schema, &state, &object(&schema, [("boot", boot("b", Value::Null)), tags()])), ["boot"]);
    assert_eq!(paths(&schema, &state, &object(&schema, [tags()])), ["boot"]);
    assert_eq!(paths(&schema, &state, &object(&schema, [("boot", Value::unknown())])), ["boot"]);
}
