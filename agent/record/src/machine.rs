//! What the log's entries do: the Record, decided by compare-and-set.
//!
//! An entry does the same on every agent, whatever versions of the agent take part: what is decided here is only whether an
//! entry follows the Record that is there. Whether a Record is *right* (its rules change from version to version) was judged
//! by the leader before it proposed the entry, against the very Record that the entry must find here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use justmanage_model::{Epoch, Generation, Pin, Record};
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{
    AnyError, EntryPayload, ErrorSubject, ErrorVerb, OptionalSend, RaftSnapshotBuilder, SnapshotMeta, StorageError,
    StorageIOError,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::disk::{Disk, DiskError, Row, key};
use crate::log::fatal;
use crate::types::{Command, Entry, LogId, RaftId, StoredMembership, Types, Verdict, Voter};

/// Changes whose writers are kept in mind, so that one who asks again hears that the change was theirs. They ask for 5 s; a
/// group that agrees every 2 ms without a pause makes as many changes in half a second, and then the answer is "unknown".
const WRITERS_KEPT: usize = 256;
/// Members removed of late, who are told so when they come back. More than that are never taken out of a cluster at once.
const FORMER_KEPT: usize = 128;

/// Everything that the log's entries made so far.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The last entry.
    pub(crate) applied: Option<LogId>,
    /// Who votes.
    pub(crate) membership: StoredMembership,
    /// The Record, with a generation of its own: an entry's index counts other things too.
    pub(crate) record: Option<Record>,
    /// Which change made which generation.
    writers: VecDeque<(Generation, u64)>,
    /// Who was removed; the last one is at the end.
    pub(crate) former: VecDeque<Pin>,
}

impl State {
    /// What an entry does.
    fn apply(&mut self, command: Command) -> Verdict {
        match command {
            Command::Found { record, nonce } => match &self.record {
                None => self.take(*record, nonce),
                Some(_) => self.made_by(Generation::FIRST, nonce),
            },
            Command::Change { epoch, expected, next, nonce } => match &self.record {
                Some(current) if current.epoch != epoch => Verdict::OtherEpoch,
                Some(current) if current.generation == expected => {
                    let follows =
                        next.epoch == epoch && next.cluster == current.cluster && next.generation == expected.next();
                    if follows { self.take(*next, nonce) } else { Verdict::Conflict }
                }
                _ => self.made_by(expected.next(), nonce),
            },
            Command::Refound { epoch, copy } => {
                self.refound(epoch, copy.map(|copy| *copy));
                Verdict::Taken
            }
        }
    }

    fn take(&mut self, next: Record, nonce: u64) -> Verdict {
        if let Some(before) = &self.record {
            let here = |pin: &Pin| next.agents().any(|(_, agent)| agent.pin == *pin);
            self.former.extend(before.agents().map(|(_, agent)| agent.pin).filter(|pin| !here(pin)));
            self.former.retain(|pin| !here(pin));
            self.former.drain(..self.former.len().saturating_sub(FORMER_KEPT));
        }
        self.writers.push_back((next.generation, nonce));
        self.writers.drain(..self.writers.len().saturating_sub(WRITERS_KEPT));
        self.record = Some(next);
        Verdict::Taken
    }

    /// Whether this change made that generation.
    pub(crate) fn made_by(&self, generation: Generation, nonce: u64) -> Verdict {
        match self.writers.iter().find(|(made, _)| *made == generation) {
            Some((_, writer)) if *writer == nonce => Verdict::Taken,
            Some(_) => Verdict::Conflict,
            // Not made yet, or so long ago that nobody remembers.
            None if self.record.as_ref().is_none_or(|record| record.generation < generation) => Verdict::Conflict,
            None => Verdict::Forgotten,
        }
    }

    /// The Record of a group that is founded anew: the newest that its founder has seen, in another epoch.
    fn refound(&mut self, epoch: Epoch, copy: Option<Record>) {
        let own = self.record.take();
        let newest = own.into_iter().chain(copy).max_by_key(|record| record.generation);
        self.writers.clear();
        self.record = newest.map(|record| Record { epoch, generation: record.generation.next(), ..record });
    }
}

/// The state in memory. Clones share it.
#[derive(Clone)]
pub(crate) struct Machine {
    disk: Disk,
    state: Arc<Mutex<State>>,
    changes: watch::Sender<Option<Record>>,
}

impl Machine {
    /// Without any state; `changes` hears of every Record.
    pub(crate) fn new(disk: Disk, changes: watch::Sender<Option<Record>>) -> Self {
        Self { disk, state: Arc::default(), changes }
    }

    /// The state now. It must not be held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // An entry is applied whole or not at all: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as the disk has it, from the last snapshot; the library then applies the log from there on.
    pub(crate) fn load(&self) -> Result<(), DiskError> {
        let kept = self.disk.get::<Kept>(key::SNAPSHOT)?;
        *self.state() = kept.map(|kept| kept.state).unwrap_or_default();
        Ok(())
    }

    /// Tells everybody of a Record, if it is newer than what they have.
    pub(crate) fn publish(&self, record: Option<Record>) {
        let Some(record) = record else { return };
        self.changes.send_if_modified(|current| {
            // A log that is behind the copy from before this agent voted catches up in silence.
            let newer = current
                .as_ref()
                .is_none_or(|current| current.epoch != record.epoch || current.generation < record.generation);
            if newer {
                *current = Some(record);
            }
            newer
        });
    }

    async fn keep(&self, state: State) -> Result<Snapshot<Types>, StorageError<RaftId>> {
        let meta = SnapshotMeta {
            last_log_id: state.applied,
            last_membership: state.membership.clone(),
            snapshot_id: state.applied.map_or_else(String::new, |applied| applied.to_string()),
        };
        let failed = || fatal(ErrorSubject::Snapshot(Some(meta.signature())), ErrorVerb::Write);
        let content = encode(&state).map_err(failed())?;
        let row = Row::put(key::SNAPSHOT, &Kept { meta: meta.clone(), state }).map_err(failed())?;
        self.disk.put(vec![row]).await.map_err(failed())?;
        Ok(Snapshot { meta, snapshot: Box::new(content) })
    }
}

/// A snapshot on disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    meta: SnapshotMeta<RaftId, Voter>,
    pub(crate) state: State,
}

fn encode(state: &State) -> Result<Vec<u8>, DiskError> {
    serde_json::to_vec(state).map_err(|error| DiskError::Failed(error.to_string()))
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError<RaftId>> {
        let state = self.state();
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Verdict>, StorageError<RaftId>>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut verdicts = Vec::new();
        let record = {
            let mut state = self.state();
            for entry in entries {
                state.applied = Some(entry.log_id);
                verdicts.push(match entry.payload {
                    EntryPayload::Blank => Verdict::Nothing,
                    EntryPayload::Normal(command) => state.apply(command),
                    EntryPayload::Membership(membership) => {
                        state.membership = StoredMembership::new(Some(entry.log_id), membership);
                        Verdict::Nothing
                    }
                });
            }
            verdicts.contains(&Verdict::Taken).then(|| state.record.clone()).flatten()
        };
        self.publish(record);
        Ok(verdicts)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Vec<u8>>, StorageError<RaftId>> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<RaftId, Voter>,
        snapshot: Box<Vec<u8>>,
    ) -> Result<(), StorageError<RaftId>> {
        let decoded = serde_json::from_slice::<State>(&snapshot);
        let mut state =
            decoded.map_err(|error| StorageIOError::read_snapshot(Some(meta.signature()), AnyError::new(&error)))?;
        // What the library takes for its content is what it is.
        (state.applied, state.membership) = (meta.last_log_id, meta.last_membership.clone());
        self.keep(state.clone()).await?;
        let record = state.record.clone();
        *self.state() = state;
        self.publish(record);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, StorageError<RaftId>> {
        let kept =
            self.disk.get::<Kept>(key::SNAPSHOT).map_err(fatal(ErrorSubject::Snapshot(None), ErrorVerb::Read))?;
        let Some(Kept { meta, state }) = kept else { return Ok(None) };
        let content = encode(&state).map_err(fatal(ErrorSubject::Snapshot(None), ErrorVerb::Read))?;
        Ok(Some(Snapshot { meta, snapshot: Box::new(content) }))
    }
}

impl RaftSnapshotBuilder<Types> for Machine {
    /// Synced before the library hears of it, and so before it removes any entry that the snapshot stands for.
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, StorageError<RaftId>> {
        let state = self.state().clone();
        self.keep(state).await
    }
}

#[cfg(test)]
mod tests;
