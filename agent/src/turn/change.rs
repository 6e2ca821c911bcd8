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

    /// Changes the cluster's secrets, and seals them anew.
    fn keep(
        &self,
        next: &mut Record,
        change: impl FnOnce(ClusterSecrets) -> Result<ClusterSecrets, StepError>,
    ) -> Result<(), StepError> {
        let secrets = change(self.tools.secrets.of(next)?)?;
        next.vault = Some(self.tools.secrets.seal(next, &secrets)?);
        Ok(())
    }

    fn apply(&self, next: &mut Record, change: &RecordChange) -> Result<(), StepError> {
        match change {
            RecordChange::FoundAuthority => {
                let made = authority::found(next.cluster, None, (self.tools.clock)())?;
                let secrets = ClusterSecrets {
                    authority: made.key,
                    next_authority: None,
                    replication_password: new_password()?,
                    other_password: None,
                };
                next.vault = Some(self.tools.secrets.seal(next, &secrets)?);
                next.found_authority(made.certificate, made.due);
            }
            RecordChange::RenewCertificates => next.renew_certificates(),
            RecordChange::AnnounceAuthority(_) if next.rotation.succession.is_some() => next.ask_for_authority(),
            RecordChange::AnnounceAuthority(at) => {
                let made = authority::found(next.cluster, Some(next.generation.next()), (self.tools.clock)())?;
                self.keep(next, |secrets| Ok(ClusterSecrets { next_authority: Some(made.key), ..secrets }))?;
                next.announce_authority(&made.certificate, *at, made.due);
            }
            RecordChange::SucceedAuthority => {
                // The old key signs nothing any more, and is kept nowhere.
                self.keep(next, |secrets| {
                    let authority = secrets.next_authority.clone().ok_or(StepError::NoAuthority)?;
                    Ok(ClusterSecrets { authority, next_authority: None, ..secrets })
                })?;
                next.succeed_authority();
            }
            RecordChange::AcceptPassword => {
                let new = new_password()?;
                self.keep(next, |secrets| Ok(ClusterSecrets { other_password: Some(new), ..secrets }))?;
                next.accept_password();
            }
            RecordChange::UsePassword => {
                self.keep(next, |secrets| {
                    let new = secrets.other_password.clone().ok_or(StepError::NoPassword)?;
                    let old = secrets.replication_password.clone();
                    Ok(ClusterSecrets { replication_password: new, other_password: Some(old), ..secrets })
                })?;
                next.use_password();
            }
            RecordChange::DropPassword => {
                self.keep(next, |secrets| Ok(ClusterSecrets { other_password: None, ..secrets }))?;
                next.drop_password();
            }
            RecordChange::DropAuthority => next.drop_authority(),
            RecordChange::SealSecrets => next.vault = Some(self.tools.secrets.reseal(next)?),
            RecordChange::Introduce(ids) => know(next, ids),
            RecordChange::Formed(ids) => {
                next.phase = Phase::Formed;
                know(next, ids);
            }
            RecordChange::Joined(node, id) => know(next, &BTreeMap::from([(*node, *id)])),
            RecordChange::Moved(places) => next.move_to(places),
            RecordChange::Give(grant) => next.grant = Some(grant.clone()),
            RecordChange::ClearGrant => next.grant = None,
            RecordChange::Halt(halt) => {
                next.grant = None;
                next.halt = Some(halt.clone());
            }
            RecordChange::HaltAfter(halt) => next.halt_after(halt),
            RecordChange::PutBack(node, halt) => next.put_back(*node, halt),
            RecordChange::NoteOffer(offer) => next.note_offer(offer),
            RecordChange::TakeUp => next.take_up(),
            RecordChange::Withdraw => next.withdraw(),
            RecordChange::ForgetPrevious(until) => next.forget_previous(*until),
            RecordChange::EndTrial => next.end_trial(),
            RecordChange::Replace { lost, by } => next.replace(*lost, *by),
            RecordChange::EndReshaping => next.end_reshaping(),
            RecordChange::CountBackupsFrom(moment) => next.count_backups_from(*moment),
            RecordChange::BeginBackup(run) => next.begin_backup(run),
            RecordChange::CompleteBackup => next.complete_backup(),
            RecordChange::KeepBackup(done) => next.keep_backup(done),
            RecordChange::GiveUpBackup(failure) => next.give_up_backup(failure),
            RecordChange::EndPasswords(by) => next.end_passwords(*by),
            RecordChange::SetFence(shard, fence) => drop(next.fences.insert(*shard, *fence)),
            RecordChange::TakeOver(shard, takeover) => drop(next.takeovers.insert(*shard, takeover.clone())),
            RecordChange::EndTakeover(shard) => drop(next.takeovers.remove(shard)),
        }
        Ok(())
    }
}
