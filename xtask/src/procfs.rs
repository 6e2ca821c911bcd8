//! Reading `/proc`: who lives in a directory, what a process costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Program and arguments.
    pub(crate) command: String,
    /// File name of the program.
    pub(crate) name: String,
}

/// The processes whose program or working directory is in `root`.
pub(crate) fn inside(root: &Path) -> Vec<Process> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| belongs(pid, root)).collect()
}

fn belongs(pid: i32, root: &Path) -> Option<Process> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let exe = fs::read_link(proc.join("exe")).ok()?;
    let cwd = fs::read_link(proc.join("cwd")).unwrap_or_default();
    if !exe.starts_with(root) && !cwd.starts_with(root) {
        return None;
    }
    let command = fs::read(proc.join("cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned();
    Some(Process { pid, command, name: exe.file_name()?.to_string_lossy().into_owned() })
}

/// Kills what is in `root`, agents first: a living agent would start its server again. By pid, and only from there.
pub(crate) fn kill_inside(root: &Path) {
    for round in 0..50 {
        let mut left = inside(root);
        if left.is_empty() {
            return;
        }
        left.sort_by_key(|process| !process.name.starts_with(crate::terraform::AGENT));
        for pid in left.iter().filter_map(|process| Pid::from_raw(process.pid)) {
            let _ = kill_process(pid, Signal::KILL); // it may have ended meanwhile
        }
        std::thread::sleep(Duration::from_millis(10 * (round + 1)));
    }
}

/// What a process keeps in memory, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Everything that is resident, shared pages of its program file included.
    pub(crate) resident: u64,
    /// What it has written itself. (Pages of the program file do not count: how many of them are its alone depends on how many
    /// of its kind run.)
    pub(crate) private: u64,
}

/// From `/proc/<pid>/smaps_rollup`.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let field = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    Ok(Memory { resident: field("Rss:"), private: field("Private_Dirty:") })
}

/// The processor time that the living threads of a process used so far, in the kernel's nanoseconds.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default(); // a thread may end meanwhile
        sum += text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(sum))
}

/// Does somebody listen on this TCP port of this machine?
pub(crate) fn is_listening(port: u16) -> bool {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let wanted = format!(":{port:04X}");
    tables.iter().flat_map(|table| table.lines().skip(1)).any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.len() > 3 && words[1].ends_with(&wanted) && words[3] == "0A"
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_processes_of_the_directory_are_killed() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let start = |folder: &Path| Command::new("sleep").arg("600").current_dir(folder).spawn().unwrap();
        let (mut mine, mut foreign) = (start(own.path()), start(other.path()));
        kill_inside(own.path());
        assert!(!mine.wait().unwrap().success());
        assert_eq!(inside(own.path()).len(), 0);
        assert!(foreign.try_wait().unwrap().is_none());
        foreign.kill().unwrap();
        foreign.wait().unwrap();
    }

    #[test]
    fn costs_of_a_process_are_read() {
        let own = std::process::id();
        let memory = memory(own).unwrap();
        assert!(memory.resident >= memory.private && memory.private > 0, "{memory:?}");
        let before = processor_time(own).unwrap();
        let mut sum = 0_u64;
        while processor_time(own).unwrap() < before + Duration::from_millis(20) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
    }

    #[test]
    fn a_listening_port_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_listening(listener.local_addr().unwrap().port()));
    }
}
