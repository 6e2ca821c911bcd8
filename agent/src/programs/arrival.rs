//! A program while it arrives: a file without a name of its own, which is verified before it gets one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use std::time::Duration;

use justmanage_steps::step;
use ring::digest;

use super::{ArrivalError, Content};
use crate::content::hex;
use crate::process::LockGuard;

/// How directories begin in which something unfinished is.
const UNFINISHED: &str = ".new-";

/// How far an arrival is, and whether anybody still waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    received: AtomicU64,
    abandoned: AtomicBool,
}

impl Progress {
    /// Bytes so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Nobody waits for it any more.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// A program that is whole and verified, and whose name nobody knows yet. Gone when it is dropped.
#[derive(Debug)]
pub struct Arrived {
    /// Nobody else's arrival of the same program, and no sweep, touches it.
    _lock: Lock,
    directory: PathBuf,
    file: PathBuf,
    /// Its length.
    pub length: u64,
}

impl Arrived {
    /// Takes a content in, below `place`, under the name that the program is to be called by.
    ///
    /// # Errors
    /// [`ArrivalError`]: then nothing is left of it.
    pub fn take(
        place: &Path,
        (file_name, sha256): (&str, &str),
        largest: u64,
        content: &mut dyn Content,
        progress: &Progress,
    ) -> Result<Self, ArrivalError> {
        let directory = place.join(format!("{UNFINISHED}{sha256}"));
        let file = directory.join(file_name);
        let fail = ArrivalError::disk(&file);
        make(place).map_err(&fail)?;
        // Agents of one machine may share a place.
        let lock = Lock::take(place, sha256).map_err(&fail)?.ok_or(ArrivalError::Busy)?;
        // Whatever ends this early takes it away.
        let mut arrived = Self { _lock: lock, directory, file, length: 0 };
        make(&arrived.directory).map_err(&fail)?;
        let mut open =
            File::options().write(true).create(true).truncate(true).mode(0o700).open(&arrived.file).map_err(&fail)?;
        let mut sum = digest::Context::new(&digest::SHA256);
        while let Some(block) = content.next()? {
            arrived.length += block.len() as u64;
            if arrived.length > largest {
                return Err(ArrivalError::TooLarge { from: content.from(), limit: largest });
            }
            if progress.abandoned.load(Ordering::Relaxed) {
                return Err(ArrivalError::Abandoned);
            }
            open.write_all(&block).map_err(&fail)?;
            sum.update(&block);
            progress.received.store(arrived.length, Ordering::Relaxed);
            step!("program: a part of it");
        }
        let found = hex(&sum.finish());
        if found != sha256 {
            return Err(ArrivalError::OtherDigest { from: content.from(), found, wanted: sha256.to_owned() });
        }
        open.sync_all().map_err(&fail)?;
        step!("program: whole");
        Ok(arrived)
    }

    /// Where it is for the moment.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Gives it its name, in place of whatever has that.
    ///
    /// # Errors
    /// [`ArrivalError::Disk`].
    pub fn settle(self, to: &Path) -> Result<(), ArrivalError> {
        let directory = to.parent().unwrap_or(to);
        let place = || -> io::Result<()> {
            make(directory)?;
            fs::rename(&self.file, to)?;
            step!("program: in place");
            File::open(directory)?.sync_all()?;
            directory.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
        };
        place().map_err(ArrivalError::disk(to))
    }
}

/// Held while something arrives.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _guard: LockGuard,
}

/// How the names of locks end.
const LOCK: &str = ".lock";

impl Lock {
    /// `None`: another agent holds it.
    fn take(place: &Path, sha256: &str) -> io::Result<Option<Self>> {
        let path = place.join(format!("{UNFINISHED}{sha256}{LOCK}"));
        let guard = LockGuard::take(&path, Duration::ZERO)?;
        Ok(guard.map(|guard| Self { path, _guard: guard }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before it is let go: whoever waits for it looks whether it is still there.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Removes what an agent has left that was killed while something arrived.
pub(super) fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(sha256) = name.strip_prefix(UNFINISHED) else { continue };
        let sha256 = sha256.strip_suffix(LOCK).unwrap_or(sha256);
        // What another agent of this machine is at is not left behind. Of two names, either may come first.
        if let Ok(Some(_lock)) = Lock::take(place, sha256) {
            let _ = fs::remove_dir_all(place.join(format!("{UNFINISHED}{sha256}")));
        }
    }
}

fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
