//! Backups as a cluster's agents list them: what is in the store, and what the agents agree on beside that.

use serde::{Deserialize, Serialize};

use super::run::{BackupId, Occasion};
use crate::window::words;
use crate::{Bytes, Release, Timestamp};

/// A backup, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupEntry {
    /// Its name.
    pub id: BackupId,
    /// Why it was, or is to be, made; `None` where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasion: Option<Occasion>,
    /// When it was begun. Of one that is available: when the first server had fixed what is in it.
    pub begun: Timestamp,
    /// What became of it.
    pub state: EntryState,
}

/// What became of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// It is whole, and in the store.
    Available(Box<BackupContent>),
    /// It is being made.
    Running,
    /// It was the last that was tried, and came to nothing.
    Failed {
        /// When it was given up.
        at: Timestamp,
        /// Why: one sentence.
        why: String,
    },
    /// It is in the store, not whole, and not being made: left over from one that came to nothing, or about to be removed.
    Unfinished,
    /// It is in the store, and what is said of it there cannot be read: damaged, or of a format that only later agents know.
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
}

/// What is in a backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupContent {
    /// When the last of it was in the store.
    pub ended: Timestamp,
    /// How many keys; `None` if of a part it is not known.
    pub keys: Option<u64>,
    /// Size of the files of data (RDB).
    pub rdb: Bytes,
    /// What they take in the store.
    pub stored: Bytes,
    /// What ran, each once.
    pub releases: Vec<Release>,
    /// How many shards.
    pub shards: u16,
    /// How far apart the moments are of which its parts are, in milliseconds.
    pub skew_ms: u64,
    /// Each part was loaded into a server that served nobody, and its keys were counted.
    pub verified: bool,
}

/// The word for what became of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackupStatus {
    /// [`EntryState::Available`].
    Available,
    /// [`EntryState::Running`].
    Running,
    /// [`EntryState::Failed`].
    Failed,
    /// [`EntryState::Unfinished`].
    Unfinished,
    /// [`EntryState::Unreadable`].
    Unreadable,
}

impl BackupEntry {
    /// The word for what became of it.
    #[must_use]
    pub const fn status(&self) -> BackupStatus {
        match self.state {
            EntryState::Available(_) => BackupStatus::Available,
            EntryState::Running => BackupStatus::Running,
            EntryState::Failed { .. } => BackupStatus::Failed,
            EntryState::Unfinished => BackupStatus::Unfinished,
            EntryState::Unreadable { .. } => BackupStatus::Unreadable,
        }
    }
}

words!(
    BackupStatus,
    "Status of a backup not known",
    "Write \"available\", \"running\", \"failed\", \"unfinished\" or \"unreadable\".",
    "available" => Available, "running" => Running, "failed" => Failed, "unfinished" => Unfinished,
    "unreadable" => Unreadable
);

impl Occasion {
    /// What kind of occasion it is, in a word: `scheduled`, `on-demand`, `before-upgrade`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "scheduled",
            Self::Demand { .. } => "on-demand",
            Self::Upgrade { .. } => "before-upgrade",
        }
    }
}
