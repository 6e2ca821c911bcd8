//! Agents that read their servers for a backup, beside their turns.

use justmanage_model::backup::{BackupDone, BackupState, BackupTally, Occasion};
use justmanage_model::record::Operation;
use justmanage_model::{Bytes, Grant, Record};

use crate::TICK;
use crate::shape::node_id;
use crate::world::World;

/// How many rounds a part takes at most.
const ROUNDS: u64 = 150;
/// Once in so many times a part comes to nothing, while things break.
const FAILS: u64 = 6;

impl World {
    /// A round of it.
    pub(crate) fn back_up(&mut self, node: usize) {
        let copy = &self.agents[node].copy;
        let Some((_, run)) = copy.backup_part_of(node_id(node)) else {
            self.agents[node].backup = None;
            return;
        };
        let (id, occasion) = (run.id.clone(), run.occasion.clone());
        let manifest = run.complete && run.keeper() == Some(node_id(node));
        let before = self.agents[node].backup.take().filter(|tally| tally.id == id);
        let state = match before.map(|tally| tally.state) {
            None => BackupState::Running { bytes: Bytes::new(0) },
            Some(BackupState::Running { bytes }) => self.read_on(node, bytes),
            Some(BackupState::Written) if manifest => {
                let ended = self.clock(node);
                let (keys, stored) = (0, Bytes::new(0));
                self.counts.backups += 1;
                BackupState::Done(Box::new(BackupDone {
                    id: id.clone(),
                    occasion,
                    ended,
                    keys,
                    stored,
                    verified: true,
                }))
            }
            Some(state) => state,
        };
        self.agents[node].backup = Some(BackupTally { id, state });
        if self.agents[node].said.as_ref().is_none_or(|said| said.backup != self.agents[node].backup) {
            self.agents[node].wake_at = self.field.now;
        }
    }

    fn read_on(&mut self, node: usize, bytes: Bytes) -> BackupState {
        if !self.field.listens(node) {
            return BackupState::Failed { why: "its server does not answer".to_owned() };
        }
        if self.field.nodes[node].full {
            return BackupState::Failed { why: "the disk is full".to_owned() };
        }
        // Without further chance, so that seeds that were kept go on telling what they told.
        let draw = (self.field.now / TICK).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(node as u32) >> 32;
        match draw % ROUNDS {
            0 if !self.field.promises.calm && draw.is_multiple_of(FAILS) => {
                BackupState::Failed { why: "the store is full".to_owned() }
            }
            0 | 1 => BackupState::Written,
            _ if bytes >= Bytes::new(ROUNDS) => BackupState::Written,
            _ => BackupState::Running { bytes: Bytes::new(bytes.get() + 1) },
        }
    }

    /// Nobody is disturbed whose server is read, and nobody goes over before the backup that was to be made before.
    pub(crate) fn grant_beside_backups(&mut self, record: &Record, grant: &Grant) {
        let read = record.backups.run.iter().flat_map(|run| run.parts.values());
        if grant.operation == Operation::Reshard && record.backups.run.is_some()
            || read.into_iter().any(|node| grant.nodes.contains(node))
        {
            self.field.violation("a server may be disturbed while it is read for a backup");
        }
        let wanted = record.spec.backup_policy.as_ref().is_some_and(|policy| policy.before_upgrade);
        let Some(previous) = record.previous.as_ref().filter(|_| wanted && !record.returning) else { return };
        let nobody = record.members.keys().filter_map(|node| self.field.number(*node)).all(|node| {
            let server = &self.field.nodes[node].server;
            server.release == previous.release
        });
        if nobody && record.backups.before.is_none() && grant.operation == Operation::Restart {
            self.field.violation("a server goes over to another release, and nothing was backed up before");
        }
    }

    /// Whoever asked for a backup that does not come asks no more.
    pub(crate) fn somebody_gives_up_a_backup(&mut self) {
        let failed = self.store.record.backups.failed.as_ref();
        let asked = failed.is_some_and(|failed| matches!(failed.occasion, Occasion::Demand { .. }));
        if asked && self.store.record.spec.backup_now.is_some() && self.can_operate() {
            self.operate(|record| record.spec.backup_now = None);
        }
    }
}
