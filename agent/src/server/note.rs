//! `server.json`: what the agent wants of the server's process, and which process it is.

use std::io;

use justmanage_model::Timestamp;
use justmanage_model::node::ProcessIdentity;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;

/// The content of `server.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// What is wanted: it tells a stop from a crash, whoever is there to see the end.
    pub(super) intent: Intent,
    /// The process; `None` while it is being started.
    pub(super) process: Option<ProcessIdentity>,
    /// When it was started.
    pub(super) since: Timestamp,
}

/// What is wanted of the server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Intent {
    /// It is to run: an end is a crash.
    Run,
    /// It is to end: an end is what was wanted.
    Stop,
}

impl Note {
    /// As it is on disk; `None`: a server was never started.
    pub(super) fn read(directory: &Directory) -> io::Result<Option<Self>> {
        directory.read(&directory.server_process())
    }

    /// To disk.
    pub(super) fn write(&self, directory: &Directory) -> io::Result<()> {
        directory.write(&directory.server_process(), self)
    }
}
