//! What the agent says of its node: one value, published whenever it changes.

use std::sync::Arc;

use justmanage_model::{NodeObservation, Record, Waiting};
use tokio::sync::watch;

/// The node at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The Record, if the cluster was founded.
    pub record: Option<Record>,
    /// What is seen of the node.
    pub node: NodeObservation,
    /// Everything is as the Record wants it.
    pub converged: bool,
    /// Why it is not.
    pub waiting: Vec<Waiting>,
}

/// A status and its number, which rises with every change.
pub type Numbered = (u64, Arc<Status>);

/// Where the status is published.
#[derive(Debug)]
pub struct Publisher {
    sender: watch::Sender<Option<Numbered>>,
    next: u64,
}

impl Publisher {
    /// Numbers from `first`: drawn anew by each process, so that a number of an earlier one is not taken for the same status.
    pub fn new(first: u64) -> Self {
        Self { sender: watch::Sender::new(None), next: first.max(1) }
    }

    /// Says how it is now; nothing happens if it is as before.
    pub fn publish(&mut self, status: Status) {
        let unchanged = self.sender.borrow().as_ref().is_some_and(|(_, before)| **before == status);
        if !unchanged {
            self.sender.send_replace(Some((self.next, Arc::new(status))));
            self.next = self.next.wrapping_add(1).max(1);
        }
    }

    /// The status, now and from now on; `None` until the agent has looked for the first time.
    pub fn subscribe(&self) -> watch::Receiver<Option<Numbered>> {
        self.sender.subscribe()
    }
}
