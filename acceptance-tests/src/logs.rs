//! Agents' logs, followed while a test runs: WARN and ERROR fail it unless they were expected.
//!
//! A destroy removes a node with its log, so looking at the end would see nothing. A thread opens each log when it
//! appears and keeps it open: what is written until the end is read even after the file was unlinked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::repeat::Repeat;

/// The name of an agent's log in its node's directory.
const LOG: &str = "agent.log";

/// How often new logs and lines are looked for.
const EVERY: Duration = Duration::from_millis(50);

/// Follows every `agent.log` below a directory.
pub struct LogWatch {
    data: PathBuf,
    logs: Arc<Mutex<Logs>>,
    thread: Repeat,
}

/// What was read so far, by the log's path and inode (a node that is made again has a new log).
#[derive(Default)]
struct Logs {
    open: BTreeMap<(PathBuf, u64), File>,
    texts: BTreeMap<(PathBuf, u64), String>,
}

impl LogWatch {
    /// Starts to follow; `data` need not exist yet.
    pub fn start(data: PathBuf) -> Self {
        let logs = Arc::new(Mutex::new(Logs::default()));
        let (folder, followed) = (data.clone(), logs.clone());
        let thread = Repeat::start(EVERY, move || locked(&followed).look(&folder));
        Self { data, logs, thread }
    }

    /// Reads to the end of all logs and stops; every line of each, in order.
    pub fn finish(&mut self) -> Vec<String> {
        self.thread.finish();
        self.lines()
    }

    /// Every line so far: also of a log that nobody looked at since it was written.
    pub fn lines(&self) -> Vec<String> {
        let mut logs = locked(&self.logs);
        logs.look(&self.data);
        logs.texts.values().flat_map(|text| text.lines().map(str::to_owned)).collect()
    }
}

fn locked(logs: &Mutex<Logs>) -> MutexGuard<'_, Logs> {
    logs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logs {
    fn look(&mut self, data: &Path) {
        for path in logs_below(data, 4) {
            let Ok(file) = File::open(&path) else { continue };
            let Ok(inode) = file.metadata().map(|data| data.ino()) else { continue };
            self.open.entry((path, inode)).or_insert(file);
        }
        for (key, file) in &mut self.open {
            let _ = go_back(file); // a log that cannot be read at all is seen in the next lines
            let mut more = Vec::new();
            if file.read_to_end(&mut more).is_ok() {
                self.texts.entry(key.clone()).or_default().push_str(&String::from_utf8_lossy(&more));
            }
        }
    }
}

/// To the beginning of a log that was put aside: copied and truncated, so that it is shorter than what was read of it.
fn go_back(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() < file.stream_position()? { file.rewind() } else { Ok(()) }
}

/// `<data>/justmanage/<cluster>/<node>/agent.log`: not deeper than `depth` folders.
fn logs_below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == LOG {
            found.push(path);
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(logs_below(&path, depth - 1));
        }
    }
    found
}

/// Does the line say WARN or ERROR? Understands JSON lines (`"level":"WARN"`) and plain ones.
pub fn is_alarm(line: &str) -> bool {
    if let Ok(record) = serde_json::from_str::<serde_json::Value>(line)
        && let Some(level) = ["level", "@level"].iter().find_map(|key| record.get(key)?.as_str())
    {
        return ["WARN", "ERROR"].iter().any(|alarm| level.eq_ignore_ascii_case(alarm));
    }
    line.split_whitespace().take(3).any(|word| ["WARN", "ERROR"].contains(&word.trim_end_matches(':')))
        || line.contains("panicked at")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn alarms_are_told_from_talk() {
        for (line, alarm) in [
            (r#"{"timestamp":"2026","level":"WARN","message":"disk is slow"}"#, true),
            (r#"{"@level":"error","@message":"x"}"#, true),
            (r#"{"level":"INFO","message":"ERROR is only a word here"}"#, false),
            ("2026-11-21T04:00:00Z ERROR agent: broken", true),
            ("2026-11-21T04:00:00Z  WARN agent: odd", true),
            ("2026-11-21T04:00:00Z  INFO agent: no ERROR so far", false),
            ("thread 'main' panicked at src/main.rs:1:1", true),
        ] {
            assert_eq!(is_alarm(line), alarm, "{line}");
        }
    }

    #[test]
    fn a_log_that_is_put_aside_is_read_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = LogWatch::start(folder.path().to_path_buf());
        let mut log = File::options().append(true).create(true).open(folder.path().join(LOG)).unwrap();
        writeln!(log, "a long first line").unwrap();
        assert_eq!(watch.lines(), ["a long first line"]);
        log.set_len(0).unwrap();
        writeln!(log, "short").unwrap();
        assert_eq!(watch.finish(), ["a long first line", "short"]);
    }

    #[test]
    fn a_removed_log_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let node = folder.path().join("justmanage/cache/jmn1");
        fs::create_dir_all(&node).unwrap();
        let mut watch = LogWatch::start(folder.path().to_path_buf());
        let mut log = File::create(node.join(LOG)).unwrap();
        writeln!(log, "first").unwrap();
        assert_eq!(watch.lines(), ["first"], "whoever asks need not wait for the thread");
        fs::remove_dir_all(folder.path().join("justmanage")).unwrap();
        writeln!(log, "last words").unwrap();
        assert_eq!(watch.finish(), ["first", "last words"]);
    }
}
