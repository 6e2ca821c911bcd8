//! What the agent says: values that are published whenever they change, each with a number.

use std::sync::Arc;

use justmanage_model::{NodeId, NodeObservation, Observation, OperationReport, Record, Waiting};
use tokio::sync::watch;

/// The node at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// This agent's copy of the Record, if it was invited to a cluster.
    pub record: Option<Record>,
    /// What is seen of the node.
    pub node: NodeObservation,
}

/// The cluster at one moment, as an agent sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterStatus {
    /// The Record.
    pub record: Option<Record>,
    /// Every member, known or not.
    pub observation: Observation,
    /// Everything is as the Record wants it; only ever said by the agent that leads.
    pub converged: bool,
    /// Why it is not.
    pub waiting: Vec<Waiting>,
    /// The agent that leads, and said this; `None` if nobody leads, and this is what one agent alone knows.
    pub leader: Option<NodeId>,
    /// What the last operation that disturbed nodes came to.
    pub last_operation: Option<Arc<OperationReport>>,
}

/// A value and its number, which rises with every change.
pub type Numbered<T> = (u64, Arc<T>);

/// Where a value is published.
#[derive(Debug)]
pub struct Publisher<T> {
    sender: watch::Sender<Option<Numbered<T>>>,
    next: u64,
}

impl<T: PartialEq> Publisher<T> {
    /// Numbers from `first`: drawn anew by each process, so that a number of an earlier one is not taken for the same value.
    pub fn new(first: u64) -> Self {
        Self { sender: watch::Sender::new(None), next: first.max(1) }
    }

    /// Says how it is now; nothing happens if it is as before.
    pub fn publish(&mut self, value: T) {
        let unchanged = self.sender.borrow().as_ref().is_some_and(|(_, before)| **before == value);
        if !unchanged {
            self.sender.send_replace(Some((self.next, Arc::new(value))));
            self.next = self.next.wrapping_add(1).max(1);
        }
    }

    /// The value, now and from now on; `None` until the agent has looked for the first time.
    pub fn subscribe(&self) -> watch::Receiver<Option<Numbered<T>>> {
        self.sender.subscribe()
    }
}
