//! What the user should know of a maintenance window that a cluster keeps and nothing acts on.

use justmanage_model::MaintenanceWindow;
use justmanage_model::window::Upgrade;
use tfkit::{Attr, Diagnostic, Path};

/// A window that is kept, and that nothing acts on in this release.
pub(super) fn window(definition: &Attr<String>) -> Option<Diagnostic> {
    if definition.is_null() {
        return None;
    }
    let upgrade =
        definition.known().and_then(|text| text.parse::<MaintenanceWindow>().ok()).map(|window| window.upgrade);
    let although = match upgrade {
        Some(upgrade @ (Upgrade::Patch | Upgrade::Security)) => format!(", although it says upgrade {upgrade}"),
        _ => String::new(),
    };
    let idle = Diagnostic::warning(
        "Maintenance window is kept, but not used yet",
        format!(
            "The window is kept with the cluster, and nothing acts on it in this release: no release is taken by itself{although}, \
             and a change is made when it is applied, at whatever time that is."
        ),
    );
    Some(idle.at(Path::attribute("maintenance_window")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_nothing_acts_on_is_named_whether_it_is_known_or_not() {
        let said = |text: Attr<String>| window(&text).map(|warning| format!("{}: {}", warning.path, warning.detail));
        assert_eq!(said(Attr::Null), None);
        assert!(said(Attr::unknown()).is_some());
        assert!(said("Sun 02:00-03:00 UTC; upgrade patch".into()).unwrap().contains("although it says upgrade patch"));
        assert!(!said("Sun 02:00-03:00 UTC".into()).unwrap().contains("although"));
    }
}
