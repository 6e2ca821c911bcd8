//! Backups that are made: what is under way, what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::serde_as_text;
use crate::{Bytes, Generation, NodeId, Release, Timestamp};

/// Name of a backup, unique among those of its cluster: when it was begun, in UTC, and by which generation of the Record, such as
/// `20261129T033000Z-57`. Names of one cluster sort as their moments do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId(String);

const SUMMARY: &str = "Name of a backup not valid";
const USUAL: &str = "Write it as justmanage_backups shows it, such as \"20261129T033000Z-57\".";
/// As `jiff` prints and reads the moment.
const FORMAT: &str = "%Y%m%dT%H%M%SZ";

impl BackupId {
    /// The name of the backup that is begun at a moment by a generation.
    #[must_use]
    pub fn new(begun: Timestamp, by: Generation) -> Self {
        Self(format!("{}-{}", begun.strftime(FORMAT), by.get()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// By which generation of the Record it was begun.
    #[must_use]
    pub fn by(&self) -> Generation {
        let (_, by) = self.0.split_once('-').unwrap_or_default();
        Generation::new(by.parse().unwrap_or_default())
    }

    /// When it was begun, to the second.
    #[must_use]
    pub fn begun(&self) -> Timestamp {
        let (moment, _) = self.0.split_once('-').unwrap_or_default();
        moment_of(moment).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn moment_of(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime(FORMAT, text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

impl FromStr for BackupId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split_once('-').and_then(|(moment, by)| Some((moment_of(moment)?, by.parse::<u64>().ok()?)));
        let id = parts.map(|(begun, by)| Self(format!("{}-{by}", begun.strftime(FORMAT))));
        // One spelling for each: what it would be written as is what was written.
        id.filter(|id| id.0 == text).ok_or_else(|| {
            let detail = format!("{} is not a moment and a number.", crate::calendar::shown(text));
            Invalid::new(SUMMARY, detail, USUAL)
        })
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(BackupId);

/// Why a backup is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Its time has come.
    Schedule {
        /// The time of the schedule.
        due: Timestamp,
    },
    /// Somebody asks for it ([`crate::ClusterSpec::backup_now`]).
    Demand {
        /// The word by which they do.
        word: String,
    },
    /// The servers are about to go over to another release.
    Upgrade {
        /// From which.
        from: Release,
        /// To which.
        to: Release,
    },
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule { due } => write!(f, "scheduled for {due}"),
            Self::Demand { word } => write!(f, "asked for by backup_now = \"{word}\""),
            Self::Upgrade { from, to } => write!(f, "before the change from {from} to {to}"),
        }
    }
}

/// A backup that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRun {
    /// Its name.
    pub id: BackupId,
    /// Why.
    pub occasion: Occasion,
    /// When it was begun, by the clock of whoever proposed it.
    pub begun: Timestamp,
    /// Whose server each shard is read from.
    pub parts: BTreeMap<u16, NodeId>,
    /// All parts are in the store: the [`BackupRun::keeper`] writes the manifest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
}

impl BackupRun {
    /// Whose agent writes the manifest, and removes what is not kept any more: of the first shard.
    #[must_use]
    pub fn keeper(&self) -> Option<NodeId> {
        self.parts.values().next().copied()
    }
}

/// A backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupDone {
    /// Its name.
    pub id: BackupId,
    /// Why it was made.
    pub occasion: Occasion,
    /// When it was whole.
    pub ended: Timestamp,
    /// How many keys are in it.
    pub keys: u64,
    /// What it takes in the store.
    pub stored: Bytes,
    /// Each part was loaded into a server that served nobody, and its keys were counted.
    pub verified: bool,
}

/// A backup that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFailure {
    /// Its name.
    pub id: BackupId,
    /// Why it was to be made.
    pub occasion: Occasion,
    /// When it was given up, by the clock of whoever proposed that.
    pub at: Timestamp,
    /// Why: one sentence.
    pub why: String,
    /// How often in a row one for this occasion has come to nothing.
    pub tries: u32,
}

/// Backups of a cluster, as far as its agents have to agree on them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backups {
    /// What is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<BackupRun>,
    /// Times of the schedule after this moment are still to be served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<Timestamp>,
    /// The word of the last demand that was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand: Option<String>,
    /// The one that was made before the change of the release that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<BackupId>,
    /// The newest one that is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<BackupDone>,
    /// The last one that came to nothing, if none was made since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<BackupFailure>,
}

impl Backups {
    /// Nothing was ever made or tried.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How far a node's agent is with its part of the backup that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTally {
    /// Of which backup.
    pub id: BackupId,
    /// How far.
    pub state: BackupState,
}

/// How far that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// The server's data are being read, or what was written is verified.
    Running {
        /// So much was read.
        bytes: Bytes,
    },
    /// The part is in the store.
    Written,
    /// The manifest is in the store, too.
    Done(Box<BackupDone>),
    /// It did not work.
    Failed {
        /// Why: one sentence.
        why: String,
    },
}
