//! Backup policies: when a cluster is backed up, where to, and what is kept.
//!
//! A policy is a value and holds no credentials: those come from the machine's role, or are given to the cluster.

use std::collections::BTreeSet;

use crate::failure::Invalid;
use crate::text::serde_as_text;

mod definition;
mod destination;
mod entry;
mod recipient;
mod retention;
mod run;
mod time;

pub use destination::{DESTINATION_MAX, Destination, Store};
pub use entry::{BackupContent, BackupEntry, BackupStatus, EntryState};
pub use recipient::Recipient;
pub use retention::{KEPT_MAX, Retention};
pub use run::{BackupDone, BackupFailure, BackupId, BackupRun, BackupState, BackupTally, Backups, Occasion};
pub use time::BackupTime;

use crate::window::words;

/// When a cluster is backed up, where to, and what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPolicy {
    /// When; never empty.
    pub schedule: Vec<BackupTime>,
    /// Where to.
    pub destination: Destination,
    /// What is kept.
    pub retention: Retention,
    /// How it is made smaller.
    pub compression: Compression,
    /// Who can read it; nobody is named: it is not encrypted.
    pub encryption: BTreeSet<Recipient>,
    /// Whether each is loaded into a server that serves nobody, and counted, before older ones go.
    pub verify: bool,
    /// Whether one is made before the servers go over to another release.
    pub before_upgrade: bool,
}

/// How a backup is made smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// With Zstandard.
    #[default]
    Zstd,
    /// Not at all.
    None,
}

words!(
    Compression,
    "Compression not known",
    "Write \"zstd\" or \"none\".",
    "zstd" => Zstd, "none" => None
);

/// Most lines of a schedule: two for every day of a week.
pub const SCHEDULE_MAX: usize = 14;
/// Most recipients of an encrypted backup; each can read all of it. So many are half of a definition.
pub const RECIPIENTS_MAX: usize = 8;

pub(crate) const SUMMARY: &str = "Backup policy not valid";

impl BackupPolicy {
    /// A policy of which nothing but the necessary is said: compressed, verified, not encrypted.
    #[must_use]
    pub const fn new(schedule: Vec<BackupTime>, destination: Destination, retention: Retention) -> Self {
        Self {
            schedule,
            destination,
            retention,
            compression: Compression::Zstd,
            encryption: BTreeSet::new(),
            verify: true,
            before_upgrade: true,
        }
    }

    /// Whether it can be kept: backups are made at all, and its definition is not too long.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let too_many = |what: &str, have: usize, most: usize| {
            let hint = format!("At most {most} are possible.");
            Err(Invalid::new(SUMMARY, format!("It has {have} {what}."), hint))
        };
        if self.schedule.is_empty() {
            let hint = "Say when, such as \"daily 03:30 Asia/Kolkata\" or \"every 6h\".";
            return Err(Invalid::new(SUMMARY, "No backup is ever made: there is no line of a schedule.", hint));
        }
        if self.schedule.len() > SCHEDULE_MAX {
            return too_many("lines of a schedule", self.schedule.len(), SCHEDULE_MAX);
        }
        if self.encryption.len() > RECIPIENTS_MAX {
            return too_many("recipients", self.encryption.len(), RECIPIENTS_MAX);
        }
        crate::clauses::bounded(SUMMARY, self.to_string().len())
    }

    /// Why no backup is made by it, if none can be: a sentence. Nothing is ever stored otherwise than it says.
    #[must_use]
    pub fn why_not_made(&self) -> Option<String> {
        if self.destination.store() != Store::File {
            let destination = self.destination.to_string();
            let (scheme, _) = destination.split_once("://").unwrap_or_default();
            return Some(format!("This release cannot make backups at {scheme}://."));
        }
        (!self.encryption.is_empty()).then(|| "This release cannot encrypt backups.".to_owned())
    }

    /// The next times for a backup at `after` or later, soonest first, each once.
    #[must_use]
    pub fn next_times(&self, after: crate::Timestamp, count: usize) -> Vec<crate::Timestamp> {
        time::next(&self.schedule, after, count)
    }
}

serde_as_text!(BackupPolicy);
