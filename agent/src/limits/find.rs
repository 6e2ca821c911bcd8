//! Where control groups are on this machine, and in which of them a process is
//! ([cgroups(7)](https://man7.org/linux/man-pages/man7/cgroups.7.html)).

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What a control group limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Controller {
    /// Memory.
    Memory,
    /// Processor time.
    Cpu,
    /// Disks.
    Io,
}

impl Controller {
    /// Its name in the kernel's files.
    pub(super) const fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Memory, _) => "memory",
            (Self::Cpu, _) => "cpu",
            (Self::Io, Version::One) => "blkio",
            (Self::Io, Version::Two) => "io",
        }
    }
}

/// How the kernel lets groups be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// A tree for each controller.
    One,
    /// One tree for all.
    Two,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "1",
            Self::Two => "2",
        })
    }
}

/// The group of a process in the tree of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How to speak to it.
    pub(super) version: Version,
    /// Where the tree is mounted.
    pub(super) mount: PathBuf,
    /// The group's directory.
    pub(super) group: PathBuf,
}

/// The group of a process (its number, or `self`); an error says in one sentence why there is none.
pub(super) fn place(proc: &Path, process: &str, controller: Controller) -> Result<Place, String> {
    let read = |path: PathBuf| fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()));
    let mounts = read(proc.join("self/mountinfo"))?;
    let groups = read(proc.join(process).join("cgroup"))?;
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::read).collect();
    let mut seen_elsewhere = false;
    for mount in &mounts {
        let version = match mount.of(controller) {
            Some(version) => version,
            None => continue,
        };
        let Some(path) = path_in(&groups, version, controller) else { continue };
        match mount.group(path) {
            Some(group) => return Ok(Place { version, mount: PathBuf::from(&mount.point), group }),
            None => seen_elsewhere = true,
        }
    }
    let name = controller.name(Version::Two);
    Err(match seen_elsewhere {
        true => format!("the control group of process {process} is not in what is mounted here"),
        false => format!("no control groups for {name} are mounted on this machine"),
    })
}

/// One line of `mountinfo` that mounts control groups.
struct Mount<'a> {
    /// Which part of the tree is mounted.
    root: &'a str,
    point: String,
    kind: &'a str,
    /// Of version 1: its controllers.
    options: &'a str,
}

impl<'a> Mount<'a> {
    /// `31 23 0:28 /root /point rw shared:1 - cgroup cgroup rw,memory`, with any number of fields before the hyphen.
    fn read(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, unescape(before.next()?));
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.nth(1).unwrap_or_default());
        kind.starts_with("cgroup").then_some(Self { root, point, kind, options })
    }

    /// Whether this tree has a controller, and how it is spoken to.
    fn of(&self, controller: Controller) -> Option<Version> {
        if self.kind == "cgroup" {
            return self
                .options
                .split(',')
                .any(|option| option == controller.name(Version::One))
                .then_some(Version::One);
        }
        // What version 1 has taken is not here.
        let here = fs::read_to_string(Path::new(&self.point).join("cgroup.controllers")).ok()?;
        here.split_whitespace().any(|name| name == controller.name(Version::Two)).then_some(Version::Two)
    }

    /// The directory of a group, if this mount shows it.
    fn group(&self, path: &str) -> Option<PathBuf> {
        let below = Path::new(path).strip_prefix(self.root).ok()?;
        // Seen from another namespace, a path may lead out of what is mounted.
        let inside = below.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| Path::new(&self.point).components().chain(below.components()).collect())
    }
}

/// The path of a process's group: `4:memory:/path`, of version 2 `0::/path`.
fn path_in(groups: &str, version: Version, controller: Controller) -> Option<&str> {
    groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let fits = match version {
            Version::One => controllers.split(',').any(|name| name == controller.name(version)),
            Version::Two => controllers.is_empty() && line.starts_with("0:"),
        };
        fits.then_some(path)
    })
}

/// Blanks in paths are written in octal: `\040`.
fn unescape(text: &str) -> String {
    ["040", "011", "012", "134"].iter().zip([" ", "\t", "\n", "\\"]).fold(text.to_owned(), |text, (octal, plain)| {
        if text.contains('\\') { text.replace(&format!("\\{octal}"), plain) } else { text }
    })
}

#[cfg(test)]
mod tests {
    use super::Controller::{Cpu, Io, Memory};
    use super::*;

    /// A machine whose `/proc` says so.
    fn machine(mounts: &str, groups: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(home.path().join("proc/self")).expect("a directory");
        let mounts = mounts.replace("HOME", home.path().to_str().expect("a path"));
        fs::write(home.path().join("proc/self/mountinfo"), mounts).expect("a file");
        fs::write(home.path().join("proc/self/cgroup"), groups).expect("a file");
        home
    }

    fn find(home: &tempfile::TempDir, controller: Controller) -> Result<(Version, String), String> {
        let place = place(&home.path().join("proc"), "self", controller)?;
        let group = place.group.to_string_lossy().replace(home.path().to_str().expect("a path"), "HOME");
        Ok((place.version, group))
    }

    /// Both versions side by side, as systemd's hybrid mode mounts them.
    const HYBRID: &str = "23 1 8:1 / / rw - ext4 /dev/vda rw\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        38 31 0:35 / /sys/fs/cgroup/blkio rw shared:11 - cgroup cgroup rw,blkio\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:10 master:1 - cgroup cgroup rw,memory\n\
        41 31 0:38 / HOME/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        let home = machine(HYBRID, "7:blkio:/disks\n4:memory:/user/a:b\n1:cpuacct,cpu:/\n0::/user\n");
        assert_eq!(find(&home, Memory), Ok((Version::One, "/sys/fs/cgroup/memory/user/a:b".to_owned())));
        assert_eq!(find(&home, Cpu), Ok((Version::One, "/sys/fs/cgroup/cpu,cpuacct".to_owned())));
        assert_eq!(find(&home, Io), Ok((Version::One, "/sys/fs/cgroup/blkio/disks".to_owned())));
    }

    #[test]
    fn version_2_counts_where_it_has_the_controller() {
        let mounts = "41 31 0:38 / HOME/a\\040tree rw - cgroup2 cgroup2 rw\n";
        let home = machine(mounts, "0::/system.slice/agent.service\n");
        let tree = home.path().join("a tree");
        fs::create_dir(&tree).expect("a directory");
        let nothing = "no control groups for memory are mounted on this machine".to_owned();
        assert_eq!(find(&home, Memory), Err(nothing.clone()), "not even a list of controllers");
        fs::write(tree.join("cgroup.controllers"), "cpuset io pids\n").expect("a file");
        assert_eq!(find(&home, Memory), Err(nothing), "taken by version 1, or switched off at boot");
        fs::write(tree.join("cgroup.controllers"), "cpuset cpu io memory pids\n").expect("a file");
        let group = "HOME/a tree/system.slice/agent.service".to_owned();
        assert_eq!(find(&home, Memory), Ok((Version::Two, group.clone())));
        assert_eq!(find(&home, Cpu), Ok((Version::Two, group.clone())));
        assert_eq!(find(&home, Io), Ok((Version::Two, group)));
    }

    #[test]
    fn a_container_sees_its_part_of_the_tree() {
        let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let home = machine(mounts, "4:memory:/docker/abc/inner\n");
        assert_eq!(find(&home, Memory), Ok((Version::One, "/sys/fs/cgroup/memory/inner".to_owned())));
        for elsewhere in ["/docker/abcd", "/", "/../x"] {
            let home = machine(mounts, &format!("4:memory:{elsewhere}\n"));
            assert!(find(&home, Memory).is_err_and(|why| why.contains("not in what is mounted")), "{elsewhere}");
        }
        let outside =
            machine("41 31 0:38 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "4:memory:/../../x\n");
        assert!(find(&outside, Memory).is_err(), "the root of a namespace that the process is not in");
    }

    #[test]
    fn a_machine_without_control_groups_says_so() {
        let home = machine("23 1 8:1 / / rw - ext4 /dev/vda rw\n", "");
        assert!(find(&home, Memory).is_err_and(|why| why.contains("no control groups for memory")));
        let nowhere = place(Path::new("/nowhere"), "self", Cpu);
        assert!(nowhere.is_err_and(|why| why.contains("mountinfo")));
    }

    /// This machine, whatever it has: what is found is a directory with the files of a group.
    #[test]
    fn the_real_machine_is_understood() {
        for controller in [Memory, Cpu, Io] {
            match place(Path::new("/proc"), "self", controller) {
                Ok(place) => assert!(place.group.join("cgroup.procs").exists(), "{place:?}"),
                Err(why) => assert!(why.contains("control group"), "{why}"),
            }
        }
    }
}
