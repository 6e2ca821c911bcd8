//! The plan while the concerns write it: who has been spoken for, and what is waited for.

use std::collections::BTreeSet;

use justmanage_model::{NodeId, NodeStep, Plan, RecordChange, Step, Waiting};

/// What the concerns asked so far have to say.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    steps: Vec<Step>,
    reasons: Vec<Waiting>,
    spoken_for: BTreeSet<NodeId>,
    changed: bool,
    closed: bool,
}

impl Draft {
    /// Whether no earlier concern has a step or a reason for this node.
    pub(crate) fn is_free(&self, node: NodeId) -> bool {
        !self.spoken_for.contains(&node)
    }

    /// Whether nobody does anything, or waits for anything.
    pub(crate) fn is_calm(&self) -> bool {
        self.steps.is_empty() && self.reasons.is_empty()
    }

    /// Whether no later concern is to be asked.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The node's agent does this.
    pub(crate) fn act(&mut self, node: NodeId, step: NodeStep) {
        self.spoken_for.insert(node);
        self.steps.push(Step::Node(node, step));
    }

    /// The node is waited for; later concerns leave it alone.
    pub(crate) fn wait_for(&mut self, node: NodeId, reason: Waiting) {
        self.spoken_for.insert(node);
        self.wait(reason);
    }

    /// Something is waited for that hinders no node.
    pub(crate) fn wait(&mut self, reason: Waiting) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// The Record changes. One change a turn: each makes a new generation, and the next is planned from that.
    pub(crate) fn change(&mut self, change: RecordChange) {
        if !self.changed {
            self.changed = true;
            self.steps.push(Step::Record(change));
        }
    }

    /// Nothing else may be decided.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// The plan. Members that nobody can see are waited for in any case.
    pub(crate) fn finish(mut self, unseen: Vec<Waiting>) -> Plan {
        unseen.into_iter().for_each(|reason| self.wait(reason));
        match (self.steps.is_empty(), self.reasons.is_empty()) {
            (false, _) => Plan::Act(self.steps, self.reasons),
            (true, false) => Plan::Wait(self.reasons),
            (true, true) => Plan::Converged,
        }
    }
}
