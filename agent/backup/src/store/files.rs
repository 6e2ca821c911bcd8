//! A store that is a directory: of the node, or better one that every node has.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use justmanage_model::backup::Destination;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

use crate::error::StoreError;

/// What is written besides the last bytes is given to the disk in pieces of so many bytes, so that the kernel does not collect
/// gigabytes that a server's own writes then wait behind.
const FLUSH: u64 = 32 << 20;
/// Largest object that is read at once: a manifest of a hundred shards has a tenth of it.
const SMALL: u64 = 16 << 20;
/// How what is being written is named: hidden, and never like an object.
const WRITING: &str = ".writing";

/// A directory, which need not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

/// The directory of a destination. In destinations, what a path cannot have otherwise is percent-encoded.
pub(super) fn path_of(destination: &Destination) -> PathBuf {
    let path: Vec<u8> = percent_encoding::percent_decode_str(destination.path()).collect();
    Path::new("/").join(OsString::from_vec(path))
}

impl Files {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn below(&self, folder: &str) -> Self {
        Self { root: self.root.join(folder) }
    }

    /// Does something with a file, where waiting for the disk holds up nobody.
    async fn with<T: Send + 'static>(
        &self,
        doing: &'static str,
        name: &str,
        what: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = self.root.join(name);
        let done = spawn_blocking(move || what(&path)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|source| StoreError::of(doing, name, source))
    }

    pub(super) async fn create(&self, name: &str) -> Result<Upload, StoreError> {
        let root = self.root.clone();
        let begun = self.with("write", name, move |path| {
            if path.try_exists()? {
                return Ok(Begun::Exists);
            }
            // The name ends in more than a folder: it is one of ours.
            make_folder(path.parent().unwrap_or(&root))?;
            begin(path)
        });
        match begun.await? {
            Begun::File(file, temporary) => Ok(Upload {
                name: name.to_owned(),
                path: self.root.join(name),
                temporary: Some(temporary),
                file: Arc::new(file),
                unflushed: 0,
            }),
            Begun::Busy => Err(StoreError::Busy { name: name.to_owned() }),
            Begun::Exists => Err(StoreError::Exists { name: name.to_owned() }),
        }
    }

    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let size = self.with("read", name, |path| match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            there => there.map(|there| Some(there.len())),
        });
        size.await
    }

    pub(super) async fn open(&self, name: &str) -> Result<tokio::fs::File, StoreError> {
        let file = self.with("read", name, |path| File::open(path)).await?;
        Ok(tokio::fs::File::from_std(file))
    }

    pub(super) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let content = self.with("read", name, |path| match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Ok(there) if there.len() > SMALL => Err(io::Error::other("it is too large for what it should be")),
            there => there.and_then(|_| fs::read(path)).map(Some),
        });
        content.await
    }

    pub(super) async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let names = self.with("read", folder, |path| {
            let entries = match fs::read_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let mut names = Vec::new();
            for entry in entries {
                // What is no text is none of ours.
                names.extend(entry?.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
            }
            names.sort_unstable();
            Ok(names)
        });
        names.await
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.with("remove", name, |path| match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            // Otherwise after a power cut an object that was removed later could be gone, and this one there.
            Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        })
        .await
    }

    pub(super) async fn remove_folder(&self, folder: &str) -> Result<(), StoreError> {
        self.with("remove", folder, |path| {
            let entries = match fs::read_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let left =
                    entry.file_name().to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(WRITING));
                // Whoever still writes there holds its lock.
                if left && flock(File::open(entry.path())?, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    fs::remove_file(entry.path())?;
                }
            }
            fs::remove_dir(path)?;
            path.parent().map_or(Ok(()), sync_folder)
        })
        .await
    }
}

/// What became of the wish to write.
enum Begun {
    /// This is to be written; it has another name until then.
    File(File, PathBuf),
    /// Another process writes it.
    Busy,
    /// It is there.
    Exists,
}

/// Opens what is to become an object, for this process alone, without what another one may have left.
fn begin(path: &Path) -> io::Result<Begun> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(WRITING);
    let temporary = path.with_file_name(name);
    loop {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&temporary)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(Begun::Busy),
            locked => locked?,
        }
        // Who had the lock before may have renamed the file, or removed it, before it let go: then this one is no longer ours to write.
        let mine = file.metadata()?;
        let same = |there: fs::Metadata| there.ino() == mine.ino() && there.dev() == mine.dev();
        if fs::metadata(&temporary).is_ok_and(same) {
            file.set_len(0)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            return Ok(Begun::File(file, temporary));
        }
    }
}

/// Makes a folder and all above it that are missing, for their owner alone, and sees to it that they stay.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().ok_or(io::ErrorKind::NotFound)?;
    make_folder(above)?;
    match DirBuilder::new().mode(0o700).create(path) {
        // Another node was first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.and_then(|()| sync_folder(above)),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// An object that is being written. Dropped before it is finished, nothing of it remains.
#[derive(Debug)]
pub(crate) struct Upload {
    name: String,
    path: PathBuf,
    /// Where it is until it is finished.
    temporary: Option<PathBuf>,
    file: Arc<File>,
    unflushed: u64,
}

impl Upload {
    /// Writes what comes next.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.unflushed += bytes.len() as u64;
        let flush = self.unflushed >= FLUSH;
        if flush {
            self.unflushed = 0;
        }
        let file = Arc::clone(&self.file);
        let written = spawn_blocking(move || {
            (&*file).write_all(&bytes)?;
            if flush {
                file.sync_data()?;
                // Nobody reads it soon; the server's machine has better use for its memory. Only advice: who does not take it does no harm.
                let _ = rustix::fs::fadvise(&*file, 0, None, rustix::fs::Advice::DontNeed);
            }
            Ok(())
        });
        let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|source| StoreError::of("write", self.name.clone(), source))
    }

    /// Gives it its name, once all of it is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if somebody else was first.
    pub(crate) async fn finish(mut self) -> Result<(), StoreError> {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        let Some(temporary) = self.temporary.clone() else { return Ok(()) };
        let finished = spawn_blocking(move || {
            file.sync_all()?;
            name_once(&temporary, &path)?;
            path.parent().map_or(Ok(()), sync_folder).inspect_err(|_| {
                // It may be gone after a power cut, so it must not be there now.
                let _ = fs::remove_file(&path);
            })
        });
        match finished.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                self.temporary = None;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(StoreError::Exists { name: self.name.clone() })
            }
            Err(source) => Err(StoreError::of("write", self.name.clone(), source)),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // If that fails, the next writer does it.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Gives a file another name, which nothing must have.
fn name_once(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Network file systems do not know that; all that have links can do this.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}
