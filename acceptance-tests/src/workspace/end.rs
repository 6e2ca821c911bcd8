//! The end of a workspace: what is left behind, and what the agents complained about.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{PREFIX, Workspace};
use crate::logs::is_alarm;
use crate::processes::Process;
use crate::{DEADLINE, binaries, processes, wait_until};

impl Workspace {
    /// WARN and ERROR lines that contain `text` do not fail this test.
    pub fn allow_alarm(&mut self, text: &str) {
        self.allowed.push(text.into());
    }

    /// This test ends with something still there, on purpose: it is cleaned away without a complaint.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// What a destroy should have removed and did not: processes, and files below the data directory or
    /// the temporary one (a provider's socket), and half a private key.
    pub fn leftovers(&self) -> Vec<String> {
        let processes =
            self.processes().into_iter().map(|process| format!("process {}: {}", process.pid, process.command));
        let mut files = ["data", "tmp"].map(|folder| files_below(&self.root.path().join(folder))).concat();
        // Settings stay (the operator key is among them), but nothing half made.
        let settings = files_below(&self.root.path().join("settings"));
        files.extend(settings.into_iter().filter(|path| path.extension().is_some_and(|end| end == "new")));
        processes.chain(files.iter().map(|path| format!("file {}", path.display()))).collect()
    }

    /// Makes sure that nothing is left: what is on its way out (a provider that was just told to end) gets time to go.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        wait_until(&format!("nothing is left: {:?}", self.leftovers()), DEADLINE, || self.leftovers().is_empty());
    }

    fn kill_all(&self) {
        // Agents first: one that lives would start its server again.
        let of_agent = |process: &Process| process.exe.to_string_lossy().contains(binaries::AGENT);
        wait_until("no process is left in the workspace", DEADLINE, || {
            let mut left = self.processes();
            left.sort_by_key(|process| !of_agent(process));
            for process in &left {
                processes::signal(process.pid, Signal::KILL);
            }
            left.is_empty()
        });
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let failing = thread::panicking();
        if !failing && !self.abandoned {
            // A provider ends within milliseconds of Terraform; whatever is still there after that was forgotten.
            let deadline = Instant::now() + Duration::from_secs(3);
            while !self.leftovers().is_empty() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        let left = self.leftovers();
        self.kill_all();
        let lines = self.logs.finish();
        if failing {
            let tail = lines.iter().rev().take(60).rev().cloned().collect::<Vec<_>>().join("\n");
            eprintln!("--- end of the agents' logs\n{tail}\n--- left behind: {left:#?}");
            if env::var_os("JUSTMANAGE_KEEP").is_some() {
                self.root.disable_cleanup(true);
                eprintln!("kept: {}", self.root.path().display());
            }
            return;
        }
        assert!(left.is_empty() || self.abandoned, "left behind: {left:#?}");
        let expected = |line: &String| self.allowed.iter().any(|text| line.contains(text));
        let alarms: Vec<_> = lines.iter().filter(|line| is_alarm(line) && !expected(line)).collect();
        assert!(alarms.is_empty(), "unexpected in the agents' logs: {alarms:#?}");
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let below = if path.is_dir() { files_below(&path) } else { Vec::new() };
        // An empty directory is a leftover, too.
        if below.is_empty() { found.push(path) } else { found.extend(below) }
    }
    found
}

/// Removes what tests left that were killed (SIGKILL runs no destructor): their processes, and their directories.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(owner) = processes::dead_owner(&name, PREFIX) else { continue };
        eprintln!("removing what the killed test process {owner} left");
        for process in processes::inside(&entry.path()) {
            processes::signal(process.pid, Signal::KILL);
        }
        let _ = fs::remove_dir_all(entry.path()); // another test may be sweeping the same one
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn files_and_empty_directories_are_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        assert_eq!(files_below(folder.path()), [folder.path().join("a/b")]);
        fs::write(folder.path().join("a/b/c"), "").unwrap();
        assert_eq!(files_below(folder.path()), [folder.path().join("a/b/c")]);
    }

    #[test]
    fn only_what_dead_tests_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let dead = {
            let mut child = Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        let (gone, alive) = (format!("{PREFIX}{dead}-x"), format!("{PREFIX}{}-x", std::process::id()));
        for name in [&gone, &alive, &"other".to_owned()] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        sweep(folder.path());
        assert!(!folder.path().join(&gone).exists());
        assert!(folder.path().join(&alive).exists() && folder.path().join("other").exists());
    }
}
