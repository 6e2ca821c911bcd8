//! The Record: the one document that the agents of a cluster agree on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::backup::Backups;
use crate::pool::Zone;
use crate::slots::balance::Move;
use crate::{
    Artefact, BusId, ClusterId, ClusterName, ClusterSpec, Epoch, Generation, NodeId, Pin, Program, Release, SealingKey,
    Seat, Timestamp, Upcoming, User, UserName, Vault,
};

mod announced;
mod backups;
mod check;
mod first;
mod operators;
mod rotation;
mod settings;
mod shape;
mod spares;
mod upcoming;
mod upgrade;
mod users;
mod zones;

pub use announced::Announced;
pub use backups::BACKUP_TRIES;
pub use check::{RECORD_BYTES_MAX, RecordFault, USERS_MAX};
pub use rotation::{AUTHORITY_NOTICE, PasswordChange, Rotation, Succession};
pub use settings::{FENCE_LAG_S, FORMING_NODE_TIMEOUT, NODE_TIMEOUT};
pub use shape::{Reshaping, Shape};
pub use spares::{Agent, Spare};

/// What is wanted, who belongs, how far it is, and who may be disturbed now.
///
/// It changes only by compare-and-set from one generation to the next. Each section has one writer, named at the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this document's layout; an agent refuses a layout that is newer than its own.
    pub layout: u32,
    /// Drawn when the group is founded or re-founded; in every call, so that an old group never mixes with a new one.
    pub epoch: Epoch,
    /// Rises by one with every change.
    pub generation: Generation,
    /// Identity, for life.
    pub cluster: ClusterId,
    /// Name, unique within its place.
    pub name: ClusterName,
    /// How far the cluster is. Writer: the agents; `Leaving` by an operator.
    pub phase: Phase,
    /// No Read or Update has presented this cluster's id yet. Writer: an operator.
    pub unclaimed: bool,
    /// What is wanted. Writer: an operator (the cluster resource).
    pub spec: ClusterSpec,
    /// The release that the nodes are to run now, and where its server binary is. Writer: an operator; the agents, when they take an
    /// upgrade by themselves.
    pub release: Release,
    /// Where the server binary of `release` is.
    pub artefact: Artefact,
    /// What servers ran before `release`, as long as not every one of them is known to have gone over. Writer: an operator, with
    /// `release`; the agents take it away when all have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Program>,
    /// `release` is what they ran before `previous`, and they go back to it. Writer: as of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returning: bool,
    /// What servers ran before `release`, since all have gone over: for a while, one whose program proves not to be fit goes back to it.
    /// An agent that does not know of this leaves it out, and then no server goes back any more. Writer: the agents; an operator's change
    /// of release or shape ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Each shard has one replica more than the spec asks for, until all have gone over ([`ClusterSpec::surge`]). Writer: as of
    /// `previous`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub surge: bool,
    /// Since when the cluster has not had the shape that is asked for: between which shapes it is. Writer: an operator, with `spec`;
    /// the agents take it away when they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reshaping: Option<Reshaping>,
    /// Nodes that were members or spares, are not needed any more, and whose machines are to go. Writer: an operator; the agents,
    /// of a member whose place a spare has taken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retired: BTreeSet<NodeId>,
    /// Public keys of operators. Writer: an operator.
    pub operators: BTreeSet<Pin>,
    /// The nodes. Writer: an operator; the agents, when a spare takes the place of one that is lost.
    pub members: BTreeMap<NodeId, Member>,
    /// Nodes that wait for a place. Writer: an operator; the agents, when one takes the place of a member that is lost.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spares: BTreeMap<NodeId, Spare>,
    /// By which names clients are told of the servers; `None`: by none, ever. Writer: an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announced>,
    /// In which zones members and spares stand, as far as that is known. Writer: an operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<NodeId, Zone>,
    /// Database users. Writer: an operator (the user resources, one entry each); the agents take out what has ended.
    pub users: BTreeMap<UserName, User>,
    /// Certificate of the cluster's own authority, PEM, or those of two, while one follows another; absent until the first agent
    /// has made it. Writer: the agents.
    pub ca_certificate: Option<String>,
    /// How far certificates and authority are in being replaced. Writer: the agents.
    #[serde(default, skip_serializing_if = "Rotation::is_none")]
    pub rotation: Rotation,
    /// Who may be disturbed now. Writer: the agents.
    pub grant: Option<Grant>,
    /// The cluster's secrets. Writer: the agents.
    #[serde(default)]
    pub vault: Option<Vault>,
    /// How each shard is kept from having two primaries, where the servers cannot see to it by a majority of primaries: in
    /// clusters of one or two shards with replicas. A shard that is not in here is [`Fence::Open`]. Writer: the agents.
    #[serde(default)]
    pub fences: BTreeMap<u16, Fence>,
    /// Which node takes which shard over, by the word of the majority of agents. Writer: the agents.
    #[serde(default)]
    pub takeovers: BTreeMap<u16, Takeover>,
    /// Why nothing that disturbs nodes is begun any more. Writer: the agents; an operator's next change takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
    /// What is backed up, and what came of the last ones. Writer: the agents.
    #[serde(default, skip_serializing_if = "Backups::is_none")]
    pub backups: Backups,
    /// The release that the agents take next by themselves, or are taking ([`Record::taken_up`]). Writer: the agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upcoming: Option<Upcoming>,
    /// The number of the newest catalog that was seen: an older one is never believed again. Writer: the agents.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub catalog_serial: u64,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A release that all servers have gone over to, and that may still prove not to be fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// What they come from.
    pub from: Program,
    /// Until when, by the clock of whoever proposed it.
    pub until: Timestamp,
}

/// Something that was granted has failed, with the cluster whole. Nobody tries it again until a person has looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// What failed: one sentence.
    pub what: String,
    /// When, by the clock of whoever proposed it.
    pub since: Timestamp,
}

/// Whether a shard's primary may take writes that no replica receives.
///
/// Closing goes in two steps, so that no replica is ever told to take over while the primary may still think that it is free:
/// first the primary is told (`Closing`), and only when it was seen to obey is the shard `Closed`. A server that is cut off
/// from everybody started by what its agent knew last, which was `Closing` or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fence {
    /// Writes go on without a replica. A takeover may be decided only when the primary's process is proven dead.
    Open,
    /// The primary is being told to need replicas.
    Closing {
        /// The generation that began it: what a node says of an earlier one proves nothing.
        since: Generation,
    },
    /// The primary takes no writes unless so many replicas receive them that together they are most of the shard
    /// ([`Record::fence_replicas`]). When the others have been cut off from it for longer than the fence's lag, it takes none,
    /// and one of them may take over.
    Closed,
}

/// The majority's word that a replica takes its shard over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// Who takes over.
    pub by: NodeId,
    /// From whom. Its agent does not start its server until this is over.
    pub from: NodeId,
    /// The old primary can take no writes any more: its own agent saw its process end and holds the start, or the fence has
    /// run out. Until then, its replicas cut their links to it and wait.
    pub cleared: bool,
    /// It has taken over. This stays until everybody else in the shard was seen to have heard of it: until then an old primary
    /// may be started somewhere in the dark, and think that it still is who it was.
    #[serde(default)]
    pub done: bool,
    /// When that was decided, by the clock of whoever proposed it.
    pub at: Timestamp,
}

/// The newest layout of [`Record`] that this code reads and writes.
///
/// 2: passwords that end, and temporary users. 3: handovers, and what keeps from going on ([`Halt`]). 4: from one release to
/// another ([`Record::previous`]). 5: from one shape to another ([`Record::reshaping`]), and authorities that
/// follow one another ([`Rotation`]). 6: temporary replicas ([`Record::surge`]), [`Spare`]s, and
/// [`crate::Resources`]. 7: backups that are made ([`Record::backups`]). 8: names of servers for clients
/// ([`Record::announced`]). 9: where nodes stand ([`Record::zones`]). 10: windows that
/// are acted on ([`Record::upcoming`], [`crate::Apply`]). A Record of an older layout is read as it
/// is, and becomes a newer one when the first of these
/// enters it ([`Record::raise_layout`]); software that knows only the older layout refuses it from then on, instead of dropping an end that it cannot see.
pub const LAYOUT: u32 = 10;

/// All that may be read of a Record before it is known that the rest of it is understood: what is not known of a newer layout
/// would be lost in whatever is made of it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Outline {
    /// See [`Record::layout`].
    pub layout: u32,
}

impl Outline {
    /// Whether this code understands less than the Record says.
    #[must_use]
    pub const fn is_newer(self) -> bool {
        self.layout > LAYOUT
    }
}

/// How far a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Being made; it holds no data, and its machines may be replaced.
    Forming,
    /// It has served; it holds data, and nothing ever replaces it silently.
    Formed,
    /// Being taken down at the user's word.
    Leaving,
}

/// One node: an agent and the server that it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which place in the cluster's shape it takes.
    pub seat: Seat,
    /// The agent's public key.
    pub pin: Pin,
    /// The key to seal secrets for the agent with.
    pub sealing: SealingKey,
    /// Where the agent listens.
    pub agent: SocketAddr,
    /// Where clients reach the server.
    pub client: SocketAddr,
    /// The cluster bus port at the same address as `client`.
    pub bus_port: u16,
    /// Its server's id on the bus, once it may get to know the others (while the cluster forms) or has joined (later).
    /// Writer: the agents.
    #[serde(default)]
    pub bus_id: Option<BusId>,
}

/// Permission for one operation that may disturb the nodes it names. There is room for one per cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What may be done.
    pub operation: Operation,
    /// Whom it may disturb.
    pub nodes: BTreeSet<NodeId>,
    /// The generation that gave it: its identity.
    pub given: Generation,
    /// Which slots move where ([`Operation::Reshard`]). Shards, not nodes: whoever is the primary goes on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
}

/// Operations that need a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Stop the server and start it again.
    Restart,
    /// Take the shard over from its primary, which is well, and loses nothing by it.
    Handover,
    /// Stop the server, and start the program again that it ran before ([`Record::previous`]): the new one is not fit.
    PutBack,
    /// Move slots from shard to shard, and put right what somebody left half-way. It names the members of all shards that give or
    /// get.
    Reshard,
}
