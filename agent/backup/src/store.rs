//! Where backups are kept: objects with names, written once.
//!
//! Today these are files of a directory that every node has. What backups need of a store is [`ClusterStore`]'s methods and an
//! `Upload`'s, and nothing of files shows in them: a bucket fits behind the same ones.

mod files;

use justmanage_model::backup::{Destination, Store as Kind};
use justmanage_model::{ClusterId, ClusterName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;

use crate::error::{BackupError, StoreError};
use files::Files;
pub(crate) use files::Upload;

/// A destination that can be written to.
#[derive(Clone, Debug)]
pub struct Store {
    files: Files,
}

impl Store {
    /// Opens a destination. Nothing is looked at or made before something is written.
    ///
    /// # Errors
    /// [`StoreError::NotPossible`] for kinds of destinations that there is no support for yet.
    pub fn open(destination: &Destination) -> Result<Self, StoreError> {
        let scheme = match destination.store() {
            Kind::File => return Ok(Self { files: Files::new(files::path_of(destination)) }),
            Kind::S3 => "s3",
            Kind::Gcs => "gs",
            Kind::Azure => "az",
        };
        Err(StoreError::NotPossible { scheme: scheme.to_owned() })
    }

    /// What is one cluster's in it: all below `NAME/jmc.../`, where nobody else writes.
    #[must_use]
    pub fn of(&self, cluster: ClusterId, name: &ClusterName) -> ClusterStore {
        ClusterStore { files: self.files.below(&format!("{name}/{cluster}")) }
    }
}

/// What is one cluster's of a store. Names of objects are relative to that, such as `20261129T033000Z-57/manifest.json`.
#[derive(Clone, Debug)]
pub struct ClusterStore {
    files: Files,
}

impl ClusterStore {
    /// Begins an object. It is there, under its name, once it is finished; whatever a writer that was killed has left of it is removed.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while somebody else writes it; [`StoreError::Exists`] if it is there.
    pub(crate) async fn create(&self, name: &str) -> Result<Upload, StoreError> {
        self.files.create(name).await
    }

    /// Writes a small object. If it is there with the same content, that is well.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there with other content.
    pub(crate) async fn put(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let same = |there: Vec<u8>| {
            if there == content { Ok(()) } else { Err(StoreError::Exists { name: name.to_owned() }) }
        };
        if let Some(there) = self.files.read(name).await? {
            return same(there);
        }
        let mut upload = self.files.create(name).await?;
        upload.write(bytes::Bytes::copy_from_slice(content)).await?;
        match upload.finish().await {
            Err(StoreError::Exists { .. }) => same(self.files.read(name).await?.unwrap_or_default()),
            other => other,
        }
    }

    /// Size of an object, in bytes; `None` if there is none.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn size(&self, name: &str) -> Result<Option<u64>, StoreError> {
        self.files.size(name).await
    }

    /// An object, from its beginning.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub(crate) async fn open(&self, name: &str) -> Result<impl AsyncRead + Send + Unpin + use<>, StoreError> {
        self.files.open(name).await
    }

    /// A small object of JSON; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is something else.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, BackupError> {
        let Some(text) = self.files.read(name).await? else { return Ok(None) };
        let damaged = |error: serde_json::Error| StoreError::Damaged { name: name.to_owned(), why: error.to_string() };
        Ok(Some(serde_json::from_slice(&text).map_err(damaged)?))
    }

    /// Names of what is in a folder, without those that are being written; nothing if there is no such folder.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.files.names(folder).await
    }

    /// Removes an object; one that is gone is well. When this returns it stays gone.
    ///
    /// # Errors
    /// The store refuses.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.files.remove(name).await
    }

    /// Removes a folder that has no objects any more, with what writers that were killed have left.
    ///
    /// # Errors
    /// There is something in it.
    pub(crate) async fn remove_folder(&self, folder: &str) -> Result<(), StoreError> {
        self.files.remove_folder(folder).await
    }
}

/// JSON that people read, too.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    // What is written here has names for keys, and nothing that JSON has not.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}
