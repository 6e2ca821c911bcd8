//! How a group begins again, after a majority of its voters was lost for good.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use justmanage_model::{Epoch, Record};
use openraft::{CommittedLeaderId, EntryPayload, Membership};
use redb::Database;
use tokio::sync::oneshot;
use tracing::warn;

use crate::disk::{DiskError, Row, key, last_entry, store, value};
use crate::group::{Group, lock};
use crate::keeper::Order;
use crate::machine::Kept;
use crate::types::{Command, Entry, LogId, Vote, Voter, voter};
use crate::{RecordStore, StoreError};

/// Longest time for this agent to lead the group that it has founded anew: it is alone in it.
const LIMIT: Duration = Duration::from_secs(10);

impl Group {
    /// Founds the group anew, with this agent as its only voter and the newest Record that it has seen, one generation on and
    /// in another epoch: `epoch`, which the caller draws. For a majority that is lost for good; what only the lost agents
    /// knew is lost. Should they come back, their calls are refused, as they refuse ours. The members that are gone are
    /// still named in the Record, and should be taken out of it next; then others are given votes.
    ///
    /// The same epoch again is success.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if a majority can still be reached, or this agent never saw a Record that names it;
    /// [`StoreError::NoMajority`] if its copy cannot be used; [`StoreError::Unknown`] if it does not lead in time.
    pub async fn refound(&self, epoch: Epoch) -> Result<(), StoreError> {
        let invalid = |why: &str| Err(StoreError::Invalid(why.to_owned()));
        match self.get() {
            Some(record) if record.epoch == epoch => return Ok(()),
            Some(record) if record.belongs(self.node) => {}
            Some(_) => return invalid("this agent was removed from the cluster"),
            None => return invalid("this agent has never seen a Record"),
        }
        if self.read().await.is_ok() {
            return invalid("a majority of the agents that vote can be reached: there is nothing to recover");
        }
        let (done, result) = oneshot::channel();
        let closed = |_| StoreError::NoMajority("the group is closed".to_owned());
        self.orders.send(Order::Refound { epoch, done }).await.map_err(|error| closed(error.to_string()))?;
        result.await.map_err(|error| closed(error.to_string()))??;
        let mut records = self.record.subscribe();
        let anew = records.wait_for(|record| record.as_ref().is_some_and(|record| record.epoch == epoch));
        match tokio::time::timeout(LIMIT, anew).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(StoreError::Unknown("it is written, and this agent does not lead yet".to_owned())),
        }
    }

    /// Writes the beginning of the new group behind the log of the old one. The core does not run.
    pub(crate) async fn rewrite(&self, epoch: Epoch) -> Result<(), StoreError> {
        let copy = self.get();
        let own = copy.as_ref().and_then(|record| voter(record, self.node));
        let own =
            own.ok_or_else(|| StoreError::Invalid("this agent has never seen a Record that names it".to_owned()))?;
        let written = async {
            self.disk.open()?;
            self.disk.mark().await?;
            self.disk.synced(move |db| begin_anew(db, &own, epoch, copy)).await
        };
        written.await.map_err(|fault: DiskError| StoreError::NoMajority(fault.to_string()))?;
        warn!(%epoch, "founded the group anew, with this agent as its only voter");
        *lock(&self.dismissed) = None;
        *lock(&self.removed_at) = None;
        Ok(())
    }
}

/// In one write: this agent is the only voter and has won an election that is later than any; and the Record begins anew.
fn begin_anew(db: &Database, own: &Voter, epoch: Epoch, copy: Option<Record>) -> Result<(), DiskError> {
    let vote = value::<Vote>(db, key::VOTE)?.unwrap_or_default();
    let kept = value::<Kept>(db, key::SNAPSHOT)?.and_then(|kept| kept.state.applied);
    let purged = value::<LogId>(db, key::PURGED)?;
    let last = last_entry(db)?.into_iter().chain(purged).chain(kept).max();
    let term = vote.leader_id().term.max(last.map_or(0, |last| last.leader_id.term)) + 1;
    let next = last.map_or(0, |last| last.index + 1);
    let at = |index| LogId::new(CommittedLeaderId::new(term, own.id()), index);
    let only = Membership::new(vec![BTreeSet::from([own.id()])], BTreeMap::from([(own.id(), own.clone())]));
    let only: Entry = Entry { log_id: at(next), payload: EntryPayload::Membership(only) };
    let refound = Command::Refound { epoch, copy: copy.map(Box::new) };
    let refound: Entry = Entry { log_id: at(next + 1), payload: EntryPayload::Normal(refound) };
    let rows = vec![
        Row::put(key::VOTE, &Vote::new_committed(term, own.id()))?,
        Row::put(key::EPOCH, &epoch)?,
        Row::Remove(key::INVITATION),
        Row::entry(&only)?,
        Row::entry(&refound)?,
    ];
    store(db, rows)
}
