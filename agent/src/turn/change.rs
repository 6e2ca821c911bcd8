//! Changes of the Record, as the plan wants them.

use std::collections::BTreeMap;

use justmanage_model::{BusId, NodeId, Phase, Record, RecordChange};
use justmanage_record::StoreError;

use super::Turn;
use super::act::StepError;
use crate::authority;
use crate::secrets::{ClusterSecrets, new_password};

/// Enters the ids of servers.
fn know(record: &mut Record, ids: &BTreeMap<NodeId, BusId>) {
    for (node, id) in ids {
        if let Some(member) = record.members.get_mut(node) {
            member.bus_id = Some(*id);
        }
    }
}

impl Turn {
    /// Makes a change by compare-and-set.
    pub(super) async fn record(&mut self, record: &Record, change: &RecordChange) -> Result<(), StepError> {
        let mut next = record.clone();
        self.apply(&mut next, change)?;
        next.raise_layout();
        if next == *record {
            return Ok(());
        }
        next.generation = record.generation.next();
        match self.tools.store.compare_and_set((record.epoch, record.generation), next).await {
            // Somebody was first: the next turn looks again. So it does when nobody knows whether it was taken.
            Ok(()) | Err(StoreError::Conflict(_) | StoreError::Unknown(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn apply(&self, next: &mut Record, change: &RecordChange) -> Result<(), StepError> {
        match change {
            RecordChange::FoundAuthority => {
                let (certificate, authority_key) = authority::found(&next.cluster, (self.tools.clock)())?;
                let secrets = ClusterSecrets { authority_key, replication_password: new_password()? };
                next.vault = Some(self.tools.secrets.seal(next, &secrets)?);
                next.ca_certificate = Some(certificate);
            }
            RecordChange::SealSecrets => next.vault = Some(self.tools.secrets.reseal(next)?),
            RecordChange::Introduce(ids) => know(next, ids),
            RecordChange::Formed(ids) => {
                next.phase = Phase::Formed;
                know(next, ids);
            }
            RecordChange::Joined(node, id) => know(next, &BTreeMap::from([(*node, *id)])),
            RecordChange::Moved(places) => {
                for (node, at) in places {
                    if let Some(member) = next.members.get_mut(node) {
                        member.move_to(*at);
                    }
                }
            }
            RecordChange::Give(grant) => next.grant = Some(grant.clone()),
            RecordChange::ClearGrant => next.grant = None,
            RecordChange::Halt(halt) => {
                next.grant = None;
                next.halt = Some(halt.clone());
            }
            RecordChange::EndPasswords(by) => next.end_passwords(*by),
            RecordChange::SetFence(shard, fence) => drop(next.fences.insert(*shard, *fence)),
            RecordChange::TakeOver(shard, takeover) => drop(next.takeovers.insert(*shard, takeover.clone())),
            RecordChange::EndTakeover(shard) => drop(next.takeovers.remove(shard)),
        }
        Ok(())
    }
}
