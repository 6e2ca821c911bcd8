//! The database process of a node: started, adopted, watched, stopped; never two on one data directory.
//!
//! Order of writes at a start: the wish (`server.json`: running, no process yet), the process, its identity. An agent that
//! dies between them leaves a server without a note; the next one finds it by its working directory and the lock that it
//! holds there. Whether and when to start again is not decided here, but by the planner: this module says how it is.

mod access;
mod backoff;
mod held;
mod logs;
mod note;
mod supervisor;

use std::io;

use crate::directory::Directory;
use crate::process::{Watched, Workplaces};

pub use access::ServerAccess;
pub use backoff::{LONGEST, after_end};
pub(crate) use held::end_leftovers;
pub use logs::{rotate, tail};
pub use supervisor::{Process, Supervisor, SupervisorError};

/// The server of a node, if it runs: the one that is noted, or else the one that works in the data directory.
///
/// # Errors
/// `/proc` cannot be read.
pub fn running(directory: &Directory) -> io::Result<Option<Watched>> {
    match noted(directory) {
        Some(server) => Ok(Some(server)),
        None => Ok(unnoted(directory, &Workplaces::look()?)),
    }
}

/// The server that is noted, if it runs.
pub(crate) fn noted(directory: &Directory) -> Option<Watched> {
    // A note that is damaged says nothing, and the process itself says all that is needed.
    note::Note::read(directory).ok().flatten().and_then(|note| note.process).as_ref().and_then(Watched::open)
}

/// The server that works in the data directory.
pub(crate) fn unnoted(directory: &Directory, workplaces: &Workplaces) -> Option<Watched> {
    workplaces.server_in(&directory.data()).as_ref().and_then(Watched::open)
}
