//! Types, paths, values: reading, comparing, reaching.

use tfkit::value::{Problem, Promises, TypeError};
use tfkit::{Number, Path, PathStep, Refinement, Type, Value};

fn strings(elements: &[&str]) -> Vec<Value> {
    elements.iter().map(|&element| element.into()).collect()
}

#[test]
fn w6_types_are_json_type_constraints() {
    let table = [
        (r#""bool""#, Type::Bool, "bool"),
        (r#""dynamic""#, Type::Dynamic, "any"),
        (r#"["list","string"]"#, Type::list(Type::String), "list(string)"),
        (r#"["set",["map","number"]]"#, Type::set(Type::map(Type::Number)), "set(map(number))"),
        (r#"["tuple",["bool","string"]]"#, Type::Tuple(vec![Type::Bool, Type::String]), "tuple([bool, string])"),
        (r#"["tuple",[]]"#, Type::Tuple(vec![]), "tuple([])"),
        (
            r#"["object",{"a":"bool","b":"number"}]"#,
            Type::object([("b", Type::Number), ("a", Type::Bool)]),
            "object({ a = bool, b = number })",
        ),
        (r#"["object",{}]"#, Type::object::<String>([]), "object({})"),
    ];
    for (json, ty, shown) in table {
        assert_eq!(Type::from_json(json.as_bytes()).unwrap(), ty);
        assert_eq!(String::from_utf8(ty.to_json()).unwrap(), json);
        assert_eq!(ty.to_string(), shown);
    }
    let optional = br#"["object",{"a":"bool"},["a"]]"#;
    assert_eq!(Type::from_json(optional).unwrap(), Type::object([("a", Type::Bool)]));
}

#[test]
fn w6_what_is_no_type_is_refused() {
    for json in
        [r#""int""#, "[]", "null", r#"["list"]"#, r#"["list","string","string"]"#, r#"["tuple","bool"]"#, "{}", "[1]"]
    {
        assert!(matches!(Type::from_json(json.as_bytes()), Err(TypeError::Shape)), "{json}");
    }
    assert!(matches!(Type::from_json(b"nonsense"), Err(TypeError::Json(_))));
    let deep = format!("{}\"bool\"{}", "[\"list\",".repeat(110), "]".repeat(110));
    assert!(matches!(Type::from_json(deep.as_bytes()), Err(TypeError::Depth)));
    let deeper = format!("{}\"bool\"{}", "[\"list\",".repeat(100_000), "]".repeat(100_000));
    assert!(Type::from_json(deeper.as_bytes()).is_err());
}

#[test]
fn paths_read_like_references_and_hide_elements() {
    let path = Path::attribute("rules").index(2).attr("labels").key("te\"am");
    assert_eq!(path.to_string(), "rules[2].labels[\"te\\\"am\"]");
    let path = Path::attribute("users").with(PathStep::Element(Box::new("hunter2".into()))).attr("name");
    assert_eq!(path.to_string(), "users[*].name");
    assert_eq!(Path::root().to_string(), "");
}

#[test]
fn values_are_reached_by_path() {
    let mut value = Value::object(
        [
            ("list", Value::List(vec![Value::object([("a", 1.into())]), Value::object([("a", 2.into())])])),
            ("map", Value::map([("k", Value::from("v"))])),
            ("set", Value::Set(strings(&["x", "y"]))),
            ("dynamic", Value::dynamic(Type::object([("z", Type::Bool)]), Value::object([("z", true.into())]))),
        ]
        .map(|(name, value)| (name, value)),
    );
    let list = Path::attribute("list").index(1).attr("a");
    let element = Path::attribute("set").with(PathStep::Element(Box::new("y".into())));
    assert_eq!(value.get(&list), Some(&2.into()));
    assert_eq!(value.get(&Path::attribute("map").key("k")), Some(&"v".into()));
    assert_eq!(value.get(&element), Some(&"y".into()));
    assert_eq!(value.get(&Path::attribute("dynamic").attr("z")), Some(&true.into()));
    assert_eq!(value.get(&Path::root()).map(Value::kind), Some("an object"));
    for nowhere in [
        Path::attribute("none"),
        Path::attribute("list").index(2),
        Path::attribute("list").with(PathStep::Index(-1)),
        Path::attribute("list").attr("a"),
        Path::attribute("map").attr("k"),
        Path::attribute("map").key("k").index(0),
    ] {
        assert_eq!(value.get(&nowhere), None, "{nowhere}");
        assert_eq!(value.set(&nowhere, Value::Null), None, "{nowhere}");
    }
    assert_eq!(value.set(&list, Value::unknown()), Some(2.into()));
    assert_eq!(value.get(&list), Some(&Value::unknown()));
    assert!(!value.is_wholly_known());
    let mut paths = Vec::new();
    value.walk(&mut |path, value| {
        if value.is_unknown() {
            paths.push(path.to_string());
        }
    });
    assert_eq!(paths, ["list[1].a"]);
}

#[test]
fn w5_sets_are_the_same_in_any_order_and_lose_duplicates() {
    let same = |a: &Value, b: &Value| a.same(b);
    let ab = Value::Set(strings(&["a", "b"]));
    assert!(same(&ab, &Value::Set(strings(&["b", "a"]))));
    assert!(!same(&ab, &Value::Set(strings(&["a", "a"]))));
    assert!(!same(&ab, &Value::Set(strings(&["a"]))));
    assert!(!same(&Value::List(strings(&["a", "b"])), &Value::List(strings(&["b", "a"]))));
    let nested =
        |first: &[&str], second: &[&str]| Value::Set(vec![Value::Set(strings(first)), Value::Set(strings(second))]);
    assert!(same(&nested(&["a", "b"], &["c", "d"]), &nested(&["d", "c"], &["b", "a"])));
    assert_eq!(Value::set_of(["x", "a", "x", "b", "a"]), Value::Set(strings(&["x", "a", "b"])));
    let unknowns = vec![Value::unknown(), Value::unknown()];
    assert_eq!(Value::set_of(unknowns.clone()), Value::Set(unknowns));
}

#[test]
fn same_ignores_promises_but_tells_kinds_apart() {
    assert!(Value::unknown().same(&Value::Unknown(Refinement::not_null())));
    assert!(Value::from(Number::from(1)).same(&"1.0".parse::<Number>().unwrap().into()));
    let all = [
        Value::Null,
        Value::unknown(),
        true.into(),
        1.into(),
        "1".into(),
        Value::List(vec![]),
        Value::Set(vec![]),
        Value::Tuple(vec![]),
        Value::map::<String>([]),
        Value::object::<String>([]),
        Value::dynamic(Type::String, "1".into()),
        Value::dynamic(Type::list(Type::String), Value::List(vec![])),
        Value::dynamic(Type::list(Type::Bool), Value::List(vec![])),
    ];
    for (a, first) in all.iter().enumerate() {
        for (b, second) in all.iter().enumerate() {
            assert_eq!(first.same(second), a == b, "{first:?} {second:?}");
        }
    }
}

#[test]
fn conform_says_where_and_hides_the_value() {
    let ty =
        Type::object([("a", Type::list(Type::Number)), ("d", Type::Dynamic), ("t", Type::Tuple(vec![Type::Bool]))]);
    let value = |a: Value, d: Value, t: Value| Value::object([("a", a), ("d", d), ("t", t)]);
    let good = value(Value::list([1, 2]), Value::dynamic(Type::Bool, true.into()), Value::Tuple(vec![true.into()]));
    assert_eq!(good.conform(&ty), Ok(()));
    assert_eq!(value(Value::Null, Value::unknown(), Value::Null).conform(&ty), Ok(()));
    let table = [
        (value(Value::list(["secret"]), Value::Null, Value::Null), "a[0]: expected number, found a string"),
        (value(Value::Set(vec![]), Value::Null, Value::Null), "a: expected list(number), found a set"),
        (value(Value::Null, "bare".into(), Value::Null), "d: expected any, found a string"),
        (value(Value::Null, Value::dynamic(Type::Bool, 1.into()), Value::Null), "d: expected bool, found a number"),
        (value(Value::Null, Value::Null, Value::Tuple(vec![])), "t: expected a tuple of 1 elements, found 0"),
        (Value::object([("a", Value::Null), ("d", Value::Null)]), "attribute \"t\" is missing"),
        (Value::from(1), "expected object({ a = list(number), d = any, t = tuple([bool]) }), found a number"),
    ];
    for (value, message) in table {
        assert_eq!(value.conform(&ty).unwrap_err().to_string(), message);
    }
    let mut extra = good;
    if let Value::Object(attributes) = &mut extra {
        attributes.insert("x", Value::Null);
    }
    assert_eq!(extra.conform(&ty).unwrap_err().problem, Problem::Unexpected("x".into()));
}

#[test]
fn a2_refinements_bind() {
    let promise = |promises: Promises| Refinement::from(promises);
    let five = || Number::from(5);
    let none = Promises::default;
    let table: [(Refinement, &[Value], &[Value]); 8] = [
        (promise(none()), &[Value::Null, 1.into()], &[]),
        (Refinement::not_null(), &["".into(), Value::unknown()], &[Value::Null]),
        (promise(Promises { null: Some(true), ..none() }), &[Value::Null], &["".into()]),
        (
            promise(Promises { prefix: Some("ab".into()), ..none() }),
            &["ab".into(), "abc".into(), Value::Null],
            &["a".into()],
        ),
        (promise(Promises { min: Some((five(), true)), ..none() }), &[5.into(), 6.into()], &[4.into()]),
        (promise(Promises { max: Some((five(), false)), ..none() }), &[4.into()], &[5.into(), 6.into()]),
        (promise(Promises { min_len: Some(1), ..none() }), &[Value::list([1])], &[Value::List(vec![])]),
        (promise(Promises { max_len: Some(1), ..none() }), &[Value::list([1])], &[Value::list([1, 2])]),
    ];
    for (refinement, kept, broken) in table {
        for value in kept {
            assert_eq!(refinement.broken_by(value), None, "{refinement:?} {value:?}");
        }
        for value in broken {
            assert!(refinement.broken_by(value).is_some(), "{refinement:?} {value:?}");
        }
    }
}

#[test]
fn a_value_is_small() {
    assert!(size_of::<Value>() <= 32, "{}", size_of::<Value>());
}
