//! What is seen, with the honest possibility that it is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backup::BackupTally;
use crate::{
    BusView, Bytes, Fetched, Generation, NodeAddresses, NodeId, Offer, ProbeTally, Program, Release, ReplicaLink,
    SlotWeights, Timestamp,
};

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
    /// The generation of the Record by which this agent found nothing to do at its own node when it looked.
    pub settled: Option<Generation>,
    /// The database process.
    pub server: ServerState,
    /// What the server was when it was last seen; kept on disk, so that it is known when the server does not run.
    #[serde(default)]
    pub last: Option<LastRole>,
    /// When the server's process last became a primary by election or takeover, whatever it has been since: until four node
    /// timeouts later, servers with the stale-vote fault must not be handed over to.
    #[serde(default)]
    pub promoted: Option<Timestamp>,
    /// Whom the agent asked to take over from its dead server, since that died.
    #[serde(default)]
    pub asked: Option<AskedFailover>,
    /// How far a handover to this node's server has come, since the agent began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Handover>,
    /// When the agent last cut its replica's link to the primary for a takeover.
    #[serde(default)]
    pub severed: Option<Timestamp>,
    /// Where the node is, by its own word; `None` where its agent does not say.
    #[serde(default)]
    pub at: Option<NodeAddresses>,
    /// The program that its server was started with last, be it running or not; `None`: none yet, or by an older agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// That program is not fit: it could not be started, or ended within a minute by its own doing, not by a signal from outside, and
    /// has not run for a minute since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfit: bool,
    /// What the agent has tried at its node lately and could not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What limits the server's memory, processors and disk, or why nothing does: a sentence each.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Of the agent that probes its shard: what it has counted in the operation that goes on, or in the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeTally>,
    /// How far the server has come with giving slots away, since the agent began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<MoveTally>,
    /// What the server's slots weighed when they were last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<SlotWeights>,
    /// How far its agent is with its part of the backup that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupTally>,
    /// Of the agent that leads: what the catalog of the maintenance window has for the cluster, or why that is of no use. `None`: it was not
    /// read yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Result<Offer, String>>,
    /// How far it is with the program of the [upcoming release](crate::Record::upcoming).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Fetched>,
    /// By how many seconds its clock is ahead of the clock of whoever looks at it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead_s: i64,
}

const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// How far a server has come with giving slots away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTally {
    /// By which grant: the generation that gave it.
    pub given: Generation,
    /// It is at it. Otherwise there was nothing left to do.
    pub active: bool,
    /// Slots that have gone over.
    pub slots: u64,
    /// Keys that have gone over.
    pub keys: u64,
    /// What these took in memory.
    pub bytes: Bytes,
    /// What keeps it from going on, if something does. It is tried again.
    pub trouble: Option<Trouble>,
}

/// A step that fails, or has no effect. It is tried again, ever more slowly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What, and why.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
}

/// A server's part in its shard at the last look before it died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRole {
    /// It owned slots.
    pub primary: bool,
    /// Its data were kept on disk (an append-only file; snapshots are too old for that).
    pub persistent: bool,
    /// The replicas that hung on it.
    pub replicas: Vec<ReplicaLink>,
    /// The epoch under which it (or its primary) had its slots.
    #[serde(default)]
    pub config_epoch: u64,
    /// When that was.
    pub at: Timestamp,
}

/// What became of asking a replica to take over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedFailover {
    /// Who was asked.
    pub of: NodeId,
    /// When.
    pub at: Timestamp,
    /// It took over; otherwise why it did not.
    pub answer: Result<(), String>,
}

/// What became of a handover that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// By which grant: the generation that gave it.
    pub given: Generation,
    /// How often the server was told to take over.
    pub tries: u32,
    /// When it was told last.
    pub at: Timestamp,
    /// Why it refused, if it did.
    pub refused: Option<String>,
    /// Under which epoch its primary had the slots when it was told first; `None`: not known. Who has taken over has a higher one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
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
    /// It is still reading its data from disk.
    pub loading: bool,
    /// The cluster as it sees it; `None` while it is reading its data, when it does not speak of that.
    pub bus: Option<BusView>,
    /// Its data are kept on disk (an append-only file; snapshots are too old for that).
    pub persistent: bool,
    /// How far the replication stream has come here (`master_repl_offset` or `slave_repl_offset`).
    pub offset: u64,
    /// Configuration as it is in force, of the keys that the spec sets, those that are ours to change while it runs
    /// ([`crate::Record::wanted_config`]), and `maxmemory`.
    pub config: BTreeMap<String, String>,
    /// Fingerprint of the users in force, to compare with the Record's ([`crate::user::fingerprint`]).
    pub users: String,
    /// `used_memory`.
    pub used_memory: Bytes,
    /// How many keys have fields that expire by themselves; `None` where the server knows no such fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_ttls: Option<u64>,
    /// The generation of the Record whose replication passwords it uses and accepts. Its agent knows it, not the server; `None`
    /// where the agent does not, which then applies them once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Generation>,
    /// Not after this moment is its certificate valid; without TLS the last moment there is.
    pub certificate_expires: Timestamp,
    /// What else it shows and trusts over TLS; `None` without TLS, and where its agent is too old to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSeen>,
}

/// What a server shows to whoever connects to it now, and whom it trusts itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSeen {
    /// Not before this moment is its certificate valid.
    pub from: Timestamp,
    /// The generation of the Record by which its certificate was issued; `None` of one that does not say.
    pub issued: Option<Generation>,
    /// Name of the file of the authorities that it trusts ([`crate::Record::authorities_file`]).
    pub authorities: String,
}

impl NodeObservation {
    /// The same with every moment so much later: moments by one clock as moments by another. The cut of a link is none: it bears
    /// the moment of the takeover that it was made for ([`crate::Takeover::at`]).
    #[must_use]
    pub fn shifted(mut self, by: jiff::SignedDuration) -> Self {
        let set = |moment: &mut Timestamp| *moment = moment.saturating_add(by).unwrap_or(*moment);
        match &mut self.server {
            ServerState::Stopped => {}
            ServerState::Starting { since } | ServerState::Hung { since } => set(since),
            ServerState::Down { since, retry_at, .. } => {
                set(since);
                set(retry_at);
            }
            ServerState::Running(server) => {
                if let Some(crate::Role::Replica { link, .. }) = server.bus.as_mut().map(|bus| &mut bus.role) {
                    link.down_since.iter_mut().for_each(set);
                }
            }
        }
        self.last.iter_mut().for_each(|last| set(&mut last.at));
        self.asked.iter_mut().for_each(|asked| set(&mut asked.at));
        self.handover.iter_mut().for_each(|handover| set(&mut handover.at));
        self.promoted.iter_mut().for_each(set);
        self.trouble.iter_mut().for_each(|trouble| set(&mut trouble.since));
        self.moving.iter_mut().filter_map(|moving| moving.trouble.as_mut()).for_each(|trouble| set(&mut trouble.since));
        self.probe = self.probe.map(|probe| probe.shifted(by));
        self
    }
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
