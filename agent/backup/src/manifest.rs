//! What is said of a whole backup: `ID/manifest.json`, written last.

use justmanage_model::backup::{BackupId, Occasion};
use justmanage_model::{Bytes, ClusterId, ClusterName, Release, SlotSet, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{BackupError, StoreError};
use crate::part::Part;
use crate::store::{ClusterStore, json};

/// Which format this is. A reader refuses one that it does not know; what only adds fields does not change it.
pub const FORMAT: u32 = 1;

/// What is said of a whole backup (docs/guides/backup-format.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Its name.
    pub id: BackupId,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// As which that was known.
    pub name: ClusterName,
    /// Why it was made.
    pub occasion: Occasion,
    /// When the first server had fixed what is in its part.
    pub begun: Timestamp,
    /// When the last part was in the store.
    pub ended: Timestamp,
    /// How long after the first server the last one had fixed what is in its part, in milliseconds: each part is of one moment, and
    /// these are so far apart.
    pub skew_ms: u64,
    /// What ran, each once.
    pub releases: Vec<Release>,
    /// The parts, by shard: all that their own descriptors say.
    pub shards: Vec<Part>,
    /// All keys; `None` if of a part it is not known.
    pub keys: Option<u64>,
    /// Size of the files of data (RDB).
    pub rdb: Bytes,
    /// What they take in the store.
    pub stored: Bytes,
    /// Each part was loaded into a server that served nobody, and its keys were counted.
    pub verified: bool,
    /// The cluster's users and what they may do, without their passwords.
    pub users: serde_json::Value,
    /// The servers' configuration, as the cluster's owner wants it.
    pub config: serde_json::Value,
}

/// Why parts make no whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    /// Some slots are in no part.
    #[error("slots {0} are in no part of it")]
    Missing(SlotSet),
    /// Some slots are in two.
    #[error("slots {0} are in two parts of it")]
    Twice(SlotSet),
}

/// For whom and why a backup was made, and what goes with it.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name.
    pub id: BackupId,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub name: ClusterName,
    /// Why.
    pub occasion: Occasion,
    /// Users without passwords.
    pub users: serde_json::Value,
    /// The servers' configuration.
    pub config: serde_json::Value,
}

impl Manifest {
    /// The manifest of these parts.
    ///
    /// # Errors
    /// They do not have every slot exactly once.
    pub fn new(about: About, mut parts: Vec<Part>) -> Result<Self, NotWhole> {
        parts.sort_by_key(|part| part.shard);
        let mut seen = SlotSet::empty();
        for part in &parts {
            let twice = seen.intersection(&part.slots);
            if !twice.is_empty() {
                return Err(NotWhole::Twice(twice));
            }
            seen = seen.union(&part.slots);
        }
        let missing = SlotSet::all().difference(&seen);
        if !missing.is_empty() {
            return Err(NotWhole::Missing(missing));
        }
        let moments = || parts.iter().map(|part| part.begun);
        let begun = moments().min().unwrap_or(Timestamp::UNIX_EPOCH);
        let last = moments().max().unwrap_or(begun);
        let mut releases: Vec<Release> = Vec::new();
        for part in &parts {
            if !releases.contains(&part.release) {
                releases.push(part.release.clone());
            }
        }
        Ok(Self {
            format: FORMAT,
            id: about.id,
            cluster: about.cluster,
            name: about.name,
            occasion: about.occasion,
            begun,
            ended: parts.iter().map(|part| part.ended).max().unwrap_or(begun),
            skew_ms: u64::try_from(last.duration_since(begun).as_millis()).unwrap_or(0),
            releases,
            keys: parts.iter().map(|part| part.keys).sum(),
            rdb: parts.iter().map(|part| part.rdb).sum(),
            stored: parts.iter().map(|part| part.stored).sum(),
            verified: parts.iter().all(|part| part.verified),
            shards: parts,
            users: about.users,
            config: about.config,
        })
    }
}

fn name_of(id: &BackupId) -> String {
    format!("{id}/{MANIFEST}")
}

pub(crate) const MANIFEST: &str = "manifest.json";

/// Says in the store that a backup is whole. Once that is said it stands: saying the same again is well.
///
/// # Errors
/// [`StoreError::Exists`] if another manifest is there: somebody else wrote it.
pub async fn write_manifest(store: &ClusterStore, manifest: &Manifest) -> Result<(), BackupError> {
    Ok(store.put(&name_of(&manifest.id), &json(manifest)).await?)
}

/// The manifest of a backup; `None` if it has none, and so is not whole.
///
/// # Errors
/// [`StoreError::Damaged`] if it cannot be read, or is of a format that is not known.
pub async fn read_manifest(store: &ClusterStore, id: &BackupId) -> Result<Option<Manifest>, BackupError> {
    let name = name_of(id);
    let Some(manifest) = store.read_json::<Format>(&name).await? else { return Ok(None) };
    if manifest.format != FORMAT {
        let why = format!("it is of format {}, and only {FORMAT} is known", manifest.format);
        return Err(StoreError::Damaged { name, why }.into());
    }
    let manifest: Option<Manifest> = store.read_json(&name).await?;
    match manifest {
        Some(manifest) if manifest.id != *id => {
            let why = format!("it is of backup {}", manifest.id);
            Err(StoreError::Damaged { name, why }.into())
        }
        manifest => Ok(manifest),
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}
