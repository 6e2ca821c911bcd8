//! What guests leave whose test was killed: no process, but a directory.

use std::env;
use std::fs;

use rustix::process::Signal;

use crate::processes;

/// How directories begin; the process id of the test follows.
pub(super) const PREFIX: &str = "jm-guests-";

/// Removes what tests left that were killed. [`Guests::up`](super::Guests::up) does it first.
pub fn sweep() {
    for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(owner) = processes::dead_owner(&name, PREFIX) else { continue };
        eprintln!("removing the guests of the killed test process {owner}");
        // The kernel is at it already; their disks go after them.
        for process in processes::inside(&entry.path()) {
            processes::signal(process.pid, Signal::KILL);
        }
        let _ = fs::remove_dir_all(entry.path()); // another test may be sweeping the same one
    }
}
