//! What the user should know of policies that a cluster keeps and nothing acts on.

use justmanage_model::MaintenanceWindow;
use justmanage_model::window::Upgrade;
use tfkit::{Attr, Diagnostic, Path};

/// Policies that are kept, and that nothing acts on in this release.
pub(super) fn policies(window: &Attr<String>, backup: &Attr<String>) -> impl Iterator<Item = Diagnostic> {
    let upgrade = window.known().and_then(|text| text.parse::<MaintenanceWindow>().ok()).map(|window| window.upgrade);
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
    let no_backups = Diagnostic::warning(
        "No backups are made yet",
        "The backup policy is kept with the cluster, and nothing acts on it in this release: no backup is made, checked or \
         removed.\n\nMake backups by other means, until a release says that it makes them.",
    );
    let window = (!window.is_null()).then(|| idle.at(Path::attribute("maintenance_window")));
    let backup = (!backup.is_null()).then(|| no_backups.at(Path::attribute("backup_policy")));
    window.into_iter().chain(backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_nothing_acts_on_are_named_whether_they_are_known_or_not() {
        let said = |window: Attr<String>, backup: Attr<String>| -> Vec<String> {
            policies(&window, &backup).map(|warning| format!("{}: {}", warning.path, warning.detail)).collect()
        };
        assert_eq!(said(Attr::Null, Attr::Null), Vec::<String>::new());
        let backup = said(Attr::Null, Attr::unknown());
        assert!(backup.len() == 1 && backup[0].contains("no backup is made"), "{backup:?}");
        let window = said("Sun 02:00-03:00 UTC; upgrade patch".into(), Attr::Null);
        assert!(window.len() == 1 && window[0].contains("although it says upgrade patch"), "{window:?}");
        let plain = said("Sun 02:00-03:00 UTC".into(), "every 6h".into());
        assert!(plain.len() == 2 && !plain[0].contains("although"), "{plain:?}");
    }
}
