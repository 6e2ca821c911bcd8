//! What hosts leave whose test was killed: no process, but control groups and directories.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::groups::{self, Hierarchies};
use crate::processes;

/// How directories and groups begin; the process id of the test follows.
pub(super) const PREFIX: &str = "jm-hosts-";

/// Removes what tests left that were killed.
pub(super) fn sweep(folder: &Path, hierarchies: &Hierarchies) {
    // Groups first: what is still ending in them has its disk in the folder.
    let left = hierarchies.all().chain([folder]).flat_map(fs::read_dir).flatten().flatten();
    let names = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: BTreeSet<String> = names.filter(|name| processes::dead_owner(name, PREFIX).is_some()).collect();
    for name in names {
        eprintln!("removing the hosts {name} of a killed test");
        let home = folder.join(&name);
        for process in processes::inside(&home) {
            processes::signal(process.pid, Signal::KILL);
        }
        groups::kill(hierarchies, &name);
        groups::remove(hierarchies, &name);
        let _ = fs::remove_dir_all(home); // another test may be sweeping the same one
    }
}
