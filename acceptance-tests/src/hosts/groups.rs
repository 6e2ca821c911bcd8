//! The control groups of hosts: where limits are, and by which a host is stopped and goes on.
//!
//! Every host has a group in the unified hierarchy, which also freezes it: what is frozen there can still be killed. Limits are there as
//! well, or in hierarchies of their own on machines that have those
//! ([cgroups(7)](https://man7.org/linux/man-pages/man7/cgroups.7.html)).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Options;
use crate::wait::holds_within;
use crate::{DEADLINE, wait_until};

/// Where groups are on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hierarchies {
    unified: PathBuf,
    /// Hierarchies of one controller: of `memory`, of `cpu`.
    single: BTreeMap<&'static str, PathBuf>,
}

impl Hierarchies {
    /// Those that are mounted.
    ///
    /// # Panics
    /// When there is no unified one.
    pub(super) fn of_this_machine() -> Self {
        let mounts = fs::read_to_string("/proc/mounts").expect("/proc/mounts");
        Self::among(&mounts).expect("no hierarchy of cgroup2 is mounted: `mount -t cgroup2 cgroup2 DIRECTORY`")
    }

    fn among(mounts: &str) -> Option<Self> {
        let mut unified = None;
        let mut single = BTreeMap::new();
        for line in mounts.lines() {
            let [_, place, kind, options, ..] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            if kind == "cgroup2" {
                unified.get_or_insert_with(|| PathBuf::from(place));
            }
            for controller in ["memory", "cpu"] {
                if kind == "cgroup" && options.split(',').any(|option| option == controller) {
                    single.entry(controller).or_insert_with(|| PathBuf::from(place));
                }
            }
        }
        Some(Self { unified: unified?, single })
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Path> {
        self.single.values().chain([&self.unified]).map(PathBuf::as_path)
    }
}

/// A limit, and how each kind of hierarchy spells it.
struct Limit {
    controller: &'static str,
    single: (&'static str, String),
    unified: (&'static str, String),
}

fn limits(options: &Options) -> impl Iterator<Item = Limit> {
    let memory = options.memory.map(|bytes| Limit {
        controller: "memory",
        single: ("memory.limit_in_bytes", bytes.to_string()),
        unified: ("memory.max", bytes.to_string()),
    });
    // Microseconds of each period of 100,000, which is what both kinds begin with.
    let processors = options.processors.map(|processors| format!("{:.0}", processors * 100_000.0)).map(|quota| Limit {
        controller: "cpu",
        unified: ("cpu.max", format!("{quota} 100000")),
        single: ("cpu.cfs_quota_us", quota),
    });
    memory.into_iter().chain(processors)
}

/// The group of a host: the same in every hierarchy in which something is to be done.
pub(super) struct Group {
    unified: PathBuf,
    limits: Vec<PathBuf>,
}

impl Group {
    /// Makes the group `NAME-OF-HOSTS/NAME` with these limits.
    pub(super) fn make(hierarchies: &Hierarchies, name: &str, options: &Options) -> Self {
        let mut group = Self { unified: hierarchies.unified.join(name), limits: Vec::new() };
        fs::create_dir_all(&group.unified).expect("a control group: this needs root");
        for limit in limits(options) {
            let (place, (file, value)) = match hierarchies.single.get(limit.controller) {
                Some(hierarchy) => (hierarchy.join(name), limit.single),
                None => {
                    hand_down(limit.controller, &group.unified, &hierarchies.unified);
                    (group.unified.clone(), limit.unified)
                }
            };
            fs::create_dir_all(&place).expect("a control group");
            fs::write(place.join(file), &value).unwrap_or_else(|error| panic!("{file} of {value}: {error}"));
            if place != group.unified {
                group.limits.push(place);
            }
        }
        group
    }

    /// The groups that the first process of a host joins.
    pub(super) fn places(&self) -> impl Iterator<Item = &Path> {
        self.limits.iter().chain([&self.unified]).map(PathBuf::as_path)
    }

    /// The groups that another process joins: systemd keeps its own out of the uppermost one.
    pub(super) fn seats(&self) -> Vec<PathBuf> {
        let scope = self.unified.join("init.scope");
        let seat = if scope.exists() { scope } else { self.unified.clone() };
        self.limits.iter().cloned().chain([seat]).collect()
    }

    /// Stops everything in it, or has it go on; it is done when this returns.
    pub(super) fn freeze(&self, frozen: bool) {
        let said = format!("frozen {}", u8::from(frozen));
        fs::write(self.unified.join("cgroup.freeze"), u8::from(frozen).to_string()).expect("a host is stopped");
        wait_until(&said, DEADLINE, || {
            let events = fs::read_to_string(self.unified.join("cgroup.events")).expect("a group");
            events.lines().any(|line| line == said)
        });
    }

    /// Whether it is stopped.
    pub(super) fn is_frozen(&self) -> bool {
        fs::read_to_string(self.unified.join("cgroup.freeze")).is_ok_and(|text| text.trim() == "1")
    }
}

/// Lets the groups below every group from `top` to the parent of `group` have a limit of this kind.
fn hand_down(controller: &str, group: &Path, top: &Path) {
    let mut above: Vec<_> = group.ancestors().skip(1).take_while(|folder| folder.starts_with(top)).collect();
    above.reverse();
    for folder in above {
        let control = folder.join("cgroup.subtree_control");
        fs::write(&control, format!("+{controller}")).unwrap_or_else(|error| panic!("{}: {error}", control.display()));
    }
}

/// Kills what is in the groups of this name, also what is stopped.
pub(super) fn kill(hierarchies: &Hierarchies, name: &str) {
    let _ = fs::write(hierarchies.unified.join(name).join("cgroup.kill"), "1"); // Linux 5.14
}

/// Removes the groups of this name, and those in them, as soon as nothing runs there any more; whether that came to be.
pub(super) fn remove(hierarchies: &Hierarchies, name: &str) -> bool {
    holds_within(DEADLINE, || hierarchies.all().all(|hierarchy| removed(&hierarchy.join(name))))
}

/// One go at it. The files in a group are the kernel's, and go with it.
fn removed(group: &Path) -> bool {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            removed(&entry.path());
        }
    }
    fs::remove_dir(group).is_ok() || !group.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_on_old_and_new_machines() {
        let hybrid = "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
        let found = Hierarchies::among(hybrid).unwrap();
        assert_eq!(found.unified, Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(found.single["cpu"], Path::new("/sys/fs/cgroup/cpu"));
        assert_eq!(found.single["memory"], Path::new("/sys/fs/cgroup/memory"));
        let unified = Hierarchies::among("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\nproc /proc proc rw 0 0\n");
        let expected = Hierarchies { unified: "/sys/fs/cgroup".into(), single: BTreeMap::new() };
        assert_eq!(unified, Some(expected));
        assert_eq!(Hierarchies::among("proc /proc proc rw 0 0\n"), None);
    }

    #[test]
    fn groups_go_with_those_in_them() {
        let (unified, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let single = BTreeMap::from([("memory", memory.path().to_path_buf())]);
        let hierarchies = Hierarchies { unified: unified.path().into(), single };
        fs::create_dir_all(unified.path().join("hosts/host0/system.slice/ssh.service")).unwrap();
        fs::create_dir_all(memory.path().join("hosts/host0")).unwrap();
        fs::create_dir(memory.path().join("other")).unwrap();
        assert!(remove(&hierarchies, "hosts"));
        assert!(!unified.path().join("hosts").exists() && !memory.path().join("hosts").exists());
        assert!(memory.path().join("other").exists());
        assert!(remove(&hierarchies, "hosts"), "none is as good as removed");
    }
}
