//! Values written as JSON: `"??"` is unknown, what is left out is null.

use serde_json::{Map, Value as Json};
use tfkit::{Type, Value};

/// A value of a type.
pub(crate) fn value(json: &Json, ty: &Type) -> Value {
    match (json, ty) {
        (Json::Null, _) => Value::Null,
        (Json::String(text), _) if text == "??" => Value::unknown(),
        (Json::Bool(flag), Type::Bool) => Value::Bool(*flag),
        (Json::Number(number), Type::Number) => Value::Number(number.to_string().parse().expect("a number")),
        (Json::String(text), Type::String) => Value::from(text.as_str()),
        (Json::Array(elements), Type::List(ty)) => Value::List(elements.iter().map(|e| value(e, ty)).collect()),
        (Json::Array(elements), Type::Set(ty)) => Value::set_of(elements.iter().map(|e| value(e, ty))),
        (Json::Object(elements), Type::Map(ty)) => Value::map(elements.iter().map(|(k, e)| (k.clone(), value(e, ty)))),
        (Json::Object(attributes), Type::Object(types)) => {
            let extra = attributes.keys().find(|name| !types.contains(name));
            assert_eq!(extra, None, "the test names an attribute that does not exist");
            let of = |name: &str, ty| attributes.get(name).map_or(Value::Null, |json| value(json, ty));
            Value::object(types.iter().map(|(name, ty)| (name, of(name, ty))))
        }
        (Json::String(text), Type::Dynamic) => Value::dynamic(Type::String, Value::from(text.as_str())),
        (json, ty) => panic!("the test has {json} for {ty}"),
    }
}

/// A value as JSON; attributes that are null are left out.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Unknown(_) => "??".into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => serde_json::from_str(&number.to_string()).expect("a number"),
        Value::String(text) => text.as_str().into(),
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => elements.iter().map(json).collect(),
        Value::Map(elements) => elements.iter().map(|(key, element)| (key.clone(), json(element))).collect(),
        Value::Object(attributes) => {
            let present = attributes.iter().filter(|(_, value)| !value.is_null());
            present.map(|(name, value)| (name.to_owned(), json(value))).collect::<Map<_, _>>().into()
        }
        Value::Dynamic(inner) => json(&inner.1),
    }
}

/// Asserts that an object has these attributes, among others; `null` asserts absence.
#[track_caller]
pub(crate) fn has(found: &Value, expected: &Json) {
    let found = json(found);
    for (name, expected) in expected.as_object().expect("an object") {
        assert_eq!(found.get(name).unwrap_or(&Json::Null), expected, "attribute {name} of {found}");
    }
}
