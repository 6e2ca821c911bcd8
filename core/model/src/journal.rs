//! The journal: what happened to a cluster, when, by whom and why.

use serde::{Deserialize, Serialize};

use crate::{Generation, NodeId, OperationReport, Timestamp};

/// One thing that happened at a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in this node's journal; rises by one, also across restarts of the agent.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// At which node.
    pub node: NodeId,
    /// The generation of the Record that was in force, if there was one.
    pub generation: Option<Generation>,
    /// Who did it.
    pub who: Who,
    /// What.
    pub what: Event,
    /// Why: one sentence; empty where the event says it all.
    pub why: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Somebody asked for it; otherwise it befell the cluster, or answers what befell it.
    pub planned: bool,
    /// The operator's own words and ticket, where an operator asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// As above.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// An operator, known by their key's pin.
    Operator(crate::Pin),
    /// An agent, by its own decision within what it was told.
    Agent(NodeId),
    /// The database's own mechanisms (an election), or nobody (a process that died).
    Server,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The agent began to run.
    AgentStarted,
    /// The server answers (it was started, adopted, or came back).
    Up,
    /// The server ended, or no longer answers.
    Down,
    /// The server became a primary.
    Promoted,
    /// The server became a replica.
    Demoted,
    /// The Record changed; which sections.
    RecordChanged(Vec<String>),
    /// A step was carried out.
    Step(String),
    /// A primary without any copy of its data came back empty.
    StartedEmpty,
    /// Another agent became the leader of the group, or nobody is.
    Leader(Option<NodeId>),
    /// An operation that disturbed nodes is over.
    Operation(Box<OperationReport>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done, or it is a mere fact.
    Done,
    /// It failed: why.
    Failed(String),
}
