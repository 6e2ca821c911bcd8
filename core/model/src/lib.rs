//! The nouns of Just Manage: ids and units, what is wanted, what is known, what is seen, what is to be done.
//!
//! The one invariant: **a value that exists is valid.** Constructors parse; nothing else makes them; serde goes through the
//! same constructors. Nothing here does IO, reads a clock or draws random numbers.
//!
//! | module | what it holds |
//! |---|---|
//! | [`id`] | [`ClusterId`], [`NodeId`], [`Epoch`], [`Generation`] |
//! | [`name`] | [`ClusterName`], [`UserName`] |
//! | [`units`], [`interval`] | [`Bytes`]; [`Interval`] |
//! | [`release`] | [`Engine`], [`Version`], [`Line`], [`Release`], [`ReleaseTarget`] |
//! | [`spec`] | [`ClusterSpec`]: what the user asks for, and its validation |
//! | [`user`] | database users: ACL rules and passwords |
//! | [`record`] | the [`Record`]: the one document that the agents of a cluster agree on |
//! | [`observation`] | what a node's agent sees |
//! | [`bus`] | the cluster as one of its servers sees it |
//! | [`vault`] | the cluster's secrets, sealed for its members |
//! | [`plan`] | steps, and reasons to wait |
//! | [`calendar`] | days, times and time zones as people write them |
//! | [`window`] | maintenance windows: when a cluster may be disturbed, and which upgrades it takes |
//! | [`backup`] | backup policies: when, where to, what is kept |
//! | [`claim`] | who owns a machine |
//! | [`pool`] | pools of the user's own servers: hosts, and how one gets onto them |
//! | [`node`] | what passes between a platform and an agent on the same machine |
//! | [`token`] | the one-time token by which an agent is enrolled |
//! | [`upcoming`] | releases that a cluster takes by itself: which one is next, and how far it is |
//! | [`whereabouts`] | where nodes are, and their names when addresses may change |
//! | [`journal`] | what happened to a cluster, when, by whom and why |
//! | [`report`] | what an operation disturbed, and whether it lost a write |
//! | [`failure`] | the one error type that reaches users, and paths of fields |
//! | [`limits`] | what a server may use, as systemd takes it |
//! | [`warrant`] | what an operator signs for root on a machine where nobody logs in |
//! | [`secret`] | values that never print |
//! | [`slots`] | hash slots, sets of them, and how they are spread evenly over shards |
//! | [`nearest`] | "did you mean" |

pub mod backup;
pub mod bus;
pub mod calendar;
pub mod claim;
mod clauses;
pub mod failure;
pub mod host_name;
pub mod id;
pub mod interval;
pub mod journal;
pub mod limits;
pub mod name;
pub mod nearest;
pub mod node;
pub mod observation;
pub mod plan;
pub mod pool;
pub mod record;
pub mod release;
pub mod report;
pub mod secret;
pub mod slots;
pub mod spec;
mod text;
pub mod token;
pub mod units;
pub mod upcoming;
pub mod user;
pub mod vault;
pub mod warrant;
pub mod whereabouts;
pub mod window;

pub use backup::BackupPolicy;
pub use bus::{BusId, BusView, Peer, PrimaryLink, ReplicaLink, Role};
pub use claim::{Claim, Seat};
pub use clauses::{DEFINITION_MAX, label};
pub use failure::{Failure, FieldPath, FieldStep, Invalid};
pub use host_name::HostName;
pub use id::{ClusterId, Epoch, Generation, NodeId, Pin};
pub use interval::Interval;
pub use limits::Limits;
pub use name::{ClusterName, UserName};
pub use observation::{
    AskedFailover, Handover, LastRole, MoveTally, NodeObservation, Observation, Seen, ServerObservation, ServerState,
    TlsSeen, Trouble,
};
pub use plan::{NodeStep, Plan, RecordChange, Step, Waiting};
pub use record::{
    Fence, Grant, Halt, Member, PasswordChange, Phase, Record, Reshaping, Rotation, Shape, Spare, Succession, Takeover,
};
pub use release::{Artefact, Engine, Line, PackageRevision, Program, Release, ReleaseTarget, Version};
pub use report::{MovedSlots, OperationReport, ProbeTally, Proof, ReportStep, ShardMove};
pub use secret::Secret;
pub use slots::{Slot, SlotRange, SlotSet, SlotWeights};
pub use spec::{Apply, ClusterSpec, Io, MilliCpus, OnCrash, Place, Resources, Rotate, Testing};
pub use token::EnrolmentToken;
pub use units::Bytes;
pub use upcoming::{Fetched, Offer, Upcoming};
pub use user::{AclRules, Password, PasswordHash, User};
pub use vault::{SealingKey, Vault};
pub use warrant::{Purpose, Replaced, Replacement, Terms, Warrant};
pub use whereabouts::{NodeAddresses, PeerNames};
pub use window::MaintenanceWindow;

/// A moment, in UTC. Whoever needs one gets it as an argument.
pub type Timestamp = jiff::Timestamp;
