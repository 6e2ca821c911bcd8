//! Backups in the Record: one at a time, from its beginning to its end.

use jiff::ToSpan as _;

use super::{Halt, Record};
use crate::backup::{BackupDone, BackupFailure, BackupRun, Occasion};
use crate::{NodeId, Timestamp};

/// How often a backup of one time of the schedule is tried; after that, the next time is waited for.
pub const BACKUP_TRIES: u32 = 4;

impl Record {
    /// Times of the schedule count from this moment on.
    pub fn count_backups_from(&mut self, moment: Timestamp) {
        self.backups.served = Some(moment);
    }

    /// A backup is made from now on.
    pub fn begin_backup(&mut self, run: &BackupRun) {
        self.backups.run = Some(run.clone());
    }

    /// All of its parts are in the store.
    pub fn complete_backup(&mut self) {
        self.backups.run.iter_mut().for_each(|run| run.complete = true);
    }

    /// It is whole.
    pub fn keep_backup(&mut self, done: &BackupDone) {
        let Some(run) = self.backups.run.take() else { return };
        match &run.occasion {
            Occasion::Schedule { .. } => self.serve(run.begun),
            Occasion::Demand { word } => self.backups.demand = Some(word.clone()),
            Occasion::Upgrade { .. } => self.backups.before = Some(run.id),
        }
        self.backups.failed = None;
        self.backups.last = Some(done.clone());
    }

    /// It came to nothing. Servers do not go over to another release without the backup that was to be made before.
    pub fn give_up_backup(&mut self, failure: &BackupFailure) {
        let Some(run) = self.backups.run.take() else { return };
        match &run.occasion {
            Occasion::Schedule { .. } if failure.tries >= BACKUP_TRIES => self.serve(run.begun),
            Occasion::Schedule { .. } | Occasion::Demand { .. } => {}
            Occasion::Upgrade { .. } => {
                let what = format!("The backup before the change of the release came to nothing: {}", failure.why);
                self.halt.get_or_insert(Halt { what, since: failure.at });
            }
        }
        self.backups.failed = Some(failure.clone());
    }

    /// Of which shard a node's server is to be backed up now.
    #[must_use]
    pub fn backup_part_of(&self, node: NodeId) -> Option<(u16, &BackupRun)> {
        let run = self.backups.run.as_ref()?;
        run.parts.iter().find(|(_, source)| **source == node).map(|(shard, _)| (*shard, run))
    }

    /// Whatever was due until then, a backup that was begun then stands for it.
    fn serve(&mut self, begun: Timestamp) {
        self.backups.served = Some(begun.saturating_add(1.second()).unwrap_or(begun));
    }
}
