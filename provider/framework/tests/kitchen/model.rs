//! Typed models: what each field can hold, and that nothing gets lost on the way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::json;
use tfkit::model::{Field, Model, ModelError, Problem};
use tfkit::schema::Kind;
use tfkit::{Attr, Diagnostic, Number, Path, Refinement, Set, Type, Value};

use crate::pantry::dish::{Dish, DishView};
use crate::values::value;

/// A size in words: a field type of its own.
#[derive(Clone, Debug, PartialEq)]
enum Size {
    Small,
    Large,
}

impl Field for Size {
    type View = Attr<Size>;
    type Bare = Size;

    fn kind() -> Kind {
        String::kind()
    }

    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError> {
        match String::decode(value, path)?.as_str() {
            "small" => Ok(Self::Small),
            "large" => Ok(Self::Large),
            _ => Err(ModelError::range(path, "small or large")),
        }
    }

    fn encode(&self) -> Value {
        match self {
            Self::Small => "small".into(),
            Self::Large => "large".into(),
        }
    }
}

impl From<&str> for Size {
    fn from(name: &str) -> Self {
        if name == "large" { Self::Large } else { Self::Small }
    }
}

/// A box.
///
/// In *Markdown*.
#[derive(Model)]
#[tf(deprecated = "use bags")]
struct Box {
    /// How big.
    #[tf(default = "large", validate = not_small)]
    size: Size,
    /// A keyword as a name.
    #[tf(required, rename = "type")]
    kind: String,
    /// Another.
    #[tf(optional, computed, deprecated = "use kind")]
    r#match: Attr<Size>,
}

fn not_small(size: &Size) -> Result<(), &'static str> {
    if *size == Size::Small { Err("too small") } else { Ok(()) }
}

#[test]
fn own_types_are_fields() {
    let block = Box::block();
    assert_eq!(
        (block.description.as_str(), block.deprecated.as_deref()),
        ("A box.\n\nIn *Markdown*.", Some("use bags"))
    );
    let names: Vec<_> = block.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(names, ["size", "type", "match"]);
    let size = &block.attributes[0];
    assert_eq!((&size.kind, &size.default), (&Kind::Plain(Type::String), &Some("large".into())));
    assert_eq!((size.validators[0].check)(&"small".into()), Err("too small".to_owned()));
    assert_eq!((size.validators[0].check)(&"large".into()), Ok(()));
    assert_eq!(block.attributes[2].deprecated.as_deref(), Some("use kind"));

    let object = value(&json!({ "size": "small", "type": "x", "match": "??" }), &block.object_type());
    let decoded = <Box as Field>::decode(&object, &Path::root()).expect("it fits");
    assert_eq!((&decoded.size, decoded.kind.as_str(), &decoded.r#match), (&Size::Small, "x", &Attr::unknown()));
    assert_eq!(Field::encode(&decoded), object);
}

fn refused<T: Field + std::fmt::Debug>(value: &Value) -> Problem {
    let path = Path::attribute("a").index(1);
    let error = T::decode(value, &path).expect_err("it does not fit");
    assert_eq!(error.path, path);
    error.problem
}

#[test]
fn plain_fields_refuse_null_and_unknown() {
    fn both<T: Field + std::fmt::Debug>() {
        assert_eq!(refused::<T>(&Value::Null), Problem::Null);
        assert_eq!(refused::<T>(&Value::unknown()), Problem::Unknown);
        assert!(!T::NULLABLE && !T::UNKNOWABLE);
    }
    both::<String>();
    both::<bool>();
    both::<i64>();
    both::<Number>();
    both::<Vec<String>>();
    both::<Set<String>>();
    both::<BTreeSet<String>>();
    both::<BTreeMap<String, String>>();
    both::<Size>();
    assert_eq!(refused::<Option<String>>(&Value::unknown()), Problem::Unknown);
}

#[test]
fn whole_numbers_hold_what_they_can() {
    let number = |text: &str| Value::Number(text.parse().expect("a number"));
    for (text, fits) in [("255", true), ("256", false), ("-1", false), ("1.5", false), ("1e2", true), ("1e30", false)] {
        assert_eq!(u8::decode(&number(text), &Path::root()).is_ok(), fits, "{text}");
    }
    assert_eq!(u64::decode(&number("18446744073709551615"), &Path::root()), Ok(u64::MAX));
    assert_eq!(i64::decode(&number("-9223372036854775808"), &Path::root()), Ok(i64::MIN));
    assert_eq!(u64::MAX.encode(), number("18446744073709551615"));
    let problem = refused::<u8>(&number("256"));
    assert_eq!(problem.to_string(), "the value must be a whole number from 0 to 255");
}

#[test]
fn errors_name_the_path_and_not_the_value() {
    let object = value(
        &json!({ "name": "soup", "ingredients": [{ "name": "salt" }, { "name": "secret" }] }),
        &Dish::block().object_type(),
    );
    let error = <DishView as Field>::decode(&object, &Path::root())
        .map(|_| ())
        .and_then(|()| <Dish as Field>::decode(&object, &Path::root()).map(|_| ()));
    let diagnostic = Diagnostic::from(error.expect_err("weight is null"));
    assert_eq!((diagnostic.path, diagnostic.summary.as_str()), (Path::attribute("weight"), "Missing value"));
    assert_eq!(diagnostic.detail, "`weight`: the value must not be null.");
}

#[test]
fn a_view_does_not_show_secrets() {
    let object = value(&json!({ "name": "soup", "recipe": "hush", "secret_wo": "hush" }), &Dish::block().object_type());
    let view = <DishView as Field>::decode(&object, &Path::root()).expect("a view takes everything");
    let shown = format!("{view:?}");
    assert!(shown.contains("soup") && !shown.contains("hush"), "{shown}");
    assert_eq!(view.recipe, "hush".into());
}

#[test]
fn a_view_becomes_a_model_once_it_is_known() {
    let ty = Box::block().object_type();
    let model = |json| Box::from_view(&<BoxView as Field>::decode(&value(&json, &ty), &Path::root()).expect("a view"));
    let known = model(json!({ "size": "small", "type": "x", "match": "??" })).map(|known| known.kind);
    assert_eq!(known, Ok("x".to_owned()));
    let error = model(json!({ "size": "small", "type": "??" })).map(|_| ()).expect_err("not yet");
    assert_eq!((error.is_unknown(), error.path), (true, Path::attribute("type")));
}

#[test]
fn attr_says_what_is_there() {
    let (null, unknown, known) = (Attr::<i64>::Null, Attr::<i64>::unknown(), Attr::Known(5));
    for (attr, is, or) in
        [(&null, (true, false, false), 7), (&unknown, (false, true, false), 7), (&known, (false, false, true), 5)]
    {
        assert_eq!((attr.is_null(), attr.is_unknown(), attr.is_known()), is);
        assert_eq!(attr.clone().unwrap_or(7), or);
        assert_eq!(attr.as_ref().into_known().copied(), attr.known().copied());
        assert_eq!(attr.clone().map(|value| value + 1).into_known(), attr.known().map(|value| value + 1));
        assert_eq!(Attr::<i64>::decode(&attr.encode(), &Path::root()).as_ref(), Ok(attr));
    }
    assert_eq!(Attr::from(Some(5)), known);
    assert_eq!(Attr::<i64>::from(None), null);
    assert_eq!(known.settled(&Path::root()), Ok(Some(&5)));
    assert_eq!(null.settled(&Path::root()), Ok(None));
    assert_eq!(unknown.settled(&Path::attribute("a")).expect_err("unknown").path, Path::attribute("a"));
    assert_eq!(null.unwrap_or_default(), 0);
}

#[test]
fn promises_about_unknown_values_are_kept() {
    let promised = Value::Unknown(Refinement::not_null());
    assert_eq!(Attr::<String>::decode(&promised, &Path::root()).expect("fits").encode(), promised);
}

#[test]
fn a_set_merges_what_is_equal() {
    let set: Set<Attr<String>> =
        ["a".into(), "b".into(), "a".into(), Attr::unknown(), Attr::unknown()].into_iter().collect();
    let Value::Set(elements) = set.encode() else { panic!("a set") };
    assert_eq!(elements.len(), 4, "unknown elements may turn out to differ");
    assert_eq!((set.len(), set.is_empty(), set.iter().count()), (5, false, 5));
}

/// Values of a type, with null and unknown everywhere. Numbers fit into every whole number type.
fn values(ty: &Type) -> BoxedStrategy<Value> {
    let known = match ty {
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Number => (0_i64..100).prop_map(Value::from).boxed(),
        Type::String => "[a-z]{0,3}".prop_map(Value::from).boxed(),
        Type::Dynamic => "[a-z]{0,3}".prop_map(|text| Value::dynamic(Type::String, text.into())).boxed(),
        Type::List(ty) => prop::collection::vec(values(ty), 0..3).prop_map(Value::List).boxed(),
        Type::Set(ty) => prop::collection::vec(values(ty), 0..3).prop_map(Value::set_of).boxed(),
        Type::Map(ty) => prop::collection::btree_map("[a-z]{1,2}", values(ty), 0..3).prop_map(Value::Map).boxed(),
        Type::Tuple(types) => types.iter().map(values).collect::<Vec<_>>().prop_map(Value::Tuple).boxed(),
        Type::Object(types) => {
            let (names, types): (Vec<_>, Vec<_>) = types.iter().map(|(name, ty)| (name.to_owned(), values(ty))).unzip();
            types.prop_map(move |values| Value::object(names.iter().cloned().zip(values))).boxed()
        }
    };
    let object = matches!(ty, Type::Object(types) if types.len() > 10);
    if object {
        return known;
    }
    Union::new_weighted(vec![(1, Just(Value::Null).boxed()), (1, Just(Value::unknown()).boxed()), (4, known)]).boxed()
}

proptest! {
    #[test]
    fn a_view_holds_every_value_of_its_type(object in values(&Dish::block().object_type())) {
        let view = <DishView as Field>::decode(&object, &Path::root()).expect("a view takes everything");
        prop_assert!(Field::encode(&view).same(&object));
        prop_assert_eq!(Dish::block(), DishView::block());
    }
}
