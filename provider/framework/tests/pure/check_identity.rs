//! The checks of identities (R5).

use tfkit::check::{Breach, identity};
use tfkit::schema::{Attribute, Schema};
use tfkit::value::Problem;
use tfkit::{Path, Type, Value};

fn schema() -> Schema {
    Schema::new([
        Attribute::string("place").required(),
        Attribute::number("number").required(),
        Attribute::plain("tags", Type::list(Type::String)).optional(),
    ])
}

fn of(place: impl Into<Value>, number: impl Into<Value>, tags: impl Into<Value>) -> Value {
    Value::object([("place", place.into()), ("number", number.into()), ("tags", tags.into())])
}

#[test]
fn r5_an_identity_is_whole_known_and_the_same_for_life() {
    let whole = of("here", 1, Value::list(["a"]));
    let same = of("here", "1.0".parse::<tfkit::Number>().expect("a number"), Value::list(["a"]));
    let at = Path::attribute;
    for (found, before, breaches) in [
        (whole.clone(), Value::Null, vec![]),
        (same, whole.clone(), vec![]),
        // What was not known before is no change: an import left it out, or an older provider did not say it.
        (whole.clone(), of("here", Value::Null, Value::Null), vec![]),
        (of("here", 1, Value::Null), Value::Null, vec![]),
        (Value::Null, whole.clone(), vec![(Path::root(), Breach::IdentityAbsent)]),
        (of("here", Value::Null, Value::Null), Value::Null, vec![(at("number"), Breach::IdentityPart)]),
        (of(Value::unknown(), 1, Value::Null), Value::Null, vec![(at("place"), Breach::Unknown)]),
        (of("there", 1, Value::list(["a"])), whole.clone(), vec![(at("place"), Breach::IdentityChanged)]),
        (of("here", 1, Value::Null), whole.clone(), vec![(at("tags"), Breach::IdentityChanged)]),
        (
            of("there", 2, Value::list(["b"])),
            whole.clone(),
            ["number", "place", "tags"].map(|name| (at(name), Breach::IdentityChanged)).into(),
        ),
    ] {
        let mut broken: Vec<_> =
            identity(&schema(), &found, &before).into_iter().map(|one| (one.path, one.breach)).collect();
        broken.sort_by_key(|(path, _)| path.to_string());
        assert_eq!(broken, breaches, "{found:?} after {before:?}");
    }
    let odd = identity(&schema(), &of(true, 1, Value::Null), &Value::Null);
    assert!(matches!(&odd[..], [one] if matches!(one.breach, Breach::Type(Problem::Kind { .. }))), "{odd:?}");
}
