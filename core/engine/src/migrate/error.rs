//! Why slots do not move.

use justmanage_model::{BusId, Bytes, Slot};

use super::target::TargetError;
use crate::connection::CallError;

/// Why a turn ended early, by what the caller can do. Another turn goes on where this one stopped.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The source's server does not answer, or refuses.
    #[error("the server that gives slots away fails")]
    Source(#[from] CallError),
    /// The target does not answer, or refuses.
    #[error("the server that gets slots fails")]
    Target(#[from] TargetError),
    /// The source's server cannot give keys to the target's now: it cannot reach it, or that one is not ready. Try again.
    #[error("the one server cannot reach the other: {said}")]
    Apart {
        /// The server's words.
        said: String,
    },
    /// The target's server does not let the source's in, or not do what a move needs: users are not what was thought.
    #[error("the one server is denied by the other: {said}")]
    Denied {
        /// The server's words.
        said: String,
    },
    /// The target's server does not take a key, which trying again does not change: it may be of an older release.
    #[error("the one server does not take what the other sends: {said}")]
    Refused {
        /// The server's words.
        said: String,
    },
    /// The target's memory would be full.
    #[error("what moves takes {need} bytes, and the server that gets it has {free} left", need = need.get(), free = free.get())]
    NoRoom {
        /// What is to move takes so much.
        need: Bytes,
        /// So much is left below `maxmemory`, less a reserve for clients.
        free: Bytes,
    },
    /// A key is so large that to move it would hold both servers for seconds, and they could be taken for dead. All slots without
    /// such a key have moved.
    #[error("a key in slot {slot} takes {bytes} bytes, too many to be moved at once", bytes = bytes.get())]
    KeyTooLarge {
        /// Its slot.
        slot: Slot,
        /// What it takes in memory.
        bytes: Bytes,
    },
    /// A slot is on its way to somebody else. [`heal`](super::heal::heal) first.
    #[error("slot {slot} is on its way to {to}")]
    Elsewhere {
        /// The slot.
        slot: Slot,
        /// Whom it is open towards.
        to: BusId,
    },
    /// The servers gave the move of slots as a whole up.
    #[error("the servers gave it up: {said}")]
    GivenUp {
        /// The server's words.
        said: String,
    },
}

impl MoveError {
    /// What an answer to `MIGRATE` means that is an error.
    pub(super) fn from_migrate(error: CallError) -> Self {
        let CallError::Refused { said, .. } = &error else { return Self::Source(error) };
        let said = said.clone();
        let theirs = said.split_once("replied with error: ").map(|(_, theirs)| theirs);
        match theirs.and_then(|theirs| theirs.split(' ').next()) {
            Some("NOPERM" | "NOAUTH" | "WRONGPASS" | "DENIED") => Self::Denied { said },
            Some("LOADING" | "CLUSTERDOWN" | "MASTERDOWN" | "BUSY" | "MOVED" | "ASK" | "TRYAGAIN" | "OOM") => {
                Self::Apart { said }
            }
            Some(_) => Self::Refused { said },
            None if is_unsure(&error) || said.contains("connect") => Self::Apart { said },
            None => Self::Source(error),
        }
    }
}

/// Whether an answer to `MIGRATE` says that the other server was not waited for any longer: its keys may be on both sides.
pub(super) fn is_unsure(error: &CallError) -> bool {
    matches!(error, CallError::Refused { said, .. } if said.starts_with("IOERR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_servers_say_is_told_apart() {
        let means = |said: &str| {
            let error = CallError::Refused { call: "MIGRATE".to_owned(), said: said.to_owned() };
            let unsure = is_unsure(&error);
            match MoveError::from_migrate(error) {
                MoveError::Denied { .. } => "denied",
                MoveError::Apart { .. } if unsure => "unsure",
                MoveError::Apart { .. } => "apart",
                MoveError::Refused { .. } => "refused",
                MoveError::Source(_) => "source",
                other => panic!("{other}"),
            }
        };
        for (said, expected) in [
            (
                "ERR Target instance replied with error: NOPERM User x has no permissions to run the 'select' command",
                "denied",
            ),
            ("ERR Target instance replied with error: WRONGPASS invalid username-password pair", "denied"),
            ("ERR Target instance replied with error: CLUSTERDOWN The cluster is down", "apart"),
            ("ERR Target instance replied with error: ERR Bad data format", "refused"),
            ("IOERR error or timeout reading from target instance", "unsure"),
            ("IOERR error or timeout connecting to the client", "unsure"),
            ("ERR Can't connect to target node: Connection refused", "apart"),
            ("MOVED 1 127.0.0.1:1", "source"),
        ] {
            assert_eq!(means(said), expected, "{said}");
        }
    }
}
