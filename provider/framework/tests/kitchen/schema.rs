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
    assert_eq!(schemas.resource_schemas.keys().collect::<Vec<_>>(), ["kitchen_dish", "kitchen_oven"]);
    assert_eq!(schemas.data_source_schemas.keys().collect::<Vec<_>>(), ["kitchen_menu"]);
    assert_eq!(schemas.resource_schemas["kitchen_dish"].version, 1);
    let meta = schemas.provider_meta.and_then(|schema| schema.block).expect("there");
    assert_eq!(meta.attributes[0].name, "name");
    let capabilities = schemas.server_capabilities.expect("there");
    assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional);
    assert!(!capabilities.move_resource_state && !capabilities.generate_resource_config);
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
    assert_eq!(names, ["kitchen_dish", "kitchen_oven"]);
    assert_eq!(metadata.data_sources[0].type_name, "kitchen_menu");
    assert_eq!(metadata.ephemeral_resources[0].type_name, "kitchen_key");
    assert_eq!(metadata.functions[0].name, "order_text");
    let request = Request::new(get_resource_identity_schemas::Request {});
    let identities = service.get_resource_identity_schemas(request).await.expect("no status").into_inner();
    assert!(identities.identity_schemas.is_empty() && identities.diagnostics.is_empty());
}

#[tokio::test]
async fn what_is_not_there_yet_is_unimplemented() {
    use tfkit_proto::tfplugin6::move_resource_state;
    let moved = Core::new().0.move_resource_state(Request::new(move_resource_state::Request::default())).await;
    assert_eq!(moved.expect_err("not there").code(), tonic::Code::Unimplemented);
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
