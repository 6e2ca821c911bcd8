//! What is seen, with the honest possibility that it is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Generation, NodeId, Release, SlotSet, Timestamp};

/// Something that was seen, or could not be. Unknown is not absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    /// Seen.
    Known(T),
    /// Not seen.
    Unknown {
        /// Since when.
        since: Timestamp,
        /// Why: one sentence.
        why: String,
    },
}

/// The cluster as its observer sees it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Every member has an entry, known or unknown.
    pub nodes: BTreeMap<NodeId, Seen<NodeObservation>>,
}

/// One node as its own agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeObservation {
    /// Version of the agent's software.
    pub agent_version: String,
    /// The generation of the Record that this agent has made so, if any.
    pub settled: Option<Generation>,
    /// The database process.
    pub server: ServerState,
}

/// The database process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// Not running, and not meant to be yet.
    Stopped,
    /// A process exists but does not answer yet.
    Starting {
        /// Since when.
        since: Timestamp,
    },
    /// It answers.
    Running(Box<ServerObservation>),
    /// It ended by itself, or did not start.
    Down {
        /// Since when.
        since: Timestamp,
        /// How many times in a row it ended soon after its start.
        failures: u32,
        /// Not before this moment will it be started again.
        retry_at: Timestamp,
        /// Last words: exit status and the tail of its log.
        why: String,
    },
    /// A process exists but has not answered for a while.
    Hung {
        /// Since when.
        since: Timestamp,
    },
}

/// What a running server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerObservation {
    /// What runs.
    pub release: Release,
    /// The generation of the Record by which the files were written that it was started with. The agent knows it, not the
    /// server; `None` where the agent does not. By it the planner sees that a restart was tried, and did not help.
    #[serde(default)]
    pub started: Option<Generation>,
    /// Its process id.
    pub pid: u32,
    /// Its id on the cluster bus (40 hexadecimal digits).
    pub bus_id: String,
    /// It is still reading its data from disk.
    pub loading: bool,
    /// `cluster_state:ok`.
    pub cluster_ok: bool,
    /// `cluster_current_epoch`.
    pub cluster_epoch: u64,
    /// Slots that it owns.
    pub slots: SlotSet,
    /// Configuration as it is in force, of the keys that the spec sets, plus `maxmemory`.
    pub config: BTreeMap<String, String>,
    /// Fingerprint of the users in force, to compare with the Record's ([`crate::user::fingerprint`]).
    pub users: String,
    /// `used_memory`.
    pub used_memory: Bytes,
    /// Not after this moment is its certificate valid.
    pub certificate_expires: Timestamp,
}

impl<T> Seen<T> {
    /// What was seen, if it was.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown { .. } => None,
        }
    }
}

impl Observation {
    /// What is known of one node, if anything is.
    #[must_use]
    pub fn known(&self, node: NodeId) -> Option<&NodeObservation> {
        self.nodes.get(&node).and_then(Seen::known)
    }
}
