//! The Record as the rest of an agent sees it: read, watched, and changed by compare-and-set.

use async_trait::async_trait;
use justmanage_model::{Epoch, Generation, Record};
use tokio::sync::watch;

use crate::Standing;

/// Where the Record is kept. It changes only by compare-and-set from one generation to the next.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// This agent's copy; `None` before the cluster was founded. It may be behind: [`RecordStore::standing`] says what it
    /// is worth, and [`RecordStore::read`] never is.
    fn get(&self) -> Option<Record>;

    /// What the majority holds now: it has everything that was answered "taken" before this call began. Works on every
    /// agent.
    ///
    /// # Errors
    /// [`StoreError::NoMajority`], after at most 5 s.
    async fn read(&self) -> Result<Option<Record>, StoreError>;

    /// Puts `next` in the place of the Record with this epoch and generation; `next` has the same epoch, and the next
    /// generation. Works on every agent.
    ///
    /// # Errors
    /// See [`StoreError`]; after at most 5 s. With [`StoreError::Unknown`] nobody knows yet whether it was taken, or will
    /// be: read again.
    async fn compare_and_set(&self, expected: (Epoch, Generation), next: Record) -> Result<(), StoreError>;

    /// This agent's copy, whenever it changes. Whoever borrows from it gives it back at once, and does not keep it across
    /// an await: the next change waits for them.
    fn watch(&self) -> watch::Receiver<Option<Record>>;

    /// How this agent stands to the group, whenever that changes.
    fn standing(&self) -> watch::Receiver<Standing>;
}

/// Why a Record was not taken, or could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody was first; this is theirs. `None`: there is no Record yet. Look again, and decide anew.
    #[error("the Record was changed by somebody else")]
    Conflict(Option<Box<Record>>),
    /// It is of another founding of the cluster.
    #[error("the cluster was founded anew: its epoch is another one")]
    OtherEpoch,
    /// It could never be right; trying again does not help.
    #[error("the Record is not valid: {0}")]
    Invalid(String),
    /// It was certainly not taken: no majority of the agents that vote is in reach of this one, or this one takes no part
    /// (any more). Later, or at another agent, it may work.
    #[error("no majority of the agents can be reached: {0}")]
    NoMajority(String),
    /// It may have been taken, or may be yet: read again.
    #[error("nobody knows yet whether the Record was taken: {0}")]
    Unknown(String),
}
