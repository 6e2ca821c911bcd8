//! The journal's files: `DAY.FIRST.jsonl`, where DAY is the day (UTC) of its first entry and FIRST that entry's number.
//!
//! The number in the name keeps the order when clocks are set back, tells without reading which files are wanted, and lets
//! numbers go on when what is inside was damaged. A line is appended by one call, so a file that was cut short has at most
//! one torn line, at its end; the next entry begins on a line of its own, and readers leave the torn one out.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use justmanage_model::journal::{Entry, Event};

/// Most days that are kept: long enough to look back over a quarter. They are counted by the days that have entries and not
/// by the clock: a clock that is wrong for a minute must not delete what happened.
const DAYS_MAX: usize = 90;
/// Most bytes that are kept. A quiet node writes a few kilobytes a day; one whose server dies every few seconds for a week
/// writes this much, and must not fill the disk that the server's data is on. An entry has some 300 bytes: 50,000 fit.
const BYTES_MAX: u64 = 16 << 20;
/// A file that has become so large is followed by another of the same day: the oldest is what is deleted, and it must never
/// be all that there is. Also what a reader holds in memory at most.
const FILE_MAX: u64 = 1 << 20;

/// The files, as their only writer sees them.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    day: Date,
    bytes: u64,
}

/// A file by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    first: u64,
    day: Date,
    path: PathBuf,
}

impl Files {
    /// The files in a folder, which is made where there is none.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let files = Self { folder: folder.to_owned(), current: None };
        files.prune()?;
        Ok(files)
    }

    /// The number of the next entry.
    pub(super) fn next(&self) -> io::Result<u64> {
        let files = list(&self.folder)?;
        let Some(newest) = files.last() else { return Ok(1) };
        // What is damaged had at least the number that its name says.
        let last = entries(&newest.path)?.map(|entry| entry.number).max().unwrap_or(0).max(newest.first);
        Ok(last + 1)
    }

    /// Appends entries in their order. Says how many are written, and why not all of them.
    pub(super) fn append(&mut self, entries: &[Entry]) -> (usize, Option<io::Error>) {
        for (written, entry) in entries.iter().enumerate() {
            if let Err(error) = self.append_one(entry) {
                // Whatever was half written is looked at when the file is opened again.
                self.current = None;
                return (written, Some(error));
            }
        }
        (entries.len(), None)
    }

    fn append_one(&mut self, entry: &Entry) -> io::Result<()> {
        let day = entry.at.to_zoned(TimeZone::UTC).date();
        if self.current.as_ref().is_none_or(|current| current.day != day || current.bytes >= FILE_MAX) {
            self.current = None;
            self.current = Some(self.turn_over(entry.number, day)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        current.file.write_all(&line)?;
        current.bytes += line.len() as u64;
        if to_be_sure_of(entry) { current.file.sync_data() } else { Ok(()) }
    }

    /// The file for an entry: the last one, if it is of that day and has room, or a new one.
    fn turn_over(&self, number: u64, day: Date) -> io::Result<Current> {
        if let Some(last) = list(&self.folder)?.last() {
            let bytes = fs::metadata(&last.path)?.len();
            if last.day == day && bytes < FILE_MAX {
                let mut file = File::options().append(true).read(true).open(&last.path)?;
                let bytes = bytes + u64::from(end_line(&mut file)?);
                return Ok(Current { file, day, bytes });
            }
        }
        let path = self.folder.join(format!("{day}.{number}.jsonl"));
        let file = File::options().append(true).create(true).mode(0o600).open(path)?;
        File::open(&self.folder)?.sync_all()?;
        self.prune()?;
        Ok(Current { file, day, bytes: 0 })
    }

    /// Deletes the oldest files, until what is left is within the bounds.
    fn prune(&self) -> io::Result<()> {
        let (mut bytes, mut days) = (0, Vec::new());
        for named in list(&self.folder)?.iter().rev() {
            bytes += fs::metadata(&named.path)?.len();
            if !days.contains(&named.day) {
                days.push(named.day);
            }
            // The last file has room for one more of its size.
            if bytes + FILE_MAX > BYTES_MAX || days.len() > DAYS_MAX {
                fs::remove_file(&named.path)?;
            }
        }
        Ok(())
    }
}

/// Whether an entry must survive that the machine dies the next moment: what befell the cluster, what lost data, and the
/// proof that nothing did.
const fn to_be_sure_of(entry: &Entry) -> bool {
    !entry.planned || matches!(entry.what, Event::StartedEmpty | Event::Operation(_))
}

/// Ends a torn last line. Says whether there was one.
fn end_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == [b'\n'] {
        return Ok(false);
    }
    file.write_all(b"\n")?;
    Ok(true)
}

/// The files of a folder by the numbers of their first entries. What is not called as ours are is somebody else's.
fn list(folder: &Path) -> io::Result<Vec<Named>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let parts = path.file_name().and_then(|name| name.to_str()).and_then(|name| {
            let (day, first) = name.strip_suffix(".jsonl")?.split_once('.')?;
            Some((day.parse().ok()?, first.parse().ok()?))
        });
        if let Some((day, first)) = parts {
            found.push(Named { first, day, path });
        }
    }
    found.sort_by_key(|named| named.first);
    Ok(found)
}

/// The entries of a file, without lines that cannot be understood: torn ones, and those of a newer release.
fn entries(path: &Path) -> io::Result<impl Iterator<Item = Entry>> {
    let lines = BufReader::new(File::open(path)?).split(b'\n').map_while(Result::ok);
    Ok(lines.filter_map(|line| serde_json::from_slice(&line).ok()))
}

/// The first entries after a number, at most `limit`.
pub(super) fn read(folder: &Path, after: u64, limit: usize) -> io::Result<Vec<Entry>> {
    let files = list(folder)?;
    let mut found = Vec::new();
    for (position, named) in files.iter().enumerate() {
        let over = files.get(position + 1).is_some_and(|next| next.first <= after.saturating_add(1));
        if over || found.len() >= limit {
            continue;
        }
        match entries(&named.path) {
            Ok(entries) => found.extend(entries.filter(|entry| entry.number > after).take(limit - found.len())),
            // Deleted since it was listed, because it was the oldest.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
