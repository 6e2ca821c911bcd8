//! One server's control group: made, told its limits, read, removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use justmanage_model::spec::{WEIGHT_MAX, WEIGHT_USUAL};
use justmanage_model::{Bytes, MilliCpus, NodeId};

use super::find::{Controller, Place, Version};

/// The group above all servers' groups, in version 2.
const ABOVE: &str = "justmanage";
/// In which time a server's share of processor time is used up and begins anew, in microseconds: the kernel's default. A
/// shorter one costs more switches; with a longer one a server that has used up its share stands still for longer.
const PERIOD_US: u64 = 100_000;
/// From here on version 1 means that there is no limit: it says the largest number of whole pages.
const UNLIMITED: u64 = 1 << 60;

/// A group of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    pub(super) directory: PathBuf,
}

/// What a node's group is called.
pub(super) fn name(node: NodeId) -> String {
    format!("justmanage-{node}")
}

/// Where the group of a node belongs, for an agent in this place.
///
/// Version 1: below the agent's own group, whose limits hold for both. Version 2 lets no group have both processes and groups
/// below it that are limited, so there it is beside the agent's, at the top; unless the agent is limited itself: whoever
/// limited it did not mean its server to get away.
///
/// # Errors
/// One sentence.
pub(super) fn belongs(own: &Place, node: NodeId) -> Result<Group, String> {
    let above = match own.version {
        Version::One => own.group.clone(),
        Version::Two => match limited(own) {
            Some(group) => return Err(format!("the agent's own control group is limited ({})", group.display())),
            None => own.mount.join(ABOVE),
        },
    };
    Ok(Group { version: own.version, directory: above.join(name(node)) })
}

/// The group that limits whoever is in this place, if one does.
fn limited(place: &Place) -> Option<PathBuf> {
    let has_limit = |group: &Path| {
        let limit = |file: &str| fs::read_to_string(group.join(file)).is_ok_and(|text| !text.starts_with("max"));
        // A line for each disk that is limited.
        let disks = fs::read_to_string(group.join("io.max")).is_ok_and(|text| !text.trim().is_empty());
        limit("memory.max") || limit("cpu.max") || disks
    };
    let groups = place.group.ancestors().take_while(|group| *group != place.mount);
    groups.map(Path::to_owned).find(|group| has_limit(group))
}

impl Group {
    /// Makes it, ready to be told about these.
    pub(super) fn make(&self, mount: &Path, controllers: &[Controller]) -> io::Result<()> {
        if self.version == Version::Two {
            let above = mount.join(ABOVE);
            // From above downwards: a group has the controllers that the one above it passes on.
            pass_on(mount, controllers)?;
            make_directory(&above)?;
            pass_on(&above, controllers)?;
        }
        make_directory(&self.directory)
    }

    /// The file to write a process into, which is then in the group; `0` is whoever writes.
    pub(super) fn members(&self) -> PathBuf {
        self.directory.join("cgroup.procs")
    }

    /// Limits memory: beyond it the kernel ends the process, and in version 2 slows it down shortly before. No swap: a server
    /// that swaps answers in milliseconds instead of microseconds, and looks healthy.
    pub(super) fn limit_memory(&self, limit: Bytes) -> io::Result<()> {
        match self.version {
            Version::Two => {
                self.write("memory.high", &(limit.get() / 100 * 95).to_string())?;
                self.write_if_there("memory.swap.max", "0")?;
                self.write("memory.max", &limit.get().to_string())
            }
            Version::One => {
                let (memory, both) = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes");
                let text = limit.get().to_string();
                // Memory and swap together are never less than memory, at any moment.
                let rises = self.memory()?.is_some_and(|now| now < limit);
                let order = if rises { [both, memory] } else { [memory, both] };
                for file in order {
                    if file == memory { self.write(file, &text)? } else { self.write_if_there(file, &text)? }
                }
                // Where swap is not accounted for, this is as near as it gets.
                self.write_if_there("memory.swappiness", "0")
            }
        }
    }

    /// Keeps others from taking memory from it: never so much as its data are, and up to its limit only when nobody else has any to
    /// give. Whether that is possible here: version 1 knows nothing of the kind.
    pub(super) fn protect_memory(&self, data: Bytes, limit: Bytes) -> io::Result<bool> {
        if self.version == Version::One || !self.directory.join("memory.min").exists() {
            return Ok(false);
        }
        self.write("memory.min", &data.min(limit).get().to_string())?;
        self.write_if_there("memory.low", &limit.get().to_string())?;
        self.back()
    }

    /// Gives the group above all servers' as much as they have together, for weight and protection count only where everything
    /// above has them too. Whether it has. (Agents that do this at the same time may miss each other; they look again in a minute.)
    pub(super) fn back(&self) -> io::Result<bool> {
        let Some(above) = self.directory.parent().filter(|above| above.ends_with(ABOVE)) else { return Ok(false) };
        let servers: Vec<PathBuf> =
            fs::read_dir(above)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        let read = |server: &Path, file: &str| fs::read_to_string(server.join(file)).unwrap_or_default();
        let sum = |file: &str| {
            let each = servers.iter().map(|server| read(server, file).trim().parse::<u64>().unwrap_or_default());
            each.fold(0_u64, u64::saturating_add)
        };
        let is_limited = |server: &PathBuf| read(server, "cpu.max").starts_with(|first: char| first.is_ascii_digit());
        // What each server asks for of processor time is bounded by its quota: up to there all of it is to have precedence.
        let processors = if servers.iter().any(is_limited) { WEIGHT_MAX } else { WEIGHT_USUAL };
        let weight = |server: &PathBuf| {
            ["io.weight", "io.bfq.weight"]
                .iter()
                .find_map(|file| read(server, file).trim().strip_prefix("default ")?.parse().ok())
        };
        let disks: u64 = servers.iter().filter_map(weight).max().unwrap_or(WEIGHT_USUAL);
        let group = Self { version: self.version, directory: above.to_owned() };
        group.write_if_there("memory.min", &sum("memory.min").to_string())?;
        group.write_if_there("memory.low", &sum("memory.low").to_string())?;
        group.write_if_there("cpu.weight", &processors.to_string())?;
        group.write_if_there("io.weight", &format!("default {disks}"))?;
        group.write_if_there("io.bfq.weight", &format!("default {}", disks.min(super::disk::BFQ_MAX)))?;
        Ok(true)
    }

    /// Limits processor time, or no longer.
    pub(super) fn limit_cpus(&self, cpus: Option<MilliCpus>) -> io::Result<()> {
        let quota = cpus.map(|cpus| u64::from(cpus.get()) * PERIOD_US / 1000);
        // Whoever may use twice as much gets twice as much when there is not enough for all; the scales are the kernel's.
        match self.version {
            Version::Two => {
                let quota = quota.map_or_else(|| "max".to_owned(), |quota| quota.to_string());
                let weight = cpus.map_or(100, |cpus| (cpus.get() / 10).clamp(1, 10_000));
                self.write("cpu.max", &format!("{quota} {PERIOD_US}"))?;
                self.write_if_there("cpu.weight", &weight.to_string())
            }
            Version::One => {
                let quota = quota.map_or_else(|| "-1".to_owned(), |quota| quota.to_string());
                let shares = cpus.map_or(1024, |cpus| (u64::from(cpus.get()) * 1024 / 1000).clamp(2, 262_144));
                self.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                self.write("cpu.cfs_quota_us", &quota)?;
                self.write_if_there("cpu.shares", &shares.to_string())
            }
        }
    }

    /// The limit of memory in force.
    pub(super) fn memory(&self) -> io::Result<Option<Bytes>> {
        let file = match self.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        let text = fs::read_to_string(self.directory.join(file))?;
        Ok(text.trim().parse().ok().filter(|bytes| *bytes < UNLIMITED).map(Bytes::new))
    }

    /// The limit of processor time in force, in thousandths of a processor.
    pub(super) fn cpus(&self) -> io::Result<Option<u64>> {
        let read = |file: &str| fs::read_to_string(self.directory.join(file));
        let text = match self.version {
            Version::One => format!("{} {}", read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?.trim()),
            Version::Two => read("cpu.max")?,
        };
        // Without a limit the first is -1, or `max`.
        let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().ok());
        let (quota, period) = (numbers.next().flatten(), numbers.next().flatten());
        Ok(quota.zip(period.filter(|period| *period > 0)).map(|(quota, period)| quota.saturating_mul(1000) / period))
    }

    /// How much of it is never taken by others. Version 1 knows nothing of the kind.
    pub(super) fn protected(&self) -> io::Result<Option<Bytes>> {
        if self.version == Version::One {
            return Ok(None);
        }
        let text = fs::read_to_string(self.directory.join("memory.min"))?;
        Ok(Some(Bytes::new(text.trim().parse().unwrap_or(u64::MAX))))
    }

    /// Its weight where processor time is short, as version 2 counts it.
    pub(super) fn weight(&self) -> io::Result<u64> {
        let file = match self.version {
            Version::One => "cpu.shares",
            Version::Two => "cpu.weight",
        };
        let number: u64 = fs::read_to_string(self.directory.join(file))?.trim().parse().unwrap_or_default();
        Ok(match self.version {
            Version::One => number.saturating_mul(WEIGHT_USUAL) / 1024,
            Version::Two => number,
        })
    }

    /// The limit of swap in force. Version 1 has none of swap alone.
    pub(super) fn swap(&self) -> io::Result<Option<Bytes>> {
        match self.version {
            Version::One => Ok(None),
            Version::Two => {
                let text = fs::read_to_string(self.directory.join("memory.swap.max"))?;
                Ok(text.trim().parse().ok().map(Bytes::new))
            }
        }
    }

    /// Whether swap is kept from it.
    pub(super) fn without_swap(&self) -> bool {
        let file = match self.version {
            Version::One => "memory.memsw.limit_in_bytes",
            Version::Two => "memory.swap.max",
        };
        self.directory.join(file).exists()
    }

    /// Removes it. One that is gone already is a success; one that still has a process is not.
    pub(super) fn remove(directory: &Path) -> io::Result<()> {
        match fs::remove_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(above) = directory.parent().filter(|above| above.ends_with(ABOVE)) {
            // Only the last node's; whoever else is in there keeps it.
            let _ = fs::remove_dir(above);
        }
        Ok(())
    }

    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.directory.join(file);
        let as_it_is = fs::read_to_string(&path).is_ok_and(|now| now.trim() == text);
        if as_it_is { Ok(()) } else { fs::write(path, text) }
    }

    pub(super) fn write_if_there(&self, file: &str, text: &str) -> io::Result<()> {
        if self.directory.join(file).exists() { self.write(file, text) } else { Ok(()) }
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Lets the groups below have these controllers.
fn pass_on(group: &Path, controllers: &[Controller]) -> io::Result<()> {
    let file = group.join("cgroup.subtree_control");
    let now = fs::read_to_string(&file).unwrap_or_default();
    for controller in controllers {
        let name = controller.name(Version::Two);
        if !now.split_whitespace().any(|now| now == name) {
            fs::write(&file, format!("+{name}"))?;
        }
    }
    Ok(())
}
