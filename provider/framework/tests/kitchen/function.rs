//! GetFunctions and CallFunction, rule by rule (F1).

use bytes::Bytes;
use tfkit::{Attr, Function, FunctionError, Model, Path, Provider as Builder, Type, Value, wire};
use tfkit_proto::tfplugin6::provider_server::Provider;
use tfkit_proto::tfplugin6::{self as proto, call_function, get_functions};
use tonic::Request;

use crate::core::Core;

/// A result, or an error with the argument that it blames.
type Said = Result<Value, (String, Option<i64>)>;

async fn call(service: &tfkit::serve::Service, name: &str, arguments: &[(Value, Type)], returns: &Type) -> Said {
    let arguments = arguments.iter().map(|(value, ty)| proto::DynamicValue {
        msgpack: wire::msgpack::encode(value, ty).expect("the test's value is of the type").into(),
        json: Bytes::new(),
    });
    let request = call_function::Request { name: name.to_owned(), arguments: arguments.collect() };
    let answer = service.call_function(Request::new(request)).await.expect("no status").into_inner();
    if let Some(error) = answer.error {
        assert_eq!(answer.result, None);
        return Err((error.text, error.function_argument));
    }
    let result = answer.result.expect("a result or an error");
    Ok(wire::decode_dynamic(&result.msgpack, &result.json, returns).expect("of the type").expect("a value"))
}

/// An order: a dish, a table, and any extras.
async fn order(given: impl IntoIterator<Item = Value>) -> Said {
    let typed =
        given.into_iter().enumerate().map(|(i, value)| (value, if i == 1 { Type::Number } else { Type::String }));
    call(&Core::new().0, "order_text", &typed.collect::<Vec<_>>(), &Type::String).await
}

#[tokio::test]
async fn a_function_says_what_it_takes_and_gives() {
    let request = Request::new(get_functions::Request {});
    let functions = Core::new().0.get_functions(request).await.expect("no status").into_inner().functions;
    let function = &functions["order_text"];
    assert_eq!(function.parameters.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["dish", "table"]);
    assert!(!function.parameters[0].allow_null_value && function.parameters[1].allow_null_value);
    let variadic = function.variadic_parameter.as_ref().expect("there");
    assert_eq!((variadic.name.as_str(), &variadic.r#type[..]), ("extras", &b"\"string\""[..]));
    assert_eq!(function.summary, "An order, as it is called out");
    assert_eq!(variadic.description, "What is wanted with it.");
}

#[tokio::test]
async fn arguments_are_taken_in_their_order() {
    let soup = || Value::from("soup");
    assert_eq!(order([soup(), 7.into()]).await, Ok("soup for table 7".into()));
    assert_eq!(order([soup(), Value::Null]).await, Ok("soup to take away".into()));
    let extras = order([soup(), 7.into(), "salt".into(), "bread".into()]).await;
    assert_eq!(extras, Ok("soup for table 7, with salt, with bread".into()));
}

#[tokio::test]
async fn a_failure_blames_its_argument() {
    let (soup, no) = (|| Value::from("soup"), || Value::from(""));
    for (given, text, argument) in [
        (vec![no(), 7.into()], "Name a dish", Some(0)),
        (vec![soup(), 0.into()], "Tables are numbered from 1", Some(1)),
        (
            vec![soup(), Value::from(tfkit::Number::try_from(0.5).expect("a number"))],
            "the value must be a whole",
            Some(1),
        ),
        (vec![soup(), 7.into(), "salt".into(), no()], "An extra has no name", Some(3)),
        (vec![soup(), 7.into(), no(), no(), no(), no()], "Nobody can remember more than three extras", None),
        // What Terraform refuses itself; another host may not.
        (vec![Value::Null, 7.into()], "it must not be null", Some(0)),
        (vec![soup(), 7.into(), "salt".into(), Value::Null], "it must not be null", Some(3)),
        (vec![soup()], "it takes 2 arguments, and 1 were given", None),
        (vec!["poison".into(), 7.into()], "The provider's code failed", None),
    ] {
        let (said, blamed) = order(given.clone()).await.expect_err("it fails");
        assert!(said.starts_with(text), "{given:?}: {said}");
        assert!(!said.ends_with('.'), "Terraform ends the sentence: {said}");
        assert_eq!(blamed, argument, "{given:?}");
    }
    let core = Core::new();
    let numbers = [(1.into(), Type::Number), (1.into(), Type::Number)];
    let wrong = call(&core.0, "order_text", &numbers, &Type::String);
    let (said, blamed) = wrong.await.expect_err("a number is no dish");
    assert!(said.starts_with("it is not of the parameter's type") && blamed == Some(0), "{said}");
    let missing = call(&Core::new().0, "nothing", &[], &Type::String).await;
    assert_eq!(missing, Err(("this version of the provider has no function `nothing`".to_owned(), None)));
}

#[tokio::test]
async fn what_is_unknown_is_not_passed_on_unless_it_is_asked_for() {
    let unknown = order(["poison".into(), Value::unknown()]).await.expect("not called, so nobody fainted");
    assert!(unknown.is_unknown());
    assert!(order([Value::unknown(), 7.into(), "salt".into()]).await.expect("not called").is_unknown());
    assert!(order(["poison".into(), 7.into(), Value::unknown()]).await.expect("not called").is_unknown());
}

/// What may be unknown.
#[derive(Model)]
struct Open {
    /// May be unknown, and so may be parts of it.
    #[tf(required)]
    parts: Attr<Vec<Attr<String>>>,
    /// May not be unknown in part.
    #[tf(required)]
    whole: Attr<Vec<String>>,
    /// What to do.
    #[tf(required)]
    order: Order,
}

/// An order.
#[derive(Model)]
struct Order {
    /// What to answer.
    #[tf(required, validate = known_answer)]
    answer: String,
}

fn known_answer(answer: &str) -> Result<(), String> {
    if answer == "nonsense" { Err("There is no such answer.".into()) } else { Ok(()) }
}

struct Judge;

impl Function for Judge {
    type Parameters = Open;
    type Return = Attr<Order>;
    const NAME: &'static str = "judge";
    const SUMMARY: &'static str = "Judges.";
    const DESCRIPTION: &'static str = "Judges.";

    fn call(&self, open: Open) -> Result<Attr<Order>, FunctionError> {
        match open.order.answer.as_str() {
            "unknown" => Ok(Attr::unknown()),
            "blame" => Err(FunctionError::at_path(Path::attribute("parts").index(1), "it is bad.")),
            "blame nobody" => Err(FunctionError::at("nobody", "it is bad.")),
            _ => {
                let known = open.parts.known().map_or(0, |parts| parts.iter().filter(|part| part.is_known()).count());
                Ok(Order { answer: format!("{known} known") }.into())
            }
        }
    }
}

async fn judge(parts: Value, whole: Value, answer: &str) -> Said {
    let service = Builder::new("x").without_config().function(Judge).into_service().expect("a good signature");
    let strings = Type::list(Type::String);
    let order = Type::object([("answer", Type::String)]);
    let arguments =
        [(parts, strings.clone()), (whole, strings), (Value::object([("answer", answer.into())]), order.clone())];
    call(&service, "judge", &arguments, &order).await
}

#[tokio::test]
async fn a_function_may_ask_for_what_is_unknown() {
    let some = || Value::list([Value::from("a"), Value::unknown()]);
    let answered = |text: &str| Ok(Value::object([("answer", text.into())]));
    assert_eq!(judge(some(), Value::Null, "count").await, answered("1 known"));
    assert_eq!(judge(Value::unknown(), Value::Null, "count").await, answered("0 known"));
    // The type has no place for an unknown part, so the result is not known either.
    assert!(judge(Value::Null, some(), "count").await.expect("not called").is_unknown());
    assert!(judge(some(), Value::Null, "unknown").await.expect("it may").is_unknown());
}

#[tokio::test]
async fn a_wrong_answer_is_blamed_on_the_provider() {
    let (said, blamed) = judge(Value::Null, Value::Null, "unknown").await.expect_err("all arguments are known");
    assert!(said.contains("its result is unknown although") && said.contains("bug in the provider"), "{said}");
    assert_eq!(blamed, None);
}

#[tokio::test]
async fn a_part_of_an_argument_is_named_and_a_name_that_is_none_too() {
    let blame = |answer: &'static str| judge(Value::Null, Value::Null, answer);
    assert_eq!(blame("blame").await, Err(("[1]: it is bad".to_owned(), Some(0))));
    assert_eq!(blame("blame nobody").await, Err(("nobody: it is bad".to_owned(), None)));
    assert_eq!(blame("nonsense").await, Err(("answer: There is no such answer".to_owned(), Some(2))));
}

#[test]
fn bad_signatures_and_names_given_twice_are_refused() {
    let twice = Builder::new("x").without_config().function(Judge).function(Judge).into_service();
    assert_eq!(twice.err().expect("refused").to_string(), "the type judge is registered twice");

    /// A function whose parameter is none.
    struct Bad;
    impl Function for Bad {
        type Parameters = crate::pantry::menu::Menu;
        type Return = String;
        const NAME: &'static str = "bad";
        const SUMMARY: &'static str = "Bad.";
        const DESCRIPTION: &'static str = "Bad.";
        fn call(&self, _: Self::Parameters) -> Result<String, FunctionError> {
            Ok(String::new())
        }
    }
    let refused = Builder::new("x").without_config().function(Bad).into_service().err().expect("refused").to_string();
    assert!(refused.contains("function bad: prefix: is a function's parameter"), "{refused}");
}
