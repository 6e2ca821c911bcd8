//! The kitchen: a provider that exercises everything the framework has, and keeps its things as JSON files.

pub(crate) mod bell;
pub(crate) mod dish;
pub(crate) mod jar;
pub(crate) mod key;
pub(crate) mod menu;
pub(crate) mod order_text;
pub(crate) mod oven;
mod parts;
pub(crate) mod shelf;
mod store;

pub(crate) use store::Store;
use tfkit::{ConfigureCx, Diagnostics, Model, Provider};

/// A kitchen that keeps what it makes as files.
#[derive(Model)]
pub(crate) struct Kitchen {
    /// Directory for the files. It is made when it is missing.
    #[tf(required)]
    directory: String,
    /// Who is responsible; goes into each dish.
    #[tf(default = "chef")]
    owner: String,
}

/// The house that a module cooks for.
#[derive(Model)]
pub(crate) struct House {
    /// Its name; written on each dish.
    #[tf(required, validate = known_house, says = "not the neighbour's")]
    pub(crate) name: String,
}

fn known_house(name: &str) -> Result<(), String> {
    if name == "neighbour" { Err("We do not cook for the neighbour.".into()) } else { Ok(()) }
}

/// The provider with all its types.
pub(crate) fn provider() -> Provider<Store> {
    Provider::new("kitchen")
        .config_validated(connect, |config: &KitchenView, report: &mut Diagnostics| {
            if config.directory.known().is_some_and(|directory| directory == "/") {
                report.push(
                    tfkit::Diagnostic::error("Directory refused", "The root directory is no kitchen.")
                        .at(tfkit::Path::attribute("directory")),
                );
            }
        })
        .resource(dish::Dishes)
        .resource(oven::Ovens)
        .identified(jar::Jars)
        .list(shelf::Shelf)
        .action(bell::Bell)
        .data_source(menu::Menus)
        .ephemeral(key::Keys)
        .function(order_text::OrderText)
        .provider_meta::<House>()
}

async fn connect(config: Kitchen, _: ConfigureCx) -> Result<Store, Diagnostics> {
    Ok(Store::open(config.directory.into(), config.owner)?)
}
