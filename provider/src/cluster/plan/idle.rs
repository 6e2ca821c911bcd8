//! What the user should know of a maintenance window that is to take upgrades and has nowhere to learn of them.

use justmanage_model::MaintenanceWindow;
use justmanage_model::window::Upgrade;
use tfkit::{Attr, Diagnostic, Path};

/// A window that takes upgrades by itself, and names no catalog.
pub(super) fn window(definition: &Attr<String>) -> Option<Diagnostic> {
    let window: MaintenanceWindow = definition.known()?.parse().ok()?;
    if window.upgrade == Upgrade::None || window.catalog.is_some() {
        return None;
    }
    let idle = Diagnostic::warning(
        "No upgrade will be found",
        format!(
            "The window says upgrade {}, and names no catalog: the agents look for newer releases nowhere else, and take none by \
             themselves. Name one (catalog and catalog_key of justmanage_maintenance_window), or write upgrade = \"none\".",
            window.upgrade
        ),
    );
    Some(idle.at(Path::attribute("maintenance_window")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_can_find_nothing_is_named() {
        let said = |text: Attr<String>| window(&text).map(|warning| format!("{}: {}", warning.path, warning.detail));
        let catalog = "catalog https://mirror.example/c.json RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        for quiet in [
            Attr::Null,
            Attr::unknown(),
            "Sun 02:00-03:00 UTC".into(),
            format!("Sun 02:00-03:00 UTC; upgrade patch; {catalog}").into(),
        ] {
            assert_eq!(said(quiet), None);
        }
        let warned = said("Sun 02:00-03:00 UTC; upgrade patch".into()).unwrap();
        assert!(warned.contains("upgrade patch, and names no catalog"), "{warned}");
    }
}
