//! What goes wrong, by what the caller can do.

use std::io;

use justmanage_model::backup::BackupId;

/// Why a store does not do what it is asked for. Names of objects are below the cluster's own place.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// This kind of destination is not possible: name another one.
    #[error(
        "backups cannot go to {scheme}:// yet: name a directory that every node has, such as a network file system, as file:///directory"
    )]
    NotPossible {
        /// Which kind.
        scheme: String,
    },
    /// Something is there already that is not the same: somebody else wrote it.
    #[error("{name} is there already, with other content: somebody else wrote it")]
    Exists {
        /// What.
        name: String,
    },
    /// There is no such object.
    #[error("{name} is not there")]
    NotFound {
        /// What.
        name: String,
    },
    /// Another process is writing it now.
    #[error("{name} is being written by somebody else")]
    Busy {
        /// What.
        name: String,
    },
    /// There is no space left, or no more than this user may take.
    #[error("there is no space left for {name}")]
    Full {
        /// What.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The store does not let the agent.
    #[error("the agent may not {doing} {name}")]
    Denied {
        /// What it did.
        doing: &'static str,
        /// With what.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// An object is not what its kind looks like.
    #[error("{name} is damaged: {why}")]
    Damaged {
        /// What.
        name: String,
        /// Why.
        why: String,
    },
    /// Anything else; trying again may help.
    #[error("cannot {doing} {name}")]
    Failed {
        /// What it did.
        doing: &'static str,
        /// With what.
        name: String,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// What an error of the operating system means.
    pub(crate) fn of(doing: &'static str, name: impl Into<String>, source: io::Error) -> Self {
        let mut name = name.into();
        if name.is_empty() {
            name.push_str("the cluster's directory");
        }
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { name },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { name, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied { doing, name, source },
            _ => Self::Failed { doing, name, source },
        }
    }
}

/// Why a backup, or a part of one, is not made or not verified.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server's data broke off. Nothing of them is in the store.
    #[error("the server's data could not be read")]
    Source(#[source] io::Error),
    /// The policy wants encryption, which there is none of: nothing was written.
    #[error("encryption is not possible yet, and nothing that is to be encrypted is written without it")]
    Encryption,
    /// What is in the store is not what was written into it.
    #[error("{object} of backup {id} is damaged: {why}")]
    Damaged {
        /// Of which backup.
        id: BackupId,
        /// What.
        object: String,
        /// Why.
        why: String,
    },
    /// Whether the part is good could not be found out here and now; nothing speaks against it.
    #[error("not verified: {why}")]
    NotVerified {
        /// Why.
        why: String,
    },
    /// This process is out of something that it needs.
    #[error("cannot {doing}")]
    Local {
        /// What it did.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
}
