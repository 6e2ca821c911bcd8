//! The journal of a node: what happened here, when, by whom and why; kept on disk, oldest first.
//!
//! Entries are lines of JSON ([`Entry`]) in the node's directory, in `journal/`: a file for each day on which something
//! happened ([`files`]). Numbers rise by one, also across restarts; what is kept is bounded.
//!
//! **Writing an entry never waits for a disk.** The moment at which most is to be written down is the one in which a primary
//! has died, and what is done about that is counted in milliseconds. A thread of its own carries entries to disk, and until
//! they are there they are read from memory. So an agent that is killed loses the entries of its last few milliseconds, and a
//! machine that loses power those that nobody had to be sure of: entries about what befell the cluster are forced to disk at
//! once, the others when the system pleases (Linux: within 30 s).

mod draft;
mod files;
mod tally;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use justmanage_model::journal::{Entry, Event, Outcome, Who};
use justmanage_model::{NodeId, Pin, Record, Timestamp};
use tracing::warn;

use crate::directory::Directory;
use files::Files;

pub use draft::{Draft, sections};
pub use tally::Tally;

/// Where entries are, in the node's directory.
const FOLDER: &str = "journal";
/// Most entries that wait for the disk. A disk that is full or hangs for hours must not take the agent's memory too: these
/// are a few megabytes, and more than a node writes in a day. What comes then is not kept, and counted.
const WAITING_MAX: usize = 10_000;
/// How soon a disk that did not take an entry is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Most time that the end of an agent waits for its last entries. A disk takes milliseconds, unless it hangs.
const FAREWELL: Duration = Duration::from_secs(2);
/// Most entries of one page; also what is given when nobody says how many.
const PAGE: usize = 1000;

/// The journal of this node. Clones are not needed: share it.
#[derive(Debug)]
pub struct Journal {
    node: NodeId,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    desk: Mutex<Desk>,
    /// Something is to be written, or has been.
    changed: Condvar,
}

/// What is in memory.
#[derive(Debug)]
struct Desk {
    next: u64,
    waiting: VecDeque<Entry>,
    tally: Tally,
    /// The agent ends.
    closing: bool,
    /// The thread has ended.
    closed: bool,
}

impl Journal {
    /// Opens a node's journal; makes it where there is none.
    ///
    /// # Errors
    /// The directory cannot be read or made.
    pub fn open(directory: &Directory, node: NodeId) -> io::Result<Self> {
        Self::in_folder(&directory.path().join(FOLDER), node)
    }

    fn in_folder(folder: &Path, node: NodeId) -> io::Result<Self> {
        let files = Files::open(folder)?;
        let desk = Desk {
            next: files.next()?,
            waiting: VecDeque::new(),
            tally: Tally::default(),
            closing: false,
            closed: false,
        };
        let shared = Shared { folder: folder.to_owned(), desk: Mutex::new(desk), changed: Condvar::new() };
        let shared = Arc::new(shared);
        let writer = shared.clone();
        thread::Builder::new().name("journal".to_owned()).spawn(move || writer.carry(files))?;
        Ok(Self { node, shared })
    }

    /// Writes down what happened now. Never waits for the disk.
    pub fn write(&self, now: Timestamp, draft: Draft) {
        let mut desk = self.shared.desk();
        let entry = draft.into_entry(desk.next, now, self.node);
        desk.tally.count(&entry);
        if desk.waiting.len() < WAITING_MAX {
            desk.next += 1;
            desk.waiting.push_back(entry);
            self.shared.changed.notify_all();
        } else {
            desk.tally.lost();
        }
    }

    /// Writes down what an operator proposed, and what became of it.
    pub fn proposed<E: Display>(
        &self,
        now: Timestamp,
        operator: Pin,
        before: Option<&Record>,
        next: &Record,
        (note, ticket): (String, String),
        taken: &Result<(), E>,
    ) {
        let in_force = if taken.is_ok() { Some(next) } else { before };
        let draft = Draft {
            generation: in_force.map(|record| record.generation),
            who: Who::Operator(operator),
            what: Event::RecordChanged(sections(before, next)),
            outcome: taken.as_ref().map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Done),
            planned: true,
            note,
            ticket,
            ..Draft::default()
        };
        self.write(now, draft);
    }

    /// The entries after a number, oldest first: at most `limit`, and at most 1,000 (0: as many as that). Whoever wants more
    /// asks again with the number of the last.
    ///
    /// # Errors
    /// The files cannot be read. One line that cannot be understood is left out.
    pub fn page(&self, after: u64, limit: u32) -> io::Result<Vec<Entry>> {
        let limit = usize::try_from(limit).map_or(PAGE, |limit| if limit == 0 { PAGE } else { limit.min(PAGE) });
        // Memory first: what leaves it while the files are read is then found there, too.
        let waiting: Vec<Entry> = self.shared.desk().waiting.iter().cloned().collect();
        let mut entries: BTreeMap<u64, Entry> = BTreeMap::new();
        for entry in files::read(&self.shared.folder, after, limit)?.into_iter().chain(waiting) {
            if entry.number > after {
                entries.insert(entry.number, entry);
            }
        }
        Ok(entries.into_values().take(limit).collect())
    }

    /// What was written since this agent began to run.
    pub fn tally(&self) -> Tally {
        self.shared.desk().tally.clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let mut desk = self.shared.desk();
        desk.closing = true;
        self.shared.changed.notify_all();
        let deadline = Instant::now() + FAREWELL;
        while !desk.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            desk = self.shared.changed.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    /// Nothing under the lock can panic half-way, so a poisoned one is as good as any.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries entries to disk until the journal is closed.
    fn carry(&self, mut files: Files) {
        let mut trouble = false;
        while let Some(batch) = self.batch() {
            let (written, error) = files.append(&batch);
            let mut desk = self.desk();
            desk.waiting.drain(..written);
            match error {
                None => trouble = false,
                Some(error) => {
                    if !trouble {
                        warn!(%error, waiting = desk.waiting.len(), "the journal cannot be written; it is tried again");
                    }
                    trouble = true;
                    if desk.closing {
                        break;
                    }
                    let _ = self.changed.wait_timeout_while(desk, RETRY, |desk| !desk.closing);
                }
            }
        }
        self.desk().closed = true;
        self.changed.notify_all();
    }

    /// What is to be written; `None`: nothing any more.
    fn batch(&self) -> Option<Vec<Entry>> {
        let idle = |desk: &mut Desk| desk.waiting.is_empty() && !desk.closing;
        let desk = self.changed.wait_while(self.desk(), idle).unwrap_or_else(PoisonError::into_inner);
        (!desk.waiting.is_empty()).then(|| desk.waiting.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests;
