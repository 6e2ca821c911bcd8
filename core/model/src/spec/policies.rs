//! What must hold between a cluster's policies and the rest of its spec.

use super::ClusterSpec;
use crate::window::Upgrade;
use crate::{Failure, FieldPath, ReleaseTarget};

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
        shapes.chain(pinned(self.version, upgrade)).collect()
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
