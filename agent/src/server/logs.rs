//! Log files: their last words, and their size.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How many lines of a log say why something ended.
const TAIL_LINES: usize = 20;
/// How many bytes of them at most: they travel in the node's status.
const TAIL_BYTES: u64 = 2048;
/// Size at which a log is put aside. With the one that was put aside before, a log takes at most twice as much, and what is
/// written between two looks.
const LIMIT: u64 = 10 * 1024 * 1024;

/// The last lines of a log, at most 20 and at most 2 KiB; empty when there is none.
pub fn tail(path: &Path) -> String {
    let read = || -> io::Result<(bool, Vec<u8>)> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let start = size.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok((start > 0, bytes))
    };
    let Ok((cut, bytes)) = read() else { return String::new() };
    // Of a line that was cut the end would mislead; of a single long line it is all there is.
    let whole = bytes.iter().position(|byte| *byte == b'\n').filter(|end| cut && end + 1 < bytes.len());
    let text = String::from_utf8_lossy(whole.map_or(&bytes[..], |end| &bytes[end + 1..]));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    // What is not UTF-8 becomes three bytes each.
    while last.len() as u64 > TAIL_BYTES {
        last.remove(0);
    }
    last
}

/// Puts a log aside (`.1`) when it has grown too long; the one that was put aside before is gone.
///
/// By copying and truncating: the server keeps its log open. It appends, so it goes on at the new end. What it writes
/// between copy and truncation, microseconds, is lost.
///
/// # Errors
/// The disk; then the log is as it was.
pub fn rotate(path: &Path) -> io::Result<()> {
    rotate_at(path, LIMIT)
}

fn rotate_at(path: &Path, limit: u64) -> io::Result<()> {
    let mut log = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        log => log?,
    };
    if log.metadata()?.len() < limit {
        return Ok(());
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    let mut copy = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    if let Err(error) = io::copy(&mut log, &mut copy) {
        // A disk that is full: half a copy helps nobody, and takes the room.
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    File::options().write(true).open(path)?.set_len(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tail_of(content: &[u8]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, content).unwrap();
        tail(&path)
    }

    #[test]
    fn the_tail_is_the_last_whole_lines() {
        assert_eq!(tail(Path::new("/nowhere/log")), "");
        assert_eq!(tail_of(b""), "");
        assert_eq!(tail_of(b"one\n\ntwo"), "one\ntwo");
        let many: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let last: Vec<String> = (80..100).map(|n| format!("line {n}")).collect();
        assert_eq!(tail_of(many.as_bytes()), last.join("\n"));
        let wide: String = (0..30).map(|n| format!("{n:0200}\n")).collect();
        let lines = tail_of(wide.as_bytes());
        assert!(lines.len() <= 2048 && lines.lines().all(|line| line.len() == 200), "{lines}");
        assert_eq!(lines.lines().last(), Some(&*format!("{:0200}", 29)));
    }

    #[test]
    fn the_tail_is_bounded_whatever_is_in_the_log() {
        assert_eq!(tail_of(&[b'x'; 5000]), "x".repeat(2048));
        let one_line = [vec![b'x'; 5000], b"\n".to_vec()].concat();
        assert_eq!(tail_of(&one_line), "x".repeat(2047));
        let binary = tail_of(&[0xff; 5000]);
        assert!(!binary.is_empty() && binary.len() <= 2048);
    }

    #[test]
    fn a_long_log_is_put_aside_and_its_writer_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let aside = directory.path().join("log.1");
        let mut writer = File::options().append(true).create(true).open(&path).unwrap();
        writer.write_all(b"0123456789").unwrap();
        rotate_at(&path, 11).unwrap();
        assert!(!aside.exists(), "it was short enough");
        rotate_at(&path, 10).unwrap();
        writer.write_all(b"next").unwrap();
        assert_eq!(fs::read(&aside).unwrap(), b"0123456789");
        assert_eq!(fs::read(&path).unwrap(), b"next");
        rotate_at(&path, 4).unwrap();
        assert_eq!(fs::read(&aside).unwrap(), b"next");
        rotate_at(&directory.path().join("none"), 0).unwrap();
    }
}
