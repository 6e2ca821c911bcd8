//! The agent's copy of the Record, behind a trait: one copy on disk now, agreed by a majority of agents later.

mod single;

use async_trait::async_trait;
use justmanage_model::{Epoch, Generation, Record};
use tokio::sync::watch;

pub use single::SingleCopy;

/// Where the Record is kept. It changes only by compare-and-set from one generation to the next.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// The Record, if the cluster was founded.
    fn get(&self) -> Option<Record>;

    /// Puts `next` in the place of the Record with this epoch and generation; `None`: founds the cluster.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody was first. With [`StoreError::Unknown`] nobody knows whether it was taken:
    /// read again.
    async fn compare_and_set(&self, expected: Option<(Epoch, Generation)>, next: Record) -> Result<(), StoreError>;

    /// Every change from now on.
    fn watch(&self) -> watch::Receiver<Option<Record>>;
}

/// Why a Record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody was first.
    #[error("the Record was changed by somebody else")]
    Conflict(Option<Box<Record>>),
    /// It is of another founding of the cluster.
    #[error("the cluster was founded anew: its epoch is another one")]
    OtherEpoch,
    /// It could never be right.
    #[error("the Record is not valid: {0}")]
    Invalid(String),
    /// It could not be written; it may be on disk all the same.
    #[error("the Record may not have been written: {0}")]
    Unknown(String),
}
