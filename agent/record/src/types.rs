//! What the group agrees on: commands and verdicts, and who a voter is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use justmanage_model::{Epoch, Generation, NodeId, Pin, Record};
use openraft::{Config, SnapshotPolicy};
use serde::{Deserialize, Serialize};

openraft::declare_raft_types!(
    /// The library's types, filled in.
    pub(crate) Types:
        D = Command,
        R = Verdict,
        NodeId = RaftId,
        Node = Voter,
        SnapshotData = Vec<u8>,
);

/// A voter's number: the first 8 bytes of its pin. So whoever speaks for a voter must hold that voter's key.
///
/// Two pins with the same number would have to be sought with 2^32 keys, and by somebody who is already a member: whoever
/// can name members, an operator, has no need of it. [`Record::check`] does not look for it.
pub(crate) type RaftId = u64;
/// The library's handle.
pub(crate) type Raft = openraft::Raft<Types>;
/// An entry of the log.
pub(crate) type Entry = openraft::Entry<Types>;
/// Where an entry stands in the log.
pub(crate) type LogId = openraft::LogId<RaftId>;
/// Whom this agent votes for.
pub(crate) type Vote = openraft::Vote<RaftId>;
/// Who votes, and since which entry.
pub(crate) type StoredMembership = openraft::StoredMembership<RaftId, Voter>;
/// What the library says of itself.
pub(crate) type Metrics = openraft::RaftMetrics<RaftId, Voter>;

/// The number of whoever holds this key.
pub(crate) fn raft_id(pin: &Pin) -> RaftId {
    pin.as_bytes().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// A voter as the group knows it, also when the Record does not name it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Voter {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its agent's key.
    pub(crate) pin: Pin,
    /// Where its agent listens, at the time when it began to vote. A Record that names the node knows better.
    pub(crate) agent: SocketAddr,
}

impl Voter {
    pub(crate) fn id(&self) -> RaftId {
        raft_id(&self.pin)
    }
}

/// The library asks for it, and does not use it.
impl Default for Voter {
    fn default() -> Self {
        let nobody = (NodeId::from_entropy([0; 10]), Pin::from_digest([0; 32]));
        Self { node: nobody.0, pin: nobody.1, agent: (Ipv4Addr::UNSPECIFIED, 0).into() }
    }
}

/// A member or spare of a Record as a voter.
pub(crate) fn voter(record: &Record, node: NodeId) -> Option<Voter> {
    let agent = record.agent(node)?;
    Some(Voter { node, pin: agent.pin, agent: agent.agent })
}

/// The voters that a Record wants, by their numbers.
pub(crate) fn wanted_voters(record: &Record) -> BTreeMap<RaftId, Voter> {
    let nodes = crate::voters(record).into_iter();
    nodes.filter_map(|node| voter(record, node)).map(|voter| (voter.id(), voter)).collect()
}

/// What an entry of the log does. Kept on disk and sent to others: fields are added, never renamed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// The first Record.
    Found {
        /// It.
        record: Box<Record>,
        /// See [`Command::Change`].
        nonce: u64,
    },
    /// Compare-and-set.
    Change {
        /// Epoch of the Record that was changed.
        epoch: Epoch,
        /// Its generation.
        expected: Generation,
        /// The Record that takes its place.
        next: Box<Record>,
        /// Drawn for this change, so that the one who asked can tell their own from another's, and ask twice.
        nonce: u64,
    },
    /// The group was founded anew by one of its agents. Written to its log before it starts, never proposed.
    Refound {
        /// The new epoch.
        epoch: Epoch,
        /// The Record that the agent had copied, if it did not vote or had seen a newer one than its log holds.
        copy: Option<Box<Record>>,
    },
}

/// The library prints entries in its logs; ours hold user rules and sealed secrets, which belong nowhere but here.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { .. } => f.write_str("found"),
            Self::Change { expected, .. } => write!(f, "change of generation {expected}"),
            Self::Refound { .. } => f.write_str("re-found"),
        }
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is not about the Record.
    Nothing,
    /// It was taken: now, or when it stood in the log before.
    Taken,
    /// Another Record holds, and it was not this one's doing.
    Conflict,
    /// It is of another epoch.
    OtherEpoch,
    /// So much happened since that nobody knows any more whether it was taken.
    Forgotten,
}

/// The leader's sign of life, in ms; also the longest that it waits for an answer to its entries, which must be enough for
/// 64 KiB and a slow disk's sync. Really sent every 1.5 times that (docs/decisions/0008-replicated-record.md).
const HEARTBEAT_MS: u64 = 250;
/// A follower stands for election after `ELECTION_MAX_MS` and between these, drawn at random, without a sign of life: a lost
/// leader is replaced within 2 to 3 s. With half of it, a pause of the machine for a second would cost a leader.
pub(crate) const ELECTION_MIN_MS: u64 = 750;
/// See [`ELECTION_MIN_MS`].
pub(crate) const ELECTION_MAX_MS: u64 = 1250;
/// Entries between two snapshots. Entries are up to 60 KiB each, so the log stays below 5 MiB.
const SNAPSHOT_EVERY: u64 = 64;
/// Entries kept behind a snapshot, for a follower that was away for a moment.
const ENTRIES_KEPT: u64 = 16;
/// Longest time for a whole state of at most 64 KiB to arrive and be synced, in ms.
const SNAPSHOT_LIMIT_MS: u64 = 3000;

/// How the library is to behave.
pub(crate) fn raft_config() -> Config {
    Config {
        cluster_name: "record".to_owned(),
        heartbeat_interval: HEARTBEAT_MS,
        election_timeout_min: ELECTION_MIN_MS,
        election_timeout_max: ELECTION_MAX_MS,
        install_snapshot_timeout: SNAPSHOT_LIMIT_MS,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
        max_in_snapshot_log_to_keep: ENTRIES_KEPT,
        // Who may stand for election is judged by `judge`; nobody does before it has looked.
        enable_elect: false,
        ..Config::default()
    }
}
