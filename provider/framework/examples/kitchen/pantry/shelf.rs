//! `list "kitchen_jar"`: what stands on the shelves.

use tfkit::{Cx, Diagnostic, Diagnostics, Identified, ListEnd, ListResource, Listing, Model, Path, async_trait};

use super::Store;
use super::jar::{JarIdentity, Jars, find};

/// Which jars to list.
#[derive(Model)]
pub(crate) struct Query {
    /// Only jars of this shelf.
    #[tf(optional)]
    shelf: Option<String>,
    /// What to say before each name.
    #[tf(default = "jar")]
    title: String,
}

/// The list.
pub(crate) struct Shelf;

#[async_trait]
impl ListResource for Shelf {
    type Resource = Jars;
    type Config = Query;

    fn validate(&self, config: &QueryView, report: &mut Diagnostics) {
        if config.shelf.known().is_some_and(String::is_empty) {
            report.push(Diagnostic::error("No shelf", "Its name is empty.").at(Path::attribute("shelf")));
        }
    }

    async fn list(&self, cx: &Cx<Store, Query>, config: Query, found: &Listing<Jars>) -> Result<(), ListEnd> {
        let store = cx.client()?;
        for place in store.ids("jar")? {
            let Some((shelf, name)) = place.split_once('.') else { continue };
            if config.shelf.as_deref().is_some_and(|only| only != shelf) {
                continue;
            }
            match shelf {
                "broken" => return Err(Diagnostic::error("Shelf broken", "Nobody can reach what is on it.").into()),
                "slippery" => panic!("everything fell down"),
                "dusty" => cx.report(Diagnostic::warning("Shelf dusty", "Some names cannot be read.")),
                _ => {}
            }
            let title = format!("{} {name} on {shelf}", config.title);
            let jar = find(store, shelf, name)?;
            let nobody = JarIdentity { shelf: shelf.to_owned(), name: name.to_owned(), kitchen: None };
            let identity = jar.as_ref().and_then(|jar| Jars.identity(jar)).unwrap_or(nobody);
            found.add(title, identity, jar.filter(|_| found.wants_objects())).await?;
        }
        Ok(())
    }
}
