//! What can be wrong with the disk, in words for whoever has to cure it.

use std::io;

use justmanage_model::record::LAYOUT;

/// Why the disk cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiskError {
    /// There is no room.
    #[error("the disk is full: free some space, the agent then goes on by itself")]
    Full,
    /// This agent voted before, and what it voted for is gone.
    #[error(
        "its copy of the Record is lost: this agent has voted before, and may not vote again without knowing how; replace \
         the node by a new one"
    )]
    Lost,
    /// It is there, and makes no sense.
    #[error("its copy of the Record is damaged ({0}); replace the node by a new one")]
    Damaged(String),
    /// A newer agent wrote it.
    #[error("its copy of the Record has layout {0}, and this agent knows layouts up to {LAYOUT}: run a newer agent")]
    NewerLayout(u32),
    /// Anything else; it may pass.
    #[error("its copy of the Record cannot be read or written: {0}")]
    Failed(String),
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full,
            InvalidData | UnexpectedEof => Self::Damaged(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// The library has an error type for each of its verbs, and one that they all become.
impl<E> From<E> for DiskError
where
    redb::Error: From<E>,
    E: IsOfTheFile,
{
    fn from(error: E) -> Self {
        match redb::Error::from(error) {
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(why) => Self::Damaged(why),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Errors of the library below.
trait IsOfTheFile {}
impl IsOfTheFile for redb::DatabaseError {}
impl IsOfTheFile for redb::TransactionError {}
impl IsOfTheFile for redb::TableError {}
impl IsOfTheFile for redb::StorageError {}
impl IsOfTheFile for redb::CommitError {}
impl IsOfTheFile for redb::SetDurabilityError {}
