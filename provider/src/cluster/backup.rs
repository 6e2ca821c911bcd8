//! Backups that the agents make: as attributes, and what the plan says of a policy.

use justmanage_core::ClusterView;
use justmanage_model::BackupPolicy;
use justmanage_model::backup::BackupDone;
use tfkit::{Attr, Diagnostic, Model, Path};

/// A backup that is whole.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct LastBackup {
    /// Its name, such as `20261129T033000Z-57`: when it was begun, in UTC, and by which generation of what the agents agree on.
    #[tf(computed)]
    pub(super) id: Attr<String>,
    /// Why it was made: `scheduled for 2026-11-29T03:30:00Z`, `asked for by backup_now = "friday"`, or `before the change from redis
    /// 8.0.2 to redis 8.0.6`.
    #[tf(computed)]
    pub(super) occasion: Attr<String>,
    /// When it was whole, in UTC.
    #[tf(computed)]
    pub(super) ended_at: Attr<String>,
    /// How many keys are in it.
    #[tf(computed)]
    pub(super) keys: Attr<u64>,
    /// What it takes at its destination, in bytes.
    #[tf(computed)]
    pub(super) stored_bytes: Attr<u64>,
    /// Whether each of its parts was loaded into a server that served nobody, and its keys were counted.
    #[tf(computed)]
    pub(super) verified: Attr<bool>,
}

impl From<&BackupDone> for LastBackup {
    fn from(done: &BackupDone) -> Self {
        Self {
            id: done.id.to_string().into(),
            occasion: done.occasion.to_string().into(),
            ended_at: done.ended.to_string().into(),
            keys: done.keys.into(),
            stored_bytes: done.stored.get().into(),
            verified: done.verified.into(),
        }
    }
}

/// The newest backup that is whole; null where there is none.
pub(super) fn last(view: &ClusterView) -> Attr<LastBackup> {
    let done = view.record.as_ref().and_then(|record| record.backups.last.as_ref());
    done.map_or(Attr::Null, |done| Attr::Known(done.into()))
}

/// Why the newest try came to nothing, in a sentence; null where it did not.
pub(super) fn failure(view: &ClusterView) -> Attr<String> {
    let failed = view.record.as_ref().and_then(|record| record.backups.failed.as_ref());
    failed.map_or(Attr::Null, |failed| {
        format!("Backup {}, {}, came to nothing at {}: {}", failed.id, failed.occasion, failed.at, failed.why).into()
    })
}

/// What the user is to know of a policy by which no backup can be made yet: nobody is to believe that one is.
pub(super) fn not_made(policy: &Attr<String>) -> Option<Diagnostic> {
    let policy = policy.known()?.parse::<BackupPolicy>().ok()?;
    let why = policy.why_not_made()?;
    let detail = format!(
        "{why} The policy is kept with the cluster, and no backup is made by it: neither in time, nor before the servers go over to \
         another release.\n\nMake backups by other means, or name a directory that all nodes share, such as \
         destination = \"file:///var/backups/justmanage\"."
    );
    Some(Diagnostic::warning("No backups are made", detail).at(Path::attribute("backup_policy")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_by_which_nothing_is_made_is_said() {
        let said = |policy: &str| not_made(&Attr::Known(policy.to_owned())).map(|warning| warning.detail);
        assert_eq!(said("every 6h; destination file:///backups; retention last 3"), None);
        assert!(said("every 6h; destination s3://bucket/a; retention last 3").unwrap().contains("s3://"));
        assert_eq!(not_made(&Attr::unknown()).map(|warning| warning.detail), None);
    }
}
