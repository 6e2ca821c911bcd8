//! The log and the vote, as the library wants them kept.

use std::fmt::Debug;
use std::ops::RangeBounds;

use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, ErrorSubject, ErrorVerb, OptionalSend, RaftLogReader, StorageError, StorageIOError};

use crate::disk::{Disk, DiskError, Row, entries, key, last_entry};
use crate::types::{Entry, LogId, RaftId, Types, Vote};

/// The log on disk. Clones read and write the same one.
#[derive(Clone)]
pub(crate) struct Log {
    disk: Disk,
}

type Stored<T> = Result<T, StorageError<RaftId>>;

/// A fault of the disk as the library wants to hear of it; it stops its core then.
pub(crate) fn fatal(subject: ErrorSubject<RaftId>, verb: ErrorVerb) -> impl FnOnce(DiskError) -> StorageError<RaftId> {
    move |fault| StorageIOError::new(subject, verb, AnyError::new(&fault)).into()
}

fn reading(fault: DiskError) -> StorageError<RaftId> {
    fatal(ErrorSubject::Logs, ErrorVerb::Read)(fault)
}

fn writing(fault: DiskError) -> StorageError<RaftId> {
    fatal(ErrorSubject::Logs, ErrorVerb::Write)(fault)
}

impl Log {
    pub(crate) fn new(disk: Disk) -> Self {
        Self { disk }
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Stored<Vec<Entry>> {
        self.disk.reading(|db| entries(db, range, true)).map_err(reading)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Stored<Vec<Entry>> {
        self.disk.reading(|db| entries(db, start..end, false)).map_err(reading)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Stored<LogState<Types>> {
        let purged = self.disk.get::<LogId>(key::PURGED).map_err(reading)?;
        let last = self.disk.reading(last_entry).map_err(reading)?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Stored<()> {
        let row = Row::put(key::VOTE, vote).map_err(writing)?;
        self.disk.mark().await.map_err(writing)?;
        self.disk.put(vec![row]).await.map_err(writing)
    }

    async fn read_vote(&mut self) -> Stored<Option<Vote>> {
        self.disk.get(key::VOTE).map_err(reading)
    }

    /// Not synced: it only lets a start apply what was known to be agreed on, before anybody else is heard of.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Stored<()> {
        committed.map_or(Ok(()), |committed| self.disk.note_committed(&committed)).map_err(writing)
    }

    async fn read_committed(&mut self) -> Stored<Option<LogId>> {
        self.disk.committed().map_err(reading)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Stored<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let rows: Result<_, _> = entries.into_iter().map(|entry| Row::entry(&entry)).collect();
        let rows = rows.map_err(writing)?;
        self.disk.mark().await.map_err(writing)?;
        self.disk.put(rows).await.map_err(writing)?;
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Stored<()> {
        self.disk.put(vec![Row::RemoveFrom(log_id.index)]).await.map_err(writing)
    }

    /// Synced, and with it everything before: the snapshot that makes these entries superfluous was synced already.
    async fn purge(&mut self, log_id: LogId) -> Stored<()> {
        let purged = Row::put(key::PURGED, &log_id).map_err(writing)?;
        self.disk.put(vec![purged, Row::RemoveUpTo(log_id.index)]).await.map_err(writing)
    }
}
