//! This node's part in the backup that the Record says is made: its server is read beside the turns, and nobody is disturbed.
//!
//! Nothing is remembered: what was done is in the store, and whoever is killed goes on behind that. What an agent that is gone has left
//! half-made, its next start or the store's next writer removes.
//!
//! | module | what it does |
//! |---|---|
//! | `part` | reads the server, puts its data into the store, and verifies what is there |
//! | `listed` | which backups there are, for operators |
//! | `whole` | writes the manifest when all parts are there, and removes what is not kept any more |

pub(crate) mod listed;
mod part;
mod whole;

use std::path::PathBuf;
use std::sync::Arc;

use justmanage_model::backup::{BackupDone, BackupId, BackupState, BackupTally};
use justmanage_model::{Bytes, NodeId, Program, Record, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::journal::Journal;
use crate::secrets::Secrets;
use crate::server::ServerAccess;

/// How much more has to be read until that is told. Whoever leads hears of it, and looks at the cluster anew.
const TOLD_EVERY: Bytes = Bytes::mib(256);

/// What backups are made with.
#[derive(Clone)]
pub struct Tools {
    /// Whose server is read.
    pub own: NodeId,
    /// How to call it.
    pub access: ServerAccess,
    /// The cluster's secrets: a server's data are read as its replicas read them.
    pub secrets: Secrets,
    /// Where a part is loaded to be verified.
    pub scratch: PathBuf,
    /// What is removed is written down.
    pub journal: Arc<Journal>,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// What is being done, and how far it is.
pub(crate) struct BackingUp {
    tools: Tools,
    tallies: watch::Sender<Option<BackupTally>>,
    running: Option<Running>,
}

/// What is to be done of a backup at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Work {
    id: BackupId,
    shard: u16,
    /// Its parts are all there: the manifest.
    whole: bool,
}

struct Running {
    work: Work,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl BackingUp {
    /// Nothing is backed up yet. What an agent before left of its work on this machine is removed.
    pub(crate) fn new(tools: Tools) -> Self {
        part::clean(&tools.scratch);
        Self { tools, tallies: watch::Sender::new(None), running: None }
    }

    /// How far it is, now and from now on.
    pub(crate) fn tallies(&self) -> watch::Receiver<Option<BackupTally>> {
        self.tallies.subscribe()
    }

    /// How far it is.
    pub(crate) fn tally(&self) -> Option<BackupTally> {
        self.tallies.borrow().clone()
    }

    /// Does what the Record says, and nothing that it says no more. `program`: what the server was started with.
    pub(crate) fn follow(&mut self, record: Option<&Record>, program: Option<&Program>) {
        let own = self.tools.own;
        let Some((record, (shard, run))) = record.and_then(|record| Some((record, record.backup_part_of(own)?))) else {
            self.running = None;
            self.tallies.send_if_modified(|tally| tally.take().is_some());
            return;
        };
        let before = self.tally().filter(|tally| tally.id == run.id).map(|tally| tally.state);
        let whole = match &before {
            // The part comes first, also where an agent before has put it there.
            None => false,
            Some(BackupState::Written) => run.complete && run.keeper() == Some(own),
            Some(BackupState::Running { .. } | BackupState::Done(_) | BackupState::Failed { .. }) => return,
        };
        if before.is_some() && !whole {
            return;
        }
        let work = Work { id: run.id.clone(), shard, whole };
        if self.running.as_ref().is_some_and(|running| running.work == work) {
            return;
        }
        info!(backup = %work.id, shard, whole, "a backup is made");
        let teller = Teller { id: work.id.clone(), tallies: self.tallies.clone() };
        if !whole {
            teller.tell(BackupState::Running { bytes: Bytes::new(0) });
        }
        let task = tokio::spawn(work_on(self.tools.clone(), record.clone(), program.cloned(), work.clone(), teller));
        self.running = Some(Running { work, task });
    }
}

async fn work_on(tools: Tools, record: Record, program: Option<Program>, work: Work, teller: Teller) {
    let done: Result<Option<BackupDone>, String> = match work.whole {
        false => part::make(&tools, &record, program.as_ref(), &work, &teller).await.map(|()| None),
        true => whole::make(&tools, &record, &work).await.map(Some),
    };
    teller.tell(match done {
        Ok(None) => BackupState::Written,
        Ok(Some(done)) => BackupState::Done(Box::new(done)),
        Err(why) => {
            warn!(backup = %work.id, shard = work.shard, why, "a backup has failed");
            BackupState::Failed { why }
        }
    });
}

/// Tells how far it is.
struct Teller {
    id: BackupId,
    tallies: watch::Sender<Option<BackupTally>>,
}

impl Teller {
    fn tell(&self, state: BackupState) {
        self.tallies.send_replace(Some(BackupTally { id: self.id.clone(), state }));
    }

    /// Tells of what is read, now and then, until it is dropped.
    async fn follow(&self, mut progress: watch::Receiver<Bytes>) -> std::convert::Infallible {
        let mut told = Bytes::new(0);
        while progress.changed().await.is_ok() {
            let read = *progress.borrow_and_update();
            if read.get() >= told.get() + TOLD_EVERY.get() {
                told = read;
                self.tell(BackupState::Running { bytes: read });
            }
        }
        // All is read: what is left to do says so itself.
        std::future::pending().await
    }
}

/// An error with what is behind it, in one sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        text.push_str(": ");
        text.push_str(&error.to_string());
        behind = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_says_all_that_is_behind_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("there is no space left for a part")]
        struct Full(#[source] io::Error);
        let full = Full(io::Error::other("the quota is used up"));
        assert_eq!(sentence(&full), "there is no space left for a part: the quota is used up");
    }
}
