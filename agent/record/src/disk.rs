//! What an agent keeps of the group on disk: a file where the log and the vote are synced before anybody hears of them, and one
//! beside it, never synced, that says up to where the log is agreed on (`aside`).

mod aside;
mod fault;
mod rows;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use justmanage_model::Record;
use justmanage_model::record::Outline;
use justmanage_steps::step;
use redb::{Builder, Database};
use ring::rand::{SecureRandom, SystemRandom};

pub(crate) use fault::DiskError;
pub(crate) use rows::{Row, entries, key, last_entry, store, value};

use crate::types::LogId;

/// The file's page cache. Everything in it (a log of at most 80 entries, three Records) is read once at the start and then
/// hardly ever; the default of the library is 1 GiB.
const CACHE_BYTES: usize = 512 * 1024;

/// Room kept on the disk. One change takes a few pages (the largest Record twice, in the log and in a snapshot, and the
/// pages around it): some 200 KiB; the file grows by up to twice that at a time.
const BALLAST_BYTES: usize = 1024 * 1024;

/// The file, opened and closed as often as need be. Clones are the same file.
#[derive(Clone)]
pub(crate) struct Disk {
    shelf: Arc<Shelf>,
}

struct Shelf {
    /// `record.redb`.
    path: PathBuf,
    /// Outside of the file's directory: says which file this agent voted with.
    marker: PathBuf,
    /// How the file is opened.
    opener: Opener,
    open: Mutex<Option<Arc<Open>>>,
    /// What went wrong last, since the library's errors are texts.
    fault: Mutex<Option<DiskError>>,
}

/// Opens a file, or what stands for one in a test.
type Opener = Box<dyn Fn(&Path) -> Result<Database, DiskError> + Send + Sync>;

struct Open {
    db: Database,
    /// Drawn when the file was made.
    id: String,
    /// `marker` names this file.
    marked: Mutex<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// The file in a directory, which is made; nothing is opened yet.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub(crate) fn new(directory: &Path, marker: PathBuf) -> io::Result<Self> {
        Self::with(directory, marker, Box::new(open_file))
    }

    fn with(directory: &Path, marker: PathBuf, opener: Opener) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join("record.redb");
        let shelf = Shelf { path, marker, opener, open: Mutex::new(None), fault: Mutex::new(None) };
        Ok(Self { shelf: Arc::new(shelf) })
    }

    /// Opens the file; makes it if there is none.
    pub(crate) fn open(&self) -> Result<(), DiskError> {
        self.close();
        *lock(&self.shelf.fault) = None;
        let opened = (self.shelf.opener)(&self.shelf.path).and_then(|db| self.shelve(db));
        self.noted(opened)
    }

    /// Puts an opened database in use.
    fn shelve(&self, db: Database) -> Result<(), DiskError> {
        let marked = match fs::read_to_string(&self.shelf.marker) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let id = match value::<String>(&db, key::ID)? {
            Some(id) => id,
            None if marked.is_some() => return Err(DiskError::Lost),
            None => {
                let id = format!("{:016x}", random()?);
                store(&db, vec![Row::put(key::ID, &id)?])?;
                // The name of a new file is on disk when its directory is.
                if let Some(directory) = self.shelf.path.parent() {
                    File::open(directory)?.sync_all()?;
                }
                id
            }
        };
        if marked.as_ref().is_some_and(|marked| *marked != id) {
            return Err(DiskError::Lost);
        }
        let open = Open { db, id, marked: Mutex::new(marked.is_some()) };
        *lock(&self.shelf.open) = Some(Arc::new(open));
        Ok(())
    }

    /// Closes the file, so that it can be opened again; whoever still uses it gets an error next time.
    pub(crate) fn close(&self) {
        *lock(&self.shelf.open) = None;
    }

    /// What went wrong last, if anything did since the file was opened.
    pub(crate) fn fault(&self) -> Option<DiskError> {
        lock(&self.shelf.fault).clone()
    }

    /// One value.
    pub(crate) fn get<T: serde::de::DeserializeOwned>(&self, key: &'static str) -> Result<Option<T>, DiskError> {
        let read = self.opened().and_then(|open| value(&open.db, key));
        self.noted(read)
    }

    /// Reads a Record; one with a newer layout is not guessed at.
    pub(crate) fn record(&self, key: &'static str) -> Result<Option<Record>, DiskError> {
        match self.get::<Outline>(key)? {
            Some(outline) if outline.is_newer() => Err(DiskError::NewerLayout(outline.layout)),
            _ => self.get(key),
        }
    }

    /// Notes up to which entry the majority is known to have the log.
    pub(crate) fn note_committed(&self, committed: &LogId) -> Result<(), DiskError> {
        let noted = self.noted(aside::write(&self.aside(), committed));
        step!("record committed: noted");
        noted
    }

    /// Up to which entry of this log the majority was known to have it, at least. A note that is about another log, because the
    /// disk forgot one of the two in a power cut or the file was put back, says nothing.
    pub(crate) fn committed(&self) -> Result<Option<LogId>, DiskError> {
        let Some(noted) = self.noted(aside::read(&self.aside()))? else { return Ok(None) };
        let found = self.reading(|db| entries(db, noted.index..=noted.index, true))?;
        Ok(found.iter().map(|entry| entry.log_id).find(|there| *there == noted))
    }

    fn aside(&self) -> PathBuf {
        self.shelf.path.with_file_name("committed")
    }

    /// Values that are on disk when this returns. It waits for the disk away from the runtime's own threads.
    pub(crate) async fn put(&self, rows: Vec<Row>) -> Result<(), DiskError> {
        let stored = self.synced(move |db| {
            #[cfg(debug_assertions)]
            let what = rows::what(&rows);
            step!("record {what}: about to be written");
            store(db, rows)?;
            step!("record {what}: written");
            Ok(())
        });
        stored.await
    }

    /// Whoever votes or appends calls this first: from now on this agent is known to have voted with this file.
    pub(crate) async fn mark(&self) -> Result<(), DiskError> {
        let open = self.opened()?;
        let marker = self.shelf.marker.clone();
        if *lock(&open.marked) {
            return Ok(());
        }
        let marked = unblocked(move || {
            let mut done = lock(&open.marked);
            if !*done {
                write_synced(&marker, open.id.as_bytes())?;
                step!("record mark: written");
                *done = true;
            }
            Ok(())
        });
        self.noted(marked.await)
    }

    /// Runs what waits for the disk.
    pub(crate) async fn synced<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, DiskError> {
        let open = self.opened()?;
        self.noted(unblocked(move || work(&open.db)).await)
    }

    /// Runs what only reads, and that from memory as a rule.
    pub(crate) fn reading<T>(&self, work: impl FnOnce(&Database) -> Result<T, DiskError>) -> Result<T, DiskError> {
        let read = self.opened().and_then(|open| work(&open.db));
        self.noted(read)
    }

    /// Makes room on a full disk, for what this agent must still be able to write: that it was removed, for instance.
    pub(crate) fn release_ballast(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    /// Keeps some room for [`Disk::release_ballast`]. Without it everything works as well, until the disk is full.
    pub(crate) fn keep_ballast(&self) {
        if fs::metadata(self.ballast()).is_ok_and(|there| there.len() == BALLAST_BYTES as u64) {
            return;
        }
        let made = write_synced(&self.ballast(), &vec![0; BALLAST_BYTES]);
        if made.is_err() {
            self.release_ballast();
        }
    }

    fn ballast(&self) -> PathBuf {
        self.shelf.path.with_file_name("ballast")
    }

    fn opened(&self) -> Result<Arc<Open>, DiskError> {
        lock(&self.shelf.open).clone().ok_or_else(|| DiskError::Failed("the file is closed".to_owned()))
    }

    /// Keeps in mind what went wrong: the first fault, since those after it are its consequences.
    fn noted<T>(&self, result: Result<T, DiskError>) -> Result<T, DiskError> {
        if let Err(fault) = &result {
            lock(&self.shelf.fault).get_or_insert_with(|| fault.clone());
        }
        result
    }
}

/// Opens the file. A new one is made under another name first: the library writes the mark by which it knows its files last, so one
/// that was left half made would look damaged for ever.
fn open_file(path: &Path) -> Result<Database, DiskError> {
    if !path.try_exists()? {
        let unfinished = path.with_extension("new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => drop(create_file(&unfinished)?),
        }
        step!("record file: made");
        fs::rename(&unfinished, path)?;
        step!("record file: in place");
    }
    create_file(path)
}

fn create_file(path: &Path) -> Result<Database, DiskError> {
    // For the owner alone: user rules and sealed secrets are in it.
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    Ok(Builder::new().set_cache_size(CACHE_BYTES).create_file(file)?)
}

/// Runs `work` where it may wait.
async fn unblocked<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DiskError> + Send + 'static,
) -> Result<T, DiskError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(DiskError::Failed(format!("a task for the disk ended: {error}"))))
}

/// Writes a small file: whole or not at all, on disk when this returns, for the owner alone.
fn write_synced(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let unfinished = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// 64 random bits.
pub(crate) fn random() -> Result<u64, DiskError> {
    let mut bytes = [0; 8];
    let drawn = SystemRandom::new().fill(&mut bytes);
    drawn.map_err(|_| DiskError::Failed("the operating system gave no random numbers".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
pub(crate) mod sectors;
#[cfg(test)]
mod tests;
