//! Calls to agents: what the manager needs of them, behind a trait, so that its decisions can be tested without any.

mod cloud;
mod enrol;
mod error;
mod grpc;
mod machine;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::backup::{BackupEntry, BackupId};
use justmanage_model::journal::Entry;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Epoch, NodeId, NodeObservation, Observation, OperationReport, Record, Timestamp, Waiting};
use justmanage_platforms::Way;

pub use cloud::{CloudOperator, Trusted};
pub use enrol::{EnrolError, enrol};
pub use error::AgentError;
pub use grpc::GrpcAgents;
pub use machine::{MachineError, Program, Programs};

/// What an agent says of itself and its own node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReply {
    /// Its copy of the Record, or the invitation that it has; `None`: nobody has told it anything yet.
    pub record: Option<Record>,
    /// Its own node.
    pub node: NodeObservation,
    /// It belongs to a group of agents that was founded. An invitation alone is no group.
    pub founded: bool,
    /// What time it is by its clock; `None` where it does not say.
    pub now: Option<Timestamp>,
}

/// What the leader of a cluster's agents says of the whole cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterStatus {
    /// The Record.
    pub record: Option<Record>,
    /// Every member, known or not.
    pub observation: Observation,
    /// Everything is as the Record wants it.
    pub converged: bool,
    /// Why it is not.
    pub waiting: Vec<Waiting>,
    /// Who leads, and says this; `None`: nobody does, and it is what one agent alone knows.
    pub leader: Option<NodeId>,
    /// What the last operation that disturbed nodes came to; `None`: there was none, or whoever says this knows of none.
    pub last_operation: Option<OperationReport>,
}

/// The outcome of a compare-and-set, an invitation or a founding.
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// Taken.
    Applied(Record),
    /// Somebody was first; this is what they made.
    Conflict(Option<Record>),
}

/// Why an operator changes something, for the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// In words.
    pub note: String,
    /// A ticket of the operator's own; may be empty.
    pub ticket: String,
}

impl Note {
    /// In words, without a ticket.
    pub fn new(note: impl Into<String>) -> Self {
        Self { note: note.into(), ticket: String::new() }
    }
}

/// Agents, as the manager sees them.
#[async_trait]
pub trait Agents: Send + Sync {
    /// From now on calls to an agent go this way, since its own address leads nowhere from here. Whoever is not told so calls at
    /// the address.
    fn lead(&self, _agent: &AgentInfo, _way: Way) {}

    /// How an agent's own node is now.
    async fn status(&self, agent: &AgentInfo) -> Result<NodeReply, AgentError>;

    /// How the whole cluster is when it is another than `seen`, or after `within` whatever it is by then. Without `seen`: at
    /// once. Any agent can be asked; one that does not lead asks the leader.
    async fn observe(
        &self,
        agent: &AgentInfo,
        seen: Option<&ClusterStatus>,
        within: Duration,
    ) -> Result<ClusterStatus, AgentError>;

    /// Tells an agent of which cluster it is to be. It may be told otherwise as long as it belongs to no group; after that, it
    /// is a conflict with the Record that it has.
    async fn invite(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError>;

    /// Founds the group of all agents that have the invitation of this epoch. A group that exists already is a success.
    async fn found(&self, agent: &AgentInfo, epoch: Epoch) -> Result<Proposal, AgentError>;

    /// Proposes `after` in place of `before`.
    async fn propose(
        &self,
        agent: &AgentInfo,
        before: &Record,
        after: &Record,
        note: &Note,
    ) -> Result<Proposal, AgentError>;

    /// Tells an agent where others listen now. It believes that until the Record says otherwise.
    async fn relocate(&self, agent: &AgentInfo, places: &BTreeMap<NodeId, SocketAddr>) -> Result<(), AgentError>;

    /// What happened at an agent's node after the entry with this number, oldest first; 0: all that is kept.
    async fn journal(&self, agent: &AgentInfo, after: u64) -> Result<Vec<Entry>, AgentError>;

    /// A page of the backups of its cluster that an agent finds, newest first: those before this one, or the newest. An empty page is the
    /// end. [`AgentError::Refused`] says why it cannot look.
    async fn backups(&self, agent: &AgentInfo, before: Option<&BackupId>) -> Result<Vec<BackupEntry>, AgentError>;
}
