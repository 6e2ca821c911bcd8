//! `data "kitchen_menu"`: what there is.

use tfkit::{Attr, Cx, DataSource, Diagnostic, Diagnostics, Model, Path, async_trait};

use super::Store;

/// The dishes that there are.
#[derive(Model)]
pub(crate) struct Menu {
    /// Only dishes whose names begin with this.
    #[tf(optional)]
    prefix: Option<String>,
    /// At most so many.
    #[tf(default = 100)]
    limit: u32,
    /// Their names, sorted.
    #[tf(computed)]
    names: Attr<Vec<String>>,
    /// Who is responsible.
    #[tf(computed)]
    owner: Attr<String>,
}

/// The menu.
pub(crate) struct Menus;

#[async_trait]
impl DataSource for Menus {
    type Model = Menu;
    type Client = Store;
    const TYPE: &'static str = "menu";

    fn validate(&self, config: &MenuView, report: &mut Diagnostics) {
        if config.limit.known() == Some(&0) {
            report.push(Diagnostic::error("Empty menu", "The limit must be at least 1.").at(Path::attribute("limit")));
        }
    }

    async fn read(&self, cx: &Cx<Store, Menu>, mut config: Menu) -> Result<Menu, Diagnostics> {
        let store = cx.client()?;
        let prefix = config.prefix.as_deref().unwrap_or_default();
        let names = store.ids("dish")?.into_iter().filter(|name| name.starts_with(prefix));
        config.names = names.take(config.limit as usize).collect::<Vec<_>>().into();
        config.owner = store.owner.as_str().into();
        Ok(config)
    }
}
