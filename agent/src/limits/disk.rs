//! What a group may read and write of one disk.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use justmanage_model::{Bytes, Io};

use super::find::Version;
use super::group::Group;

/// The greatest weight that the scheduler BFQ knows
/// ([its document](https://docs.kernel.org/block/bfq-iosched.html)); it shares `usual` with everybody else.
pub(super) const BFQ_MAX: u64 = 1000;

/// A disk, as the kernel counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl Disk {
    /// The one that a directory is on, whole: partitions cannot be limited. An error says in one sentence why there is none.
    pub(super) fn of(directory: &Path, sys: &Path) -> Result<Self, String> {
        let metadata = fs::metadata(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
        if major == 0 {
            return Err(format!("the file system of {} does not say on which disk it is", directory.display()));
        }
        Ok(Self { major, minor }.whole(sys))
    }

    /// The disk that a partition is on.
    fn whole(self, sys: &Path) -> Self {
        let place = sys.join(format!("dev/block/{self}"));
        let above = || {
            fs::metadata(place.join("partition")).ok()?;
            let text = fs::read_to_string(place.canonicalize().ok()?.parent()?.join("dev")).ok()?;
            let (major, minor) = text.trim().split_once(':')?;
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        above().unwrap_or(self)
    }
}

/// The bounds in the order of [`bounds`], with the words of version 2 and the files of version 1.
const NAMES: [(&str, &str); 4] = [
    ("rbps", "blkio.throttle.read_bps_device"),
    ("wbps", "blkio.throttle.write_bps_device"),
    ("riops", "blkio.throttle.read_iops_device"),
    ("wiops", "blkio.throttle.write_iops_device"),
];

fn bounds(io: &Io) -> [Option<u64>; 4] {
    [io.read_bandwidth.map(Bytes::get), io.write_bandwidth.map(Bytes::get), io.read_iops, io.write_iops]
}

impl Group {
    /// Limits what is read and written, or no longer. Weights are the scheduler's of the disk: many have none, so what is in force
    /// has to be read ([`Group::io`]).
    pub(super) fn limit_io(&self, disk: Disk, wanted: &Io) -> io::Result<()> {
        let now = self.io(disk).unwrap_or_default();
        let (bounds_now, bounds) = (bounds(&now), bounds(wanted));
        match self.version {
            Version::Two if bounds_now != bounds => {
                let each = NAMES.iter().zip(bounds).map(|((word, _), bound)| match bound {
                    Some(bound) => format!("{word}={bound}"),
                    None => format!("{word}=max"),
                });
                self.write("io.max", &format!("{disk} {}", each.collect::<Vec<_>>().join(" ")))?;
            }
            Version::One => {
                for (((_, file), bound), _) in
                    NAMES.iter().zip(bounds).zip(bounds_now).filter(|((_, bound), now)| bound != now)
                {
                    // Nothing is no limit.
                    self.write(file, &format!("{disk} {}", bound.unwrap_or_default()))?;
                }
            }
            Version::Two => {}
        }
        if wanted.weight == now.weight {
            return Ok(());
        }
        let weight = wanted.weight.unwrap_or(justmanage_model::spec::WEIGHT_USUAL);
        match self.version {
            Version::Two => {
                self.write_if_there("io.weight", &format!("default {weight}"))?;
                self.write_if_there("io.bfq.weight", &format!("default {}", weight.min(BFQ_MAX)))
            }
            Version::One => self.write_if_there("blkio.bfq.weight", &weight.min(BFQ_MAX).to_string()),
        }
    }

    /// What is in force of a disk. No weight is one like everybody's.
    pub(super) fn io(&self, disk: Disk) -> io::Result<Io> {
        let read = |file: &str| fs::read_to_string(self.directory.join(file));
        let bounds: [Option<u64>; 4] = match self.version {
            Version::Two => {
                let text = read("io.max")?;
                let line = of_disk(&text, disk).unwrap_or_default();
                NAMES.map(|(word, _)| {
                    let words = line.split_whitespace();
                    words.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == word)?.1.parse().ok()
                })
            }
            Version::One => {
                let mut bounds = [None; 4];
                for (bound, (_, file)) in bounds.iter_mut().zip(NAMES) {
                    *bound = of_disk(&read(file)?, disk).and_then(|text| text.parse().ok()).filter(|bound| *bound > 0);
                }
                bounds
            }
        };
        let weight = ["io.weight", "io.bfq.weight", "blkio.bfq.weight"].into_iter().find_map(|file| {
            let text = read(file).ok()?;
            let number = text.lines().next()?.trim();
            number.strip_prefix("default ").unwrap_or(number).parse::<u64>().ok()
        });
        let [read_bandwidth, write_bandwidth, read_iops, write_iops] = bounds;
        Ok(Io {
            read_bandwidth: read_bandwidth.map(Bytes::new),
            write_bandwidth: write_bandwidth.map(Bytes::new),
            read_iops,
            write_iops,
            weight: weight.filter(|weight| *weight != justmanage_model::spec::WEIGHT_USUAL),
        })
    }
}

/// What the line of a disk says: `254:0 ...`.
fn of_disk(text: &str, disk: Disk) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(&format!("{disk} ")).map(str::trim))
}

/// The bounds in words; nothing if there are none.
pub(super) fn told(io: &Io) -> Option<String> {
    let rate = |rate: Option<Bytes>, what: &str| rate.map(|rate| format!("{rate}/s {what}"));
    let count = |count: Option<u64>, what: &str| count.map(|count| format!("{count} {what}/s"));
    let said = [
        rate(io.read_bandwidth, "read"),
        rate(io.write_bandwidth, "written"),
        count(io.read_iops, "reads"),
        count(io.write_iops, "writes"),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_limited_as_its_disk() {
        let home = tempfile::tempdir().expect("a directory");
        let disk = home.path().join("devices/vda");
        fs::create_dir_all(disk.join("vda1")).expect("a directory");
        fs::write(disk.join("dev"), "254:0\n").expect("a file");
        fs::write(disk.join("vda1/partition"), "1\n").expect("a file");
        fs::create_dir_all(home.path().join("dev/block")).expect("a directory");
        let link = |name: &str, to: &Path| {
            std::os::unix::fs::symlink(to, home.path().join("dev/block").join(name)).expect("a link");
        };
        link("254:0", &disk);
        link("254:1", &disk.join("vda1"));
        for minor in [0, 1] {
            assert_eq!(Disk { major: 254, minor }.whole(home.path()), Disk { major: 254, minor: 0 });
        }
        let unknown = Disk { major: 8, minor: 16 };
        assert_eq!(unknown.whole(home.path()), unknown);
    }

    #[test]
    fn a_directory_without_a_disk_says_so() {
        let why = Disk::of(Path::new("/proc"), Path::new("/sys")).expect_err("no disk");
        assert_eq!(why, "the file system of /proc does not say on which disk it is");
        assert!(Disk::of(Path::new("/nowhere"), Path::new("/sys")).is_err());
    }
}
