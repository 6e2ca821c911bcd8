//! A program while it arrives: a file without a name of its own, which is verified before it gets one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use justmanage_steps::step;
use ring::digest;

use super::{ArrivalError, Content};
use crate::content::hex;

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
        make(place).and_then(|()| make(&directory)).map_err(&fail)?;
        // Whatever ends this early takes it away.
        let mut arrived = Self { directory, file, length: 0 };
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

impl Drop for Arrived {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Removes what an agent has left that was killed while something arrived.
pub(super) fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
