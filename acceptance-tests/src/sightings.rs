//! What processes show of themselves to whoever looks into `/proc`: arguments and environment, watched all the while.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::processes::{self, Process};
use crate::repeat::Repeat;

/// How often is looked. The agent's commands run for some ten milliseconds, and each of them many times in a test.
const EVERY: Duration = Duration::from_millis(8);

/// What a process showed; the same of many processes is one sighting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// The file name of its program.
    pub program: String,
    /// Its command line, words joined by spaces.
    pub command: String,
    /// Its environment, a variable on each line.
    pub environment: String,
}

/// Watches the processes of a directory ([`processes::inside`]) until it goes.
pub struct ProcessWatch {
    seen: Arc<Mutex<BTreeSet<Sighting>>>,
    _thread: Repeat,
}

impl ProcessWatch {
    /// Watches from now on.
    pub fn start(root: PathBuf) -> Self {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let known = seen.clone();
        let thread = Repeat::start(EVERY, move || {
            let now: Vec<_> = processes::inside(&root).into_iter().filter_map(sighting).collect();
            known.lock().unwrap_or_else(PoisonError::into_inner).extend(now);
        });
        Self { seen, _thread: thread }
    }

    /// What was seen so far.
    pub fn seen(&self) -> BTreeSet<Sighting> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a process shows; `None` when it has ended or become another program meanwhile: its environment is then another's.
fn sighting(process: Process) -> Option<Sighting> {
    let proc = Path::new("/proc").join(process.pid.to_string());
    let environment = fs::read(proc.join("environ")).ok()?;
    if fs::read_link(proc.join("exe")).ok()? != process.exe {
        return None;
    }
    let program = process.exe.file_name()?.to_string_lossy().trim_end_matches(" (deleted)").to_owned();
    let environment = String::from_utf8_lossy(&environment).replace('\0', "\n");
    Some(Sighting { program, command: process.command, environment })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{DEADLINE, wait_until};

    #[test]
    fn arguments_and_environment_of_whoever_was_there_are_known_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let watch = ProcessWatch::start(folder.path().to_path_buf());
        let mut command = Command::new("sleep");
        let mut child = command.arg("601").current_dir(folder.path()).env_clear().env("SHOWN", "a b").spawn().unwrap();
        let expected =
            Sighting { program: "sleep".into(), command: "sleep 601".into(), environment: "SHOWN=a b\n".into() };
        // Where `sleep` is one of many names of a program, the program has another.
        let same = |seen: &Sighting| Sighting { program: expected.program.clone(), ..seen.clone() } == expected;
        wait_until("it is seen", DEADLINE, || watch.seen().iter().any(same));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(watch.seen().iter().any(same));
    }
}
