//! What is said of the data of one shard in a backup, and how they get into the store.

use justmanage_engine::Snapshot;
use justmanage_model::backup::{BackupId, Compression, Recipient};
use justmanage_model::{Bytes, NodeId, Release, SlotSet, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::{BackupError, StoreError};
use crate::pack::pack;
use crate::store::{ClusterStore, json};

/// What is to be put into a store.
#[derive(Clone, Debug)]
pub struct PartOrder {
    /// Of which backup.
    pub id: BackupId,
    /// Which shard, from 0.
    pub shard: u16,
    /// Whose server is read.
    pub node: NodeId,
    /// What runs there.
    pub release: Release,
    /// Which slots it holds.
    pub slots: SlotSet,
    /// How it is made smaller.
    pub compression: Compression,
    /// Who can read it; nobody is named: it is not encrypted.
    pub encryption: Vec<Recipient>,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

/// The data of one shard in a backup: `ID/shard-0000.json`, which is written when its object is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which shard, from 0.
    pub shard: u16,
    /// Whose server was read.
    pub node: NodeId,
    /// What ran there.
    pub release: Release,
    /// Which slots it held.
    pub slots: SlotSet,
    /// Of which history of writes the data are (`master_replid`).
    pub replid: String,
    /// How much of that history is in them (`master_repl_offset`).
    pub offset: u64,
    /// When the server had fixed what is in them.
    pub begun: Timestamp,
    /// When all of them were in the store.
    pub ended: Timestamp,
    /// Size of the file of data (RDB).
    pub rdb: Bytes,
    /// What it takes in the store.
    pub stored: Bytes,
    /// SHA-256 of the file of data: 64 hexadecimal digits.
    pub rdb_sha256: String,
    /// SHA-256 of what is stored.
    pub stored_sha256: String,
    /// How it was made smaller: `zstd` or `none`.
    #[serde(with = "compression")]
    pub compression: Compression,
    /// Its name below the backup's, such as `shard-0000.rdb.zst`.
    pub object: String,
    /// How many keys it has: as counted by a server that loaded it ([`crate::verify()`]), before that as it says itself; `None` if it
    /// does not say it. What has expired meanwhile is no key any more.
    pub keys: Option<u64>,
    /// What the server's memory had in it when it was written (`used_memory`), if the file says so.
    pub used_memory: Option<Bytes>,
    /// It was loaded into a server that serves nobody, and its keys were counted.
    pub verified: bool,
}

/// `zstd` or `none`, as policies say it.
pub(crate) mod compression {
    use justmanage_model::backup::Compression;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &Compression, into: S) -> Result<S::Ok, S::Error> {
        into.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Compression, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| de::Error::custom(format!("{text:?} is no compression that is known")))
    }
}

/// Name of the data of a shard, below its backup's.
fn object_of(shard: u16, compression: Compression) -> String {
    match compression {
        Compression::Zstd => format!("shard-{shard:04}.rdb.zst"),
        Compression::None => format!("shard-{shard:04}.rdb"),
    }
}

/// Name of what is said of them.
fn descriptor_of(id: &BackupId, shard: u16) -> String {
    format!("{id}/shard-{shard:04}.json")
}

/// Puts all data of a server into the store. What it returns is not yet said there: [`finish_part`] does.
///
/// An object that a writer before has left without a word about it is replaced: nobody relies on it. `progress` is how many bytes of
/// the server's data were read. However many these are, it takes some 16 MiB of memory.
///
/// # Errors
/// [`BackupError::Source`] if the data break off, and [`BackupError::Store`]: then there is no object under its name.
/// [`StoreError::Exists`] if this part is there with its descriptor ([`existing_part`] finds it).
pub async fn write_part(
    store: &ClusterStore,
    order: PartOrder,
    snapshot: Snapshot,
    progress: &watch::Sender<Bytes>,
) -> Result<Part, BackupError> {
    if !order.encryption.is_empty() {
        return Err(BackupError::Encryption);
    }
    let begun = (order.clock)();
    let (replid, offset) = (snapshot.replid().to_owned(), snapshot.offset());
    let descriptor = descriptor_of(&order.id, order.shard);
    if store.size(&descriptor).await?.is_some() {
        return Err(StoreError::Exists { name: descriptor }.into());
    }
    let object = object_of(order.shard, order.compression);
    for compression in [Compression::Zstd, Compression::None] {
        store.remove(&format!("{}/{}", order.id, object_of(order.shard, compression))).await?;
    }
    let upload = store.create(&format!("{}/{object}", order.id)).await?;
    let packed = pack(snapshot, upload, order.compression, progress).await?;
    Ok(Part {
        shard: order.shard,
        node: order.node,
        release: order.release,
        slots: order.slots,
        replid,
        offset,
        begun,
        ended: (order.clock)(),
        rdb: Bytes::new(packed.rdb.0),
        stored: Bytes::new(packed.stored.0),
        rdb_sha256: packed.rdb.1,
        stored_sha256: packed.stored.1,
        compression: order.compression,
        object,
        keys: packed.head.keys,
        used_memory: packed.head.used_memory,
        verified: false,
    })
}

/// Says in the store that a part is there. Once that is said it stands: saying the same again is well.
///
/// # Errors
/// [`StoreError::Exists`] if something else is said of that shard already.
pub async fn finish_part(store: &ClusterStore, id: &BackupId, part: &Part) -> Result<(), BackupError> {
    Ok(store.put(&descriptor_of(id, part.shard), &json(part)).await?)
}

/// A part that is in the store with its descriptor, and with an object of the size that this says: an agent that was killed goes on
/// behind it.
///
/// # Errors
/// [`BackupError::Damaged`] if the object is gone or has another size.
pub async fn existing_part(store: &ClusterStore, id: &BackupId, shard: u16) -> Result<Option<Part>, BackupError> {
    let Some(part) = store.read_json::<Part>(&descriptor_of(id, shard)).await? else { return Ok(None) };
    let damaged = |why: String| Err(BackupError::Damaged { id: id.clone(), object: part.object.clone(), why });
    if !is_object(&part.object) {
        return damaged("it is no name of an object".to_owned());
    }
    match store.size(&format!("{id}/{}", part.object)).await? {
        Some(size) if size == part.stored.get() => Ok(Some(part)),
        Some(size) => damaged(format!("it has {size} bytes instead of {}", part.stored.get())),
        None => damaged("it is gone".to_owned()),
    }
}

/// All parts of a backup that are in the store, by shard.
///
/// # Errors
/// As [`existing_part`].
pub async fn parts(store: &ClusterStore, id: &BackupId) -> Result<Vec<Part>, BackupError> {
    let mut parts = Vec::new();
    for name in store.names(id.as_str()).await? {
        let shard = name.strip_prefix("shard-").and_then(|name| name.strip_suffix(".json"));
        if let Some(shard) = shard.and_then(|shard| shard.parse().ok()) {
            parts.extend(existing_part(store, id, shard).await?);
        }
    }
    parts.sort_by_key(|part| part.shard);
    Ok(parts)
}

/// Whether a name that was read is one that leads nowhere else.
fn is_object(name: &str) -> bool {
    name.starts_with("shard-") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}
