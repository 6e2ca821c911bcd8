//! What the server of a machine may use, for those who write it down: whoever is root there.

mod unit;

use serde::{Deserialize, Serialize};

use crate::{Bytes, ClusterSpec, Io, MilliCpus};

/// Most that the server of a machine may use (`None`: as much as there is), which nothing else on the machine is to take from it.
///
/// An operator signs it ([`crate::warrant`]), so what is not known here is refused: half of what was signed is something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Memory of its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// As much of that is never taken from it, the rest only when nobody else has any to give; `None`: nothing is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
    /// Processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<MilliCpus>,
    /// The disk that its data are on.
    #[serde(default, skip_serializing_if = "Io::is_nothing")]
    pub io: Io,
}

impl Limits {
    /// What is within both.
    #[must_use]
    pub fn wider(self, other: Self) -> Self {
        Self {
            memory: self.memory.zip(other.memory).map(|(one, other)| one.max(other)),
            data: self.data.max(other.data),
            cpu: self.cpu.zip(other.cpu).map(|(one, other)| one.max(other)),
            io: self.io.wider(other.io),
        }
    }
}

impl From<&ClusterSpec> for Limits {
    fn from(spec: &ClusterSpec) -> Self {
        Self {
            memory: Some(spec.memory_limit()),
            data: Some(spec.memory),
            cpu: spec.resources.cpu,
            io: spec.resources.io,
        }
    }
}
