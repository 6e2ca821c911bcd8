//! Why a program did not arrive.

use std::io;
use std::path::Path;

use tonic::Status;

/// Why a program did not arrive, by what can be done about it. Nothing was kept, and nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Another program is on its way.
    #[error("another program is on its way to this machine")]
    Busy,
    /// Nothing, or nothing more, comes from there.
    #[error("{from}: {why}")]
    Source {
        /// From where, without credentials.
        from: String,
        /// What happened.
        why: String,
    },
    /// It is another program.
    #[error("{from}: what arrived has SHA-256 {found}, not {wanted}; it was not kept")]
    OtherDigest {
        /// From where, without credentials.
        from: String,
        /// What it has.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// It is too large.
    #[error("{from}: it is larger than {limit} bytes")]
    TooLarge {
        /// From where, without credentials.
        from: String,
        /// Most that is taken.
        limit: u64,
    },
    /// The machine's disk.
    #[error("{0}")]
    Disk(String),
    /// It runs here, but is no server; or does not run here.
    #[error("it is no server program that runs on this machine: {0}")]
    NotAProgram(String),
    /// Whoever asked for it has gone away.
    #[error("whoever asked for it has gone away")]
    Abandoned,
}

impl ArrivalError {
    /// An error of the disk at a path.
    pub(crate) fn disk(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Disk(format!("there is no room for it at {path}: {error}. Free some on this machine's disk"))
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Disk(format!("this agent may not write at {path}: {error}"))
            }
            _ => Self::Disk(format!("{path}: {error}")),
        }
    }
}

impl From<ArrivalError> for Status {
    fn from(error: ArrivalError) -> Self {
        let text = error.to_string();
        match error {
            ArrivalError::Invalid(_) => Self::invalid_argument(text),
            ArrivalError::Busy => Self::unavailable(text),
            ArrivalError::Disk(_) => Self::resource_exhausted(text),
            ArrivalError::Abandoned => Self::cancelled(text),
            _ => Self::failed_precondition(text),
        }
    }
}
