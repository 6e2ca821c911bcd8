//! The file's two tables: the log, and everything else by name.

use std::ops::{Bound, RangeBounds};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::DiskError;
use crate::types::{Entry, LogId};

/// Entries by their index, as JSON.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Everything else, as JSON.
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

/// Most bytes of entries that are read, and then sent, at once (one entry may be more). What is sent has to arrive within a
/// heartbeat, and one entry has at most 60 KiB.
const BATCH_BYTES: usize = 128 * 1024;

/// What is kept by name.
pub(crate) mod key {
    /// Drawn when the file was made.
    pub(crate) const ID: &str = "id";
    /// The epoch of this agent's group.
    pub(crate) const EPOCH: &str = "epoch";
    /// The Record with which an operator invited this agent.
    pub(crate) const INVITATION: &str = "invitation";
    /// The last Record that this agent heard of while it did not vote.
    pub(crate) const COPY: &str = "copy";
    /// For whom it voted.
    pub(crate) const VOTE: &str = "vote";
    /// The last entry that was removed from the log's beginning.
    pub(crate) const PURGED: &str = "purged";
    /// The whole state after some entry.
    pub(crate) const SNAPSHOT: &str = "snapshot";
}

/// One thing to write.
#[derive(Debug)]
pub(crate) enum Row {
    Put(&'static str, Vec<u8>),
    Remove(&'static str),
    Entry(u64, Vec<u8>),
    /// Entries from this index on.
    RemoveFrom(u64),
    /// Entries up to this index, and itself.
    RemoveUpTo(u64),
}

/// What is written, for the names of steps.
#[cfg(debug_assertions)]
pub(super) fn what(rows: &[Row]) -> &'static str {
    match rows.first() {
        Some(Row::Put(key, _) | Row::Remove(key)) => key,
        Some(Row::Entry(..)) => "entry",
        Some(Row::RemoveFrom(_) | Row::RemoveUpTo(_)) => "removal",
        None => "nothing",
    }
}

impl Row {
    pub(crate) fn put<T: Serialize>(key: &'static str, value: &T) -> Result<Self, DiskError> {
        Ok(Self::Put(key, encode(value)?))
    }

    pub(crate) fn entry(entry: &Entry) -> Result<Self, DiskError> {
        Ok(Self::Entry(entry.log_id.index, encode(entry)?))
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, DiskError> {
    serde_json::to_vec(value).map_err(|error| DiskError::Failed(error.to_string()))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DiskError> {
    serde_json::from_slice(bytes).map_err(|error| DiskError::Damaged(error.to_string()))
}

/// Writes everything or nothing; it is on disk when this returns.
pub(crate) fn store(db: &Database, rows: Vec<Row>) -> Result<(), DiskError> {
    let mut transaction = db.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut log = transaction.open_table(LOG)?;
        let mut values = transaction.open_table(VALUES)?;
        for row in rows {
            match row {
                Row::Put(key, value) => drop(values.insert(key, value.as_slice())?),
                Row::Remove(key) => drop(values.remove(key)?),
                Row::Entry(index, entry) => drop(log.insert(index, entry.as_slice())?),
                Row::RemoveFrom(index) => log.retain_in(index.., |_, _| false)?,
                Row::RemoveUpTo(index) => log.retain_in(..=index, |_, _| false)?,
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// One value.
pub(crate) fn value<T: DeserializeOwned>(db: &Database, key: &'static str) -> Result<Option<T>, DiskError> {
    let transaction = db.begin_read()?;
    let values = match transaction.open_table(VALUES) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    values.get(key)?.map(|value| decode(value.value())).transpose()
}

/// Entries in a range: all, or as many as may be sent at once.
pub(crate) fn entries(db: &Database, range: impl RangeBounds<u64>, all: bool) -> Result<Vec<Entry>, DiskError> {
    let bounds: (Bound<u64>, Bound<u64>) = (range.start_bound().cloned(), range.end_bound().cloned());
    let transaction = db.begin_read()?;
    let log = match transaction.open_table(LOG) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let (mut found, mut bytes) = (Vec::new(), 0);
    for item in log.range(bounds)? {
        let (_, entry) = item?;
        bytes += entry.value().len();
        if !all && bytes > BATCH_BYTES && !found.is_empty() {
            break;
        }
        found.push(decode(entry.value())?);
    }
    Ok(found)
}

/// Where the last entry stands.
pub(crate) fn last_entry(db: &Database) -> Result<Option<LogId>, DiskError> {
    let transaction = db.begin_read()?;
    let log = match transaction.open_table(LOG) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    let last = log.last()?;
    last.map(|(_, entry)| decode::<Entry>(entry.value()).map(|entry| entry.log_id)).transpose()
}
