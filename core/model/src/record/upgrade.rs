//! From one release to another: which server is to run what while some have gone over and others have not.

use std::collections::BTreeSet;

use super::{Grant, Halt, Operation, Phase, Record, Trial};
use crate::{NodeId, Program, Timestamp};

impl Record {
    /// The program that servers are to run.
    #[must_use]
    pub fn program(&self) -> Program {
        Program { release: self.release.clone(), artefact: self.artefact.clone() }
    }

    /// Has the servers go over to another program, one by one. To the one that they come from: back again. To be called when the
    /// spec is as it is to be: it says whether each shard gets a replica more for that.
    pub fn go_over_to(&mut self, program: Program) {
        let surge = self.spec.surge;
        self.go_over(program, surge);
    }

    /// The same; with temporary replicas only where somebody makes the machines.
    pub(super) fn go_over(&mut self, program: Program, surge: bool) {
        let now = self.program();
        if now == program {
            return;
        }
        // Whoever says where to go has the word, and no upgrade is under way by itself any more.
        self.upcoming = None;
        // A node that is being put back goes on to where it was going, which is where all go now.
        if let Some(grant) = self.grant.as_mut().filter(|grant| grant.operation == Operation::PutBack) {
            grant.operation = Operation::Restart;
        }
        // Who turns back needs nobody who is not there yet: as long as places were vacant, nobody has gone over.
        let surge = surge && self.previous.is_none() && self.phase == Phase::Formed;
        self.reshape(|record| {
            record.surge = surge;
            record.returning = record.previous.is_some() && !record.returning;
            record.trial = None;
            record.previous = Some(now);
            record.release = program.release;
            record.artefact = program.artefact;
        });
    }

    /// What servers come from, if one may still go back to it.
    #[must_use]
    pub fn came_from(&self) -> Option<&Program> {
        self.previous.as_ref().or_else(|| self.trial.as_ref().map(|trial| &trial.from))
    }

    /// Nothing is begun any more, for a reason that showed while a node has leave for something else. The release before is one that
    /// servers may go back to.
    pub fn halt_after(&mut self, halt: &Halt) {
        self.fail_trial();
        self.halt = Some(halt.clone());
    }

    fn fail_trial(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.previous.get_or_insert(trial.from);
        }
    }

    /// A node goes back, in the next generation, and nothing else is begun. Why it was halted first is what is kept, unless that was said
    /// of the same node.
    pub fn put_back(&mut self, node: NodeId, halt: &Halt) {
        self.fail_trial();
        let (operation, nodes) = (Operation::PutBack, BTreeSet::from([node]));
        self.grant = Some(Grant { operation, nodes, given: self.generation.next(), moves: Vec::new() });
        let about = format!(" on node {node} ");
        if self.halt.as_ref().is_none_or(|first| first.what.contains(&about)) {
            self.halt = Some(halt.clone());
        }
    }

    /// All have gone over: temporary replicas have had their time. What they come from is not forgotten before `until`, unless they
    /// have come back to what they ran before.
    pub fn forget_previous(&mut self, until: Timestamp) {
        let from = self.previous.clone().filter(|_| !self.returning);
        self.reshape(|record| {
            record.previous = None;
            record.returning = false;
            record.surge = false;
            record.backups.before = None;
        });
        // It was taken.
        let program = self.program();
        self.upcoming = self.upcoming.take().filter(|upcoming| !upcoming.program.is_same(&program));
        if let Some(from) = from {
            self.trial = Some(Trial { from, until });
        }
    }

    /// The release has proved to be fit.
    pub fn end_trial(&mut self) {
        self.trial = None;
    }

    /// The program that a node's server may be started with, if it last ran `ran`: another one than that only by a grant. Whoever
    /// died while others go over comes back as it was; and who comes anew, or whose agent is too old to say, begins with what all
    /// have run.
    #[must_use]
    pub fn program_for(&self, node: NodeId, ran: Option<&Program>) -> Program {
        let granted = self.grant.as_ref().filter(|grant| grant.nodes.contains(&node));
        match (granted.map(|grant| grant.operation), &self.previous, ran) {
            (Some(Operation::PutBack), Some(previous), _) => previous.clone(),
            (Some(Operation::Restart), ..) => self.program(),
            (_, Some(previous), Some(ran)) if ran.is_same(previous) => previous.clone(),
            (_, Some(previous), None) if !self.returning => previous.clone(),
            _ => self.program(),
        }
    }
}
