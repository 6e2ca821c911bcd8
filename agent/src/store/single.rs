//! A Record with a single copy: the cluster has one agent.

use std::io;
use std::sync::Mutex;

use async_trait::async_trait;
use justmanage_model::record::LAYOUT;
use justmanage_model::{Epoch, Generation, Record};
use tokio::sync::watch;

use super::{RecordStore, StoreError};
use crate::directory::Directory;

/// Largest Record, as JSON. Every agent of a cluster keeps it in memory and sends it whole.
const SIZE_LIMIT: usize = 64 * 1024;

/// One file, replaced whole.
pub struct SingleCopy {
    directory: Directory,
    current: watch::Sender<Option<Record>>,
    /// One writer at a time: compare and set are one step.
    writing: Mutex<()>,
}

impl SingleCopy {
    /// Reads what is on disk.
    ///
    /// # Errors
    /// It is damaged, or written by a newer agent. Never guessed: without its Record a node does nothing.
    pub fn open(directory: Directory) -> io::Result<Self> {
        let record: Option<Record> = directory.read(&directory.record())?;
        if let Some(layout) = record.as_ref().map(|record| record.layout).filter(|layout| *layout > LAYOUT) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the Record has layout {layout}; this agent knows layouts up to {LAYOUT}: run a newer agent"),
            ));
        }
        Ok(Self { directory, current: watch::Sender::new(record), writing: Mutex::new(()) })
    }

    fn take(&self, expected: Option<(Epoch, Generation)>, next: &Record) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let current = self.current.borrow().clone();
        match (&current, expected) {
            (None, None) => {}
            (Some(record), Some((epoch, _))) if record.epoch != epoch => return Err(StoreError::OtherEpoch),
            (Some(record), Some((_, generation))) if record.generation == generation => {}
            _ => return Err(StoreError::Conflict(current.map(Box::new))),
        }
        valid(current.as_ref(), next)?;
        let path = self.directory.record();
        self.directory.write(&path, next).map_err(|error| {
            // Renamed but perhaps not on disk, or not renamed: what the file says now is what holds.
            match self.directory.read::<Record>(&path) {
                Ok(Some(there)) if there == *next => {
                    self.current.send_replace(Some(there));
                }
                _ => {}
            }
            StoreError::Unknown(error.to_string())
        })?;
        self.current.send_replace(Some(next.clone()));
        Ok(())
    }
}

/// Whether a Record may follow another.
fn valid(current: Option<&Record>, next: &Record) -> Result<(), StoreError> {
    let invalid = |why: &str| Err(StoreError::Invalid(why.to_owned()));
    if next.layout > LAYOUT {
        return invalid("its layout is newer than this agent");
    }
    let size = serde_json::to_vec(next).map_err(|error| StoreError::Invalid(error.to_string()))?.len();
    if size > SIZE_LIMIT {
        return Err(StoreError::Invalid(format!("it has {size} bytes; at most {SIZE_LIMIT} are possible")));
    }
    match current {
        None if next.generation != Generation::FIRST => invalid("the first generation is 1"),
        Some(current) if next.generation != current.generation.next() => invalid("its generation is not the next one"),
        Some(current) if next.epoch != current.epoch => invalid("its epoch is another one"),
        Some(current) if next.cluster != current.cluster || next.name != current.name => {
            invalid("it is of another cluster")
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl RecordStore for SingleCopy {
    fn get(&self) -> Option<Record> {
        self.current.borrow().clone()
    }

    async fn compare_and_set(&self, expected: Option<(Epoch, Generation)>, next: Record) -> Result<(), StoreError> {
        // A write of a few kilobytes with two syncs: milliseconds, and nothing else of the agent may overtake it.
        self.take(expected, &next)
    }

    fn watch(&self) -> watch::Receiver<Option<Record>> {
        self.current.subscribe()
    }
}

#[cfg(test)]
mod tests;
