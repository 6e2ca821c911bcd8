//! Signatures of functions: their faults, and how they are said in the protocol.

use std::collections::BTreeMap;

use tfkit::model::Model;
use tfkit::schema::{Attribute, Block, NestedBlock, Nesting, Passing, Schema, SchemaFault, Signature};
use tfkit::{Attr, Type};
use tfkit_proto::tfplugin6 as proto;

fn signature(parameters: impl IntoIterator<Item = Attribute>) -> Signature {
    Signature {
        name: "f".into(),
        parameters: Block::new(parameters),
        returns: Type::String,
        summary: String::new(),
        description: String::new(),
        deprecated: None,
    }
}

fn a() -> Attribute {
    Attribute::string("a").required()
}

fn variadic(name: &str) -> Attribute {
    let passing = Passing { variadic: true, ..Passing::default() };
    Attribute { passing, ..Attribute::plain(name, Type::list(Type::String)).required() }
}

fn faults(signature: &Signature) -> Vec<(String, SchemaFault)> {
    signature.check().into_iter().map(|problem| (problem.path.to_string(), problem.fault)).collect()
}

#[test]
fn parameters_are_required_or_variadic_and_nothing_else() {
    for good in [vec![], vec![a()], vec![a(), variadic("b")], vec![variadic("b")]] {
        assert_eq!(faults(&signature(good)), []);
    }
    // Names that resources have no use for mean nothing here.
    assert_eq!(faults(&signature([Attribute::number("count").required()])), []);
    let one = |fault| vec![("a".to_owned(), fault)];
    for (bad, expected) in [
        (Attribute::string("a").optional(), one(SchemaFault::Parameter)),
        (Attribute::string("a").computed(), one(SchemaFault::Parameter)),
        (a().sensitive(), one(SchemaFault::Parameter)),
        (a().replace(), one(SchemaFault::Parameter)),
        (a().deprecated("old"), one(SchemaFault::Parameter)),
        (Attribute { passing: variadic("b").passing, ..a() }, one(SchemaFault::Variadic)),
    ] {
        assert_eq!(faults(&signature([bad.clone()])), expected, "{bad:?}");
    }
    let inside = Attribute::nested("n", Nesting::Single, [variadic("b")]).required();
    assert_eq!(faults(&signature([inside])), [("n.b".into(), SchemaFault::Variadic)]);
    assert_eq!(faults(&signature([variadic("b"), a()])), [("b".into(), SchemaFault::Variadic)]);
    assert_eq!(faults(&signature([a(), a()])), [("a".into(), SchemaFault::Duplicate)]);
    let mut odd = signature([]);
    odd.name = "Bad".into();
    odd.returns = Type::list(Type::Dynamic);
    odd.parameters.blocks.push(NestedBlock::new("b", Nesting::List, Block::default()));
    let root = |fault| (String::new(), fault);
    let expected = [SchemaFault::Name, SchemaFault::Parameter, SchemaFault::DynamicInCollection].map(root);
    assert_eq!(faults(&odd), expected);
}

#[test]
fn elsewhere_nothing_is_variadic() {
    let schema = Schema::new([variadic("v")]);
    for problems in [schema.check(), schema.check_as_unmanaged(), schema.check_as_provider()] {
        assert_eq!(problems.into_iter().map(|one| one.fault).collect::<Vec<_>>(), [SchemaFault::Variadic]);
    }
}

#[test]
fn only_managed_resources_have_write_only_attributes() {
    let schema = Schema::new([Attribute::string("a").optional().write_only()]);
    assert_eq!(schema.check(), []);
    for problems in [schema.check_as_unmanaged(), schema.check_as_provider()] {
        assert_eq!(problems.into_iter().map(|one| one.fault).collect::<Vec<_>>(), [SchemaFault::WriteOnlyUnmanaged]);
    }
}

/// Everything that a parameter can be.
#[derive(Model)]
#[allow(dead_code)] // only the schema is looked at
struct Parameters {
    /// Plain.
    #[tf(required)]
    plain: Vec<String>,
    /// May be null.
    #[tf(required)]
    nullable: Option<i64>,
    /// May be null or unknown.
    #[tf(required)]
    open: Attr<bool>,
    /// An object.
    #[tf(required)]
    object: Inner,
    /// The rest.
    #[tf(variadic)]
    rest: Vec<Option<BTreeMap<String, u8>>>,
}

/// Inside.
#[derive(Model)]
#[allow(dead_code)] // only the schema is looked at
struct Inner {
    /// A member.
    #[tf(required)]
    member: String,
}

#[test]
fn a_model_of_parameters_is_a_signature() {
    let signature = Signature { parameters: Parameters::block(), ..signature([]) };
    assert_eq!(signature.check(), []);
    let function = proto::Function::from(&signature);
    let said = |one: &proto::function::Parameter| {
        let ty = Type::from_json(&one.r#type).expect("a type").to_string();
        let nulls = (one.allow_null_value, one.allow_unknown_values);
        (one.name.clone(), ty, nulls, one.description.clone())
    };
    let expected = [
        ("plain", "list(string)", (false, false), "Plain."),
        ("nullable", "number", (true, false), "May be null."),
        ("open", "bool", (true, true), "May be null or unknown."),
        ("object", "object({ member = string })", (false, false), "An object."),
        ("rest", "map(number)", (true, false), "The rest."),
    ]
    .map(|(name, ty, nulls, docs)| (name.to_owned(), ty.to_owned(), nulls, docs.to_owned()));
    let found: Vec<_> = function.parameters.iter().chain(&function.variadic_parameter).map(said).collect();
    assert_eq!(found, expected);
    assert_eq!(function.parameters.len(), 4);
    assert_eq!(&function.r#return.expect("there").r#type[..], b"\"string\"");
}
