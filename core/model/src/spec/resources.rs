//! What each server may use of its machine, and has for itself there.

use serde::{Deserialize, Serialize};

use super::{MilliCpus, PROCESS_FIXED, process_limit, process_limit::replicas};
use crate::{Bytes, Failure, FieldPath};

/// Resources of each server. What is not said is not limited, but for memory, whose limit follows from the data
/// ([`process_limit`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Most processor time, of which nothing else on the machine may take any while the server asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<MilliCpus>,
    /// Most memory of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// The disk that its data are on.
    #[serde(default, skip_serializing_if = "Io::is_nothing")]
    pub io: Io,
}

/// What a server may read and write of the disk that its data are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Io {
    /// Most bytes that are read in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bandwidth: Option<Bytes>,
    /// Most bytes that are written in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bandwidth: Option<Bytes>,
    /// Most reads in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_iops: Option<u64>,
    /// Most writes in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_iops: Option<u64>,
    /// Its part of the disk where others want it too, [`WEIGHT_USUAL`] being everybody's: 1 to [`WEIGHT_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u64>,
}

/// Least bandwidth that can be given: at less, a full copy of even a small shard takes minutes, and every fsync of an append-only
/// file holds up all writers.
pub const BANDWIDTH_MIN: Bytes = Bytes::mib(1);
/// Least operations in a second that can be given: an append-only file is synced once a second, and that alone are a few.
pub const IOPS_MIN: u64 = 10;
/// The weight of whoever is given none
/// ([cgroup v2](https://docs.kernel.org/admin-guide/cgroup-v2.html#weights)).
pub const WEIGHT_USUAL: u64 = 100;
/// The greatest weight that there is.
pub const WEIGHT_MAX: u64 = 10_000;

impl Io {
    /// No limits.
    pub const NOTHING: Self =
        Self { read_bandwidth: None, write_bandwidth: None, read_iops: None, write_iops: None, weight: None };

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// What is within both; the weight is the other's.
    #[must_use]
    pub fn wider(self, other: Self) -> Self {
        Self {
            read_bandwidth: self.read_bandwidth.zip(other.read_bandwidth).map(|(one, other)| one.max(other)),
            write_bandwidth: self.write_bandwidth.zip(other.write_bandwidth).map(|(one, other)| one.max(other)),
            read_iops: self.read_iops.zip(other.read_iops).map(|(one, other)| one.max(other)),
            write_iops: self.write_iops.zip(other.write_iops).map(|(one, other)| one.max(other)),
            weight: other.weight,
        }
    }

    fn faults(&self) -> impl Iterator<Item = Failure> {
        let about = |name: &str| FieldPath::of("resources").attribute("io").attribute(name);
        let bandwidth = [("read_bandwidth", self.read_bandwidth), ("write_bandwidth", self.write_bandwidth)];
        let narrow = bandwidth.into_iter().filter_map(move |(name, rate)| {
            let rate = rate.filter(|rate| *rate < BANDWIDTH_MIN)?;
            let detail = format!("{rate} in a second are less than a server can do with.");
            let hint = format!("Write {BANDWIDTH_MIN} or more, or leave it out: then there is no limit.");
            Some(Failure::at(about(name), "Bandwidth out of range", detail).hint(hint))
        });
        let rates = [("read_iops", self.read_iops), ("write_iops", self.write_iops)];
        let few = rates.into_iter().filter_map(move |(name, rate)| {
            let rate = rate.filter(|rate| *rate < IOPS_MIN)?;
            let detail = format!("{rate} operations in a second are less than a server can do with.");
            let hint = format!("Write {IOPS_MIN} or more, or leave it out: then there is no limit.");
            Some(Failure::at(about(name), "Number out of range", detail).hint(hint))
        });
        let odd = self.weight.filter(|weight| *weight == 0 || *weight > WEIGHT_MAX).map(|weight| {
            let hint = format!("Write 1 to {WEIGHT_MAX}; {WEIGHT_USUAL} is what everybody else has.");
            Failure::at(about("weight"), "Number out of range", format!("{weight} is no weight.")).hint(hint)
        });
        narrow.chain(few).chain(odd)
    }
}

impl Resources {
    /// Nothing is asked for.
    pub const NOTHING: Self = Self { cpu: None, memory: None, io: Io::NOTHING };

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// Most memory of a process whose `maxmemory` is `data`.
    #[must_use]
    pub fn memory_limit(&self, data: Bytes) -> Bytes {
        self.memory.unwrap_or(process_limit(data))
    }

    /// Every fault of it, for servers with so much data.
    pub(super) fn faults(&self, data: Bytes) -> Vec<Failure> {
        let narrow = self.memory.filter(|limit| *limit < process_limit(data)).map(|limit| {
            let needed = process_limit(data);
            let detail = format!(
                "The process of a server with memory = {data} can need {needed}: {data} of data, as much again while it saves, {} for \
                 what replicas have not been sent, and {PROCESS_FIXED} for itself. With \
                 resources.memory = {limit} the kernel would end it when it needs them.",
                replicas(data)
            );
            let hint = format!("Write {needed} or more, leave it out, or ask for less `memory`.");
            let about = FieldPath::of("resources").attribute("memory");
            Failure::at(about, "Less memory than the data can need", detail).hint(hint)
        });
        narrow.into_iter().chain(self.io.faults()).collect()
    }
}
