//! The lock that says that the agent of a node runs: held for life, let go by the kernel whatever happens.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often a lock that another holds is tried again.
const PAUSE: Duration = Duration::from_millis(5);

/// Holds a node's lock until it is dropped, or the process ends in whatever way.
///
/// Programs that we start do not inherit it (the descriptor is closed when they start).
#[derive(Debug)]
pub struct LockGuard {
    _file: File,
}

impl LockGuard {
    /// Takes the lock, and waits so long at most for another who has it. `None`: another keeps it.
    ///
    /// A little patience is always right: [`LockGuard::is_held`] holds the lock for an instant, too.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]: the directory is gone, perhaps while we waited.
    pub fn take(path: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(file) = Self::try_take(path)? {
                return Ok(Some(Self { _file: file }));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn try_take(path: &Path) -> io::Result<Option<File>> {
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            taken => taken?,
        }
        // Whoever had the lock before us may have removed the directory: then ours is a lock on nothing.
        let (ours, there) = (file.metadata()?, fs::metadata(path));
        let same = there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        Ok(same.then_some(file))
    }

    /// Whether somebody holds the lock. Without the file nobody does.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        // Shared, so that two who only look do not take each other for the holder.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Ok(true),
            taken => taken.map(|()| false).map_err(io::Error::from),
        }
    }
}
