//! A file beside the log: up to where the log is known to be agreed on.
//!
//! It changes with every entry and is worth no sync of its own: after a power cut an older one will do. What it must outlive
//! is the end of the process, or the next start would for a moment believe in an older Record than was acted on: in operators
//! who are none any more, for instance. So it is written to the file at once and never synced.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::DiskError;
use crate::types::LogId;

/// Less than a sector, so that it is written whole.
const BYTES: usize = 256;

/// Writes it.
pub(super) fn write(path: &Path, committed: &LogId) -> Result<(), DiskError> {
    let mut content = serde_json::to_vec(committed).map_err(|error| DiskError::Failed(error.to_string()))?;
    if content.len() >= BYTES {
        return Err(DiskError::Failed(format!("{} bytes do not fit", content.len())));
    }
    // Over what was there before, also if that was longer.
    content.resize(BYTES, b' ');
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    Ok(file.write_all_at(&content, 0)?)
}

/// Reads it. One that cannot be understood is as good as none: the majority knows.
pub(super) fn read(path: &Path) -> Result<Option<LogId>, DiskError> {
    match fs::read(path) {
        Ok(content) => Ok(serde_json::from_slice(&content).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
