//! Who is let in at the agent's port, from moment to moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use justmanage_identity::Allowed;
use justmanage_model::{Pin, Record};
use justmanage_record::{Group, RecordStore};

use crate::enrolment::FirstOperators;

/// How long those who are no longer operators may stay: an operator who withdraws their own key should still hear that it was
/// done, and could not ask any more. The answer is on its way within a millisecond.
const FAREWELL: Duration = Duration::from_millis(100);

/// Decides whose connections are let in. What each of them may do is another question ([`crate::api`]).
pub(super) struct Door {
    group: Arc<Group>,
    first: FirstOperators,
    allowed: Allowed,
}

impl Door {
    /// Open to those who may come in now.
    pub(super) fn new(group: Arc<Group>, first: FirstOperators) -> Self {
        let door = Self { group, first, allowed: Allowed::new(BTreeSet::new()) };
        door.let_in(door.welcome());
        door
    }

    /// For those who stand at the door.
    pub(super) fn allowed(&self) -> Allowed {
        self.allowed.clone()
    }

    /// Lets in whom the Record names, from the moment it names them; before there is one, who has enrolled the agent. Nobody else
    /// changes who is allowed.
    pub(super) async fn keep(self) {
        let (mut records, mut pins, mut enrolled) = (self.group.watch(), self.group.pins(), self.first.watch());
        let mut before = BTreeSet::new();
        loop {
            records.mark_unchanged();
            pins.mark_unchanged();
            enrolled.mark_unchanged();
            let now = self.welcome();
            if !before.is_subset(&now) {
                self.let_in(before.union(&now).copied().collect());
                tokio::time::sleep(FAREWELL).await;
            }
            self.let_in(now.clone());
            before = now;
            let changed = tokio::select! {
                changed = records.changed() => changed,
                changed = pins.changed() => changed,
                changed = enrolled.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    fn let_in(&self, pins: BTreeSet<Pin>) {
        match self.told().is_none() && self.first.may_be_anybody() {
            true => self.allowed.set_with_strangers(pins),
            false => self.allowed.set(pins),
        }
    }

    /// Whom the Record names, or what this agent was invited with; before there is either, the first operators.
    fn welcome(&self) -> BTreeSet<Pin> {
        let mut pins = self.group.pins().borrow().clone();
        match self.told() {
            Some(record) => pins.extend(record.operators.iter().chain(&record.spec.metrics_readers)),
            None => pins.extend(self.first.pins()),
        }
        pins
    }

    /// What the agent was told of its cluster.
    fn told(&self) -> Option<Record> {
        self.group.get().or_else(|| self.group.invitation())
    }
}
