//! What the provider says that it has.

use tfkit::model::Model;
use tfkit::schema::{Kind, Nesting};
use tfkit::{Number, Provider as Builder, Type, Value};
use tfkit_proto::tfplugin6::provider_server::Provider;
use tfkit_proto::tfplugin6::{get_metadata, get_provider_schema, get_resource_identity_schemas};
use tonic::Request;

use crate::core::Core;
use crate::pantry::Store;
use crate::pantry::dish::{Dish, Dishes};

#[tokio::test]
async fn schemas_of_everything() {
    let request = Request::new(get_provider_schema::Request {});
    let schemas = Core::new().0.get_provider_schema(request).await.expect("no status").into_inner();
    assert_eq!(schemas.diagnostics, []);
    assert_eq!(schemas.resource_schemas.keys().collect::<Vec<_>>(), ["kitchen_dish", "kitchen_jar", "kitchen_oven"]);
    assert_eq!(schemas.data_source_schemas.keys().collect::<Vec<_>>(), ["kitchen_menu"]);
    assert_eq!(schemas.resource_schemas["kitchen_dish"].version, 1);
    let meta = schemas.provider_meta.and_then(|schema| schema.block).expect("there");
    assert_eq!(meta.attributes[0].name, "name");
    let capabilities = schemas.server_capabilities.expect("there");
    assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional);
    assert!(capabilities.move_resource_state && capabilities.generate_resource_config);
    assert_eq!(schemas.list_resource_schemas.keys().collect::<Vec<_>>(), ["kitchen_jar"]);
    assert_eq!(schemas.action_schemas.keys().collect::<Vec<_>>(), ["kitchen_bell"]);
    // Nor does one in the configuration of a list or of an action.
    let bell = schemas.action_schemas["kitchen_bell"].schema.clone().and_then(|schema| schema.block).expect("there");
    let jars = schemas.list_resource_schemas["kitchen_jar"].block.clone().expect("there");
    for attribute in bell.attributes.iter().chain(&jars.attributes) {
        assert!(!attribute.computed && attribute.required != attribute.optional, "{}", attribute.name);
    }
    // A default in the provider's configuration does not make it computed.
    let provider = schemas.provider.and_then(|schema| schema.block).expect("there");
    let owner = provider.attributes.iter().find(|attribute| attribute.name == "owner").expect("there");
    assert!(owner.optional && !owner.computed);
    assert_eq!(provider.description, "A kitchen that keeps what it makes as files.");
}

#[tokio::test]
async fn metadata_and_identities() {
    let service = Core::new().0;
    let metadata = service.get_metadata(Request::new(get_metadata::Request {})).await.expect("no status").into_inner();
    let names: Vec<_> = metadata.resources.iter().map(|one| one.type_name.as_str()).collect();
    assert_eq!(names, ["kitchen_dish", "kitchen_jar", "kitchen_oven"]);
    assert_eq!(metadata.list_resources[0].type_name, "kitchen_jar");
    assert_eq!(metadata.actions[0].type_name, "kitchen_bell");
    assert_eq!(metadata.data_sources[0].type_name, "kitchen_menu");
    assert_eq!(metadata.ephemeral_resources[0].type_name, "kitchen_key");
    assert_eq!(metadata.functions[0].name, "order_text");
    let request = Request::new(get_resource_identity_schemas::Request {});
    let identities = service.get_resource_identity_schemas(request).await.expect("no status").into_inner();
    assert_eq!(identities.diagnostics, []);
    let jar = &identities.identity_schemas["kitchen_jar"];
    let parts: Vec<_> = jar.identity_attributes.iter().map(|part| (part.name.as_str(), &part.r#type[..])).collect();
    let text = &b"\"string\""[..];
    assert_eq!(parts, [("shelf", text), ("name", text), ("kitchen", text)]);
    let asked = |index: usize| {
        let part = &jar.identity_attributes[index];
        (part.required_for_import, part.optional_for_import)
    };
    assert_eq!([asked(0), asked(1), asked(2)], [(true, false), (true, false), (false, true)]);
    assert_eq!((jar.version, identities.identity_schemas.len()), (1, 1));
}

#[tokio::test]
async fn a_provider_without_lists_and_actions_answers_as_one_that_never_heard_of_them() {
    use tfkit_proto::tfplugin6::{invoke_action, list_resource, plan_action};
    let service = Builder::new("bare").without_config().into_service().expect("it is right");
    let schemas = service.get_provider_schema(Request::new(get_provider_schema::Request {})).await.expect("no status");
    assert!(schemas.get_ref().action_schemas.is_empty() && schemas.get_ref().list_resource_schemas.is_empty());
    let planned = service.plan_action(Request::new(plan_action::Request::default())).await.map(drop);
    let invoked = service.invoke_action(Request::new(invoke_action::Request::default())).await.map(drop);
    let listed = service.list_resource(Request::new(list_resource::Request::default())).await.map(drop);
    for answer in [planned, invoked, listed] {
        assert_eq!(answer.expect_err("not there").code(), tonic::Code::Unimplemented);
    }
}

#[test]
fn an_identity_that_terraform_would_not_take_is_refused() {
    /// Bad in each part.
    #[derive(tfkit::Model)]
    struct Bad {
        /// Decided by the provider.
        #[tf(computed)]
        id: tfkit::Attr<String>,
        /// Of a type that identities have not.
        #[tf(required)]
        labels: std::collections::BTreeMap<String, String>,
        /// A secret.
        #[tf(required, sensitive)]
        key: String,
    }
    let schema = tfkit::schema::Schema { version: 0, block: Bad::block() };
    let found: Vec<_> = schema.check_as_identity().iter().map(ToString::to_string).collect();
    let part = |index: usize, name: &str, why: &str| {
        assert!(found[index].starts_with(&format!("{name}: is part of an identity, so it is {why}")), "{found:?}");
    };
    part(0, "id", "either required or optional");
    part(1, "labels", "a string, a bool");
    part(2, "key", "either required or optional");
    assert_eq!(found.len(), 3);
    let empty = tfkit::schema::Schema { version: 0, block: tfkit::schema::Block::default() };
    assert_eq!(empty.check_as_identity().len(), 1, "nothing identifies nothing");
}

#[test]
fn a_list_of_what_has_no_identity_is_refused() {
    use crate::pantry::{jar::Jars, shelf::Shelf};
    let connect = |_: tfkit::model::Empty, _| async { Ok(Store::open(std::env::temp_dir(), String::new())?) };
    let lone = Builder::new("kitchen").config(connect).resource(Jars).list(Shelf);
    let error = lone.into_service().err().expect("refused").to_string();
    assert!(error.contains("no resource of this type with an identity"), "{error}");
}

#[test]
fn an_action_decides_nothing() {
    let schema = tfkit::schema::Schema { version: 0, block: Dish::block() };
    let found: Vec<_> = schema.check_as_configuration().iter().map(ToString::to_string).collect();
    assert!(found.contains(&"id: is computed, but nothing is stored of what this configures".to_owned()), "{found:?}");
    assert!(found.iter().any(|problem| problem.starts_with("orders: is computed")), "inside, too: {found:?}");
    assert!(!found.iter().any(|problem| problem.starts_with("weight")), "a default is no decision: {found:?}");
}

#[test]
fn a_model_is_its_schema() {
    let block = Dish::block();
    assert_eq!(block.description, "A dish with all that belongs to it.");
    let of = |name: &str| block.attributes.iter().find(|attribute| attribute.name == name).expect("there").clone();

    let name = of("name");
    assert!(name.required && name.replace && !name.optional && !name.computed);
    assert_eq!((name.kind, name.validators[0].says), (Kind::Plain(Type::String), "at most 20 characters"));
    let id = of("id");
    assert!(id.computed && id.keep && !id.optional && !id.required);
    assert_eq!(id.description, "Stays for the life of the dish.");
    let hot = of("hot");
    assert!(hot.optional && hot.computed);
    assert_eq!((hot.kind, hot.default), (Kind::Plain(Type::Bool), Some(Value::Bool(true))));
    assert_eq!(of("steps").default, Some(Value::list(["cook"])));
    assert_eq!(of("price").kind, Kind::Plain(Type::Number));
    assert_eq!(of("tastes").kind, Kind::Plain(Type::set(Type::String)));
    assert_eq!(of("labels").kind, Kind::Plain(Type::map(Type::String)));
    assert_eq!(of("anything").kind, Kind::Plain(Type::Dynamic));
    assert!(of("recipe").sensitive && of("secret_wo").write_only && of("secret_wo").sensitive);

    for (name, nesting, inner) in [
        ("plate", Nesting::Single, vec!["colour", "shape", "number"]),
        ("ingredients", Nesting::List, vec!["name", "amount"]),
        ("sides", Nesting::Set, vec!["name", "extra"]),
        ("orders", Nesting::Map, vec!["count", "ticket"]),
    ] {
        let Kind::Nested(found, attributes) = of(name).kind else { panic!("{name} is nested") };
        let names: Vec<_> = attributes.iter().map(|attribute| attribute.name.clone()).collect();
        assert_eq!((found, names), (nesting, inner.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn a_validator_sees_the_typed_value() {
    let block = Dish::block();
    let weight = &block.attributes.iter().find(|attribute| attribute.name == "weight").expect("there").validators[0];
    assert_eq!((weight.check)(&"300g".into()), Ok(()));
    assert_eq!((weight.check)(&"much".into()), Err("Write a weight such as 300g or 1kg.".to_owned()));
    assert_eq!((weight.check)(&Value::Number(Number::from(1))), Ok(()), "what is not of the type is judged elsewhere");
}

#[test]
fn a_type_registered_twice_is_refused() {
    let twice = Builder::new("kitchen")
        .config(|_: tfkit::model::Empty, _| async { Ok(Store::open(std::env::temp_dir(), String::new())?) })
        .resource(Dishes)
        .resource(Dishes);
    let error = twice.into_service().err().expect("refused").to_string();
    assert_eq!(error, "the type kitchen_dish is registered twice");
}

#[test]
fn an_illegal_schema_is_refused_with_its_path() {
    /// Bad.
    #[derive(tfkit::Model)]
    struct Bad {
        /// Reserved by Terraform where it is a resource, and here a provider's name is.
        #[tf(optional)]
        version: Option<String>,
    }
    let bad = Builder::new("kitchen").config(|_: Bad, _| async { Ok(()) });
    let error = bad.into_service().err().expect("refused").to_string();
    assert!(error.contains("provider configuration: version: Terraform reserves this name"), "{error}");
}
