//! What must hold between a cluster's policies and the rest of its spec.

use super::{Apply, ClusterSpec, Place};
use crate::backup::Store;
use crate::window::{Approve, Upgrade};
use crate::{Failure, FieldPath, ReleaseTarget};

/// Below which directory the agents of servers may write backups, without its first slash.
const BACKUPS_OF_SERVERS: &str = "var/backups/justmanage";

impl ClusterSpec {
    /// What is wrong with the policies.
    pub(super) fn policy_faults(&self) -> Vec<Failure> {
        let window = self.maintenance_window.as_ref();
        let backup = self.backup_policy.as_ref();
        let shapes = [
            ("maintenance_window", window.and_then(|window| window.check().err())),
            ("backup_policy", backup.and_then(|policy| policy.check().err())),
        ];
        let shapes = shapes.into_iter().filter_map(|(name, fault)| Some(fault?.at(FieldPath::of(name))));
        let upgrade = window.map_or(Upgrade::None, |window| window.upgrade);
        shapes
            .chain(pinned(self.version, upgrade))
            .chain(self.time_fault())
            .chain(self.approval_fault())
            .chain(self.destination_fault())
            .chain(self.demand_fault())
            .collect()
    }

    /// Changes wait for a window that there is not.
    fn time_fault(&self) -> Option<Failure> {
        if self.apply == Apply::Immediately || self.maintenance_window.is_some() {
            return None;
        }
        let detail = "Changes are to wait for the maintenance window, and the cluster has none.";
        let hint = "Give it one (maintenance_window = justmanage_maintenance_window.NAME.definition), or write apply = \"immediately\".";
        Some(Failure::at(FieldPath::of("apply"), "No window to wait for", detail).hint(hint))
    }

    /// A version is approved, and nothing waits for that.
    fn approval_fault(&self) -> Option<Failure> {
        let version = self.approved_version?;
        let about = || FieldPath::of("approved_version");
        let manual = self.maintenance_window.as_ref().is_some_and(|window| window.approve == Approve::Manual);
        if !manual {
            let detail = format!("{version} is approved, and the maintenance window does not ask for anybody's word.");
            let hint = "Say approve = \"manual\" in the window, or take approved_version out.";
            return Some(Failure::at(about(), "Approval that nobody waits for", detail).hint(hint));
        }
        (!self.version.admits(version)).then(|| {
            let detail = format!("{version} is approved, and the cluster is to stay in {}.", self.version);
            let hint = "Approve a patch of its line; another line is taken by changing version.";
            Failure::at(about(), "Approved version is of another line", detail).hint(hint)
        })
    }

    /// What is wrong with where backups go.
    fn destination_fault(&self) -> Option<Failure> {
        let destination = &self.backup_policy.as_ref()?.destination;
        let inside = |path: &str| path == BACKUPS_OF_SERVERS || path.starts_with(&format!("{BACKUPS_OF_SERVERS}/"));
        if self.place == Place::Local || destination.store() != Store::File || inside(destination.path()) {
            return None;
        }
        let detail = format!("On machines of its own, an agent may not write to {destination}.");
        let hint = format!(
            "Name a directory at or below \"file:///{BACKUPS_OF_SERVERS}\", and mount there what all machines of the cluster share."
        );
        Some(Failure::at(FieldPath::of("backup_policy"), "Destination out of reach", detail).hint(hint))
    }

    /// What is wrong with a backup that is asked for.
    fn demand_fault(&self) -> Option<Failure> {
        let about = || FieldPath::of("backup_now");
        let word = self.backup_now.as_deref()?;
        if let Some(why) = self.backup_policy.as_ref().and_then(crate::BackupPolicy::why_not_made) {
            let hint = "Name another destination in the policy, or take backup_now out.";
            return Some(Failure::at(about(), "Backup not possible", why).hint(hint));
        }
        if self.backup_policy.is_none() {
            let detail = "The cluster has no backup policy, so nobody knows where a backup would go.";
            let hint =
                "Give it one (backup_policy = justmanage_backup_policy.NAME.definition), or take backup_now out.";
            return Some(Failure::at(about(), "Backup without a policy", detail).hint(hint));
        }
        let hint = "Any short text will do, such as \"2026-11-29\"; another one than before has a backup made.";
        super::rotate::word_fault(about(), word, hint)
    }
}

/// An exact version, and a window that would leave it (ARCHITECTURE, decision 14): one of the two is not meant.
#[must_use]
pub fn pinned(version: ReleaseTarget, upgrade: Upgrade) -> Option<Failure> {
    let ReleaseTarget::Exactly(pin) = version else { return None };
    if upgrade == Upgrade::None {
        return None;
    }
    let detail = format!(
        "The version is pinned to {pin}, and the maintenance window says upgrade {upgrade}, which would leave it."
    );
    let hint = format!(
        "Write version = \"{}\" to let the cluster take patches of that line by itself, or upgrade = \"none\" to stay at {pin}.",
        pin.line()
    );
    Some(Failure::at(FieldPath::of("version"), "Pinned version would be upgraded", detail).hint(hint))
}
