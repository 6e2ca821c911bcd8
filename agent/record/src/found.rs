//! How a group begins: agents are invited, and one of them founds.

use std::collections::BTreeMap;
use std::time::Duration;

use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_agent_proto::v1::{AskReply, FoundGroupRequest};
use justmanage_model::{Generation, Pin, Record};
use openraft::error::{InitializeError, RaftError};
use tokio::time::Instant;
use tracing::info;

use crate::change::LIMIT;
use crate::disk::{Disk, DiskError, Row, key, last_entry};
use crate::group::Group;
use crate::types::{Raft, RaftId, Vote, Voter, raft_id, voter, wanted_voters};
use crate::{Standing, StoreError};

/// Longest wait for all who are to vote to be there. They were started and invited before somebody founds; a machine that
/// takes longer is not there.
const GATHERING: Duration = Duration::from_secs(10);
/// Between two rounds of asking who is there.
const ASK_AGAIN: Duration = Duration::from_millis(20);

impl Group {
    /// Tells this agent whom to trust: the epoch, and the members with their keys. For a new cluster this is the Record that
    /// [`Group::found`] then begins with; for an agent that joins a cluster, that cluster's Record at the moment. It is on
    /// disk when this returns.
    ///
    /// Another invitation takes its place as long as this agent has neither voted nor seen a Record; the same one again is
    /// fine at any time.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the Record (or the invitation) that it has. [`StoreError::Invalid`], also if the Record
    /// does not name this agent with its key.
    pub async fn invite(&self, record: Record) -> Result<(), StoreError> {
        let invalid = |why: &str| Err(StoreError::Invalid(why.to_owned()));
        record.check().map_err(|fault| StoreError::Invalid(fault.to_string()))?;
        match record.agent(self.node) {
            None => return invalid("it does not name this agent's node"),
            Some(agent) if agent.pin != self.pin => return invalid("it names this agent's node with another key"),
            Some(_) => {}
        }
        let _one = self.inviting.lock().await;
        if let Standing::Broken { why } = &*self.standing.borrow() {
            return Err(StoreError::NoMajority(why.clone()));
        }
        let before = self.invitation.borrow().clone();
        if before.as_ref() == Some(&record) {
            return Ok(());
        }
        if let Some(current) = self.record.borrow().clone() {
            return Err(StoreError::Conflict(Some(Box::new(current))));
        }
        let untouched = untouched(&self.disk).map_err(|fault| StoreError::NoMajority(fault.to_string()))?;
        if !untouched {
            return Err(StoreError::Conflict(before.map(Box::new)));
        }
        let rows = || Ok(vec![Row::put(key::EPOCH, &record.epoch)?, Row::put(key::INVITATION, &record)?]);
        let kept = match rows() {
            Ok(rows) => self.disk.put(rows).await,
            Err(fault) => Err(fault),
        };
        kept.map_err(|fault: DiskError| StoreError::NoMajority(fault.to_string()))?;
        info!(epoch = %record.epoch, generation = %record.generation, "invited");
        self.calls.set_epoch(Some(record.epoch));
        self.invitation.send_replace(Some(record));
        self.publish_pins();
        self.stir.notify_one();
        Ok(())
    }

    /// Founds the group from the invitation, which all its members should have: waits until all who are to vote are there,
    /// at most 10 s, and agrees with them on the first Record. A group that is there already is success.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] without an invitation, or with one to a cluster that exists; [`StoreError::NoMajority`] naming
    /// who is not there; the others as for a change. Founding again is always safe.
    pub async fn found(&self) -> Result<(), StoreError> {
        if self.record.borrow().is_some() {
            return Ok(());
        }
        let Some(invitation) = self.invitation() else {
            return Err(StoreError::Invalid("nobody invited this agent".to_owned()));
        };
        if invitation.generation != Generation::FIRST {
            return Err(StoreError::Invalid("the cluster exists: this agent joins it by itself".to_owned()));
        }
        if crate::voters(&invitation).contains(&self.node) {
            return self.found_here().await;
        }
        let mut why = String::new();
        for node in crate::voters(&invitation) {
            let Some(other) = voter(&invitation, node) else { continue };
            let request = FoundGroupRequest { epoch: self.calls.epoch_text() };
            let limit = GATHERING + LIMIT * 2;
            match self.calls.ask(&other, limit, |mut client| async move { client.found_group(request).await }).await {
                Ok(_) => return Ok(()),
                Err(error) => why = format!("agent of {node}: {}", error.why()),
            }
        }
        Err(StoreError::NoMajority(why))
    }

    /// Founds the group as one that is to vote.
    pub(crate) async fn found_here(&self) -> Result<(), StoreError> {
        let broken = |why: &str| StoreError::NoMajority(why.to_owned());
        let Some(invitation) = self.invitation() else { return Err(broken("it has no invitation")) };
        let raft = self.raft.borrow().clone().ok_or_else(|| broken("it cannot use its copy"))?;
        let voters = wanted_voters(&invitation);
        let begun = raft.is_initialized().await.map_err(|error| StoreError::NoMajority(error.to_string()))?;
        if !begun {
            self.gather(&voters).await?;
            begin(&raft, voters).await?;
            self.stir.notify_one();
        }
        match self.change(None, invitation.clone()).await {
            Ok(()) => Ok(()),
            // Somebody else has founded it.
            Err(StoreError::Conflict(Some(record))) if record.epoch == invitation.epoch => Ok(()),
            Err(StoreError::Unknown(_)) if self.record.borrow().is_some() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until all of these are there: a vote that one of them misses costs a whole election.
    async fn gather(&self, voters: &BTreeMap<RaftId, Voter>) -> Result<(), StoreError> {
        let deadline = Instant::now() + GATHERING;
        for voter in voters.values().filter(|voter| voter.pin != self.pin) {
            loop {
                let error = match self.calls.ping(voter).await {
                    Ok(()) => break,
                    Err(error) => error,
                };
                if error.refused() == Some(Kind::OtherEpoch) {
                    return Err(StoreError::OtherEpoch);
                }
                if Instant::now() > deadline {
                    let why = format!("the agent of {} at {} is not there: {}", voter.node, voter.agent, error.why());
                    return Err(StoreError::NoMajority(why));
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
        Ok(())
    }

    /// What somebody is to the group, by this Record.
    pub(crate) fn what_is(&self, pin: &Pin, record: Option<&Record>) -> AskReply {
        let member = record.is_some_and(|record| record.agents().any(|(_, agent)| agent.pin == *pin));
        let id = raft_id(pin);
        let raft = self.raft.borrow().clone();
        let membership = raft.map(|raft| raft.server_metrics().borrow().membership_config.clone());
        let voter = membership.is_some_and(|membership| membership.nodes().any(|(other, _)| *other == id));
        AskReply { member, voter, generation: 0 }
    }

    /// That somebody was removed, by what was agreed and has arrived here: that is so whoever leads now. It says nothing of who votes.
    pub(crate) fn was_removed(&self, pin: &Pin) -> Option<AskReply> {
        let record = self.record.borrow().clone()?;
        let belongs = record.agents().any(|(_, agent)| agent.pin == *pin);
        let removed = !belongs && self.machine.state().former.contains(pin);
        removed.then(|| AskReply { member: false, voter: true, generation: record.generation.get() })
    }

    /// Passes a question on to the leader.
    pub(crate) async fn ask_leader(&self, about: Pin) -> Option<AskReply> {
        let raft = self.raft.borrow().clone()?;
        let metrics = raft.metrics().borrow().clone();
        let leader = metrics.current_leader.filter(|leader| *leader != self.id)?;
        let leader = metrics.membership_config.membership().get_node(&leader)?.clone();
        self.ask(&leader, Some(about)).await.ok()
    }
}

/// Nothing was voted on yet, nor heard of.
fn untouched(disk: &Disk) -> Result<bool, DiskError> {
    let voted = disk.get::<Vote>(key::VOTE)?.is_some();
    Ok(!voted && disk.reading(last_entry)?.is_none() && disk.record(key::COPY)?.is_none())
}

/// Begins the group with these voters. This agent stands for election at once.
async fn begin(raft: &Raft, voters: BTreeMap<RaftId, Voter>) -> Result<(), StoreError> {
    match raft.initialize(voters).await {
        // Another one was faster.
        Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
        Err(error) => Err(StoreError::NoMajority(error.to_string())),
    }
}
