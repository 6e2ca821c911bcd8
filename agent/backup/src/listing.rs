//! Which backups of a cluster there are, and how one is removed.

use justmanage_model::Timestamp;
use justmanage_model::backup::BackupId;

use crate::error::{BackupError, StoreError};
use crate::manifest::{MANIFEST, Manifest, read_manifest};
use crate::store::ClusterStore;

/// A backup that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: BackupId,
    /// What is said of it; `None`: it is not whole, or the manifest cannot be read.
    pub manifest: Option<Manifest>,
    /// When it was begun, by its name.
    pub begun: Timestamp,
    /// Why its manifest cannot be read: it is damaged, or of a format that only later agents know. Such a backup is nobody's to remove.
    pub unreadable: Option<String>,
}

/// All backups of a cluster, oldest first. What is no name of a backup is somebody else's, and left alone.
///
/// # Errors
/// The store cannot be read.
pub async fn list(store: &ClusterStore) -> Result<Vec<Listed>, BackupError> {
    let mut listed = Vec::new();
    for id in names(store).await? {
        listed.push(look(store, id).await?);
    }
    Ok(listed)
}

/// The names of all backups of a cluster, oldest first.
///
/// # Errors
/// The store cannot be read.
pub async fn names(store: &ClusterStore) -> Result<Vec<BackupId>, BackupError> {
    let mut ids: Vec<BackupId> = store.names("").await?.iter().filter_map(|name| name.parse().ok()).collect();
    ids.sort();
    Ok(ids)
}

/// What there is of a backup. One of which there is nothing is one that is not whole.
///
/// # Errors
/// The store cannot be read.
pub async fn look(store: &ClusterStore, id: BackupId) -> Result<Listed, BackupError> {
    let begun = id.begun();
    let (manifest, unreadable) = match read_manifest(store, &id).await {
        Ok(manifest) => (manifest, None),
        Err(BackupError::Store(StoreError::Damaged { why, .. })) => (None, Some(why)),
        Err(error) => return Err(error),
    };
    Ok(Listed { id, manifest, begun, unreadable })
}

/// Removes a backup: its manifest first, so that what is left if this is broken off never looks whole. One that is gone is well.
///
/// # Errors
/// The store refuses, or something is in it that no agent has written, which is left.
pub async fn discard(store: &ClusterStore, id: &BackupId) -> Result<(), BackupError> {
    store.remove(&format!("{id}/{MANIFEST}")).await?;
    let mut names = store.names(id.as_str()).await?;
    // What is said of a part goes before the part.
    names.sort_by_key(|name| !name.ends_with(".json"));
    for name in names.iter().filter(|name| name.starts_with("shard-")) {
        store.remove(&format!("{id}/{name}")).await?;
    }
    Ok(store.remove_folder(id.as_str()).await?)
}
