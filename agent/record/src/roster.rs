//! Who is known to this agent, where they are, and who may call.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_identity::Peer;
use justmanage_model::{Epoch, Generation, NodeId, Pin, Record};
use openraft::ServerState;
use tonic::{Request, Status};

use crate::Standing;
use crate::calls::refusal;
use crate::group::Group;
use crate::types::{Metrics, Raft, RaftId, StoredMembership, Voter};

/// What somebody is to this agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A member, a spare, or one who still votes; before there is a Record, one with whom this agent was invited.
    Known,
    /// Removed of late.
    Former,
    /// Anybody else, an operator for instance.
    Stranger,
}

/// The node of a voter.
pub(crate) fn node_of(metrics: &Metrics, id: RaftId) -> Option<NodeId> {
    metrics.membership_config.membership().get_node(&id).map(|voter| voter.node)
}

/// Everybody in a Record.
fn agents(record: &Record) -> impl Iterator<Item = Voter> {
    record.agents().map(|(node, agent)| Voter { node, pin: agent.pin, agent: agent.agent })
}

impl Group {
    /// The generation of this agent's copy.
    pub(crate) fn generation(&self) -> Option<Generation> {
        self.record.borrow().as_ref().map(|record| record.generation)
    }

    /// The Record, or before there is one, the one that this agent was invited with: whom to trust.
    pub(crate) fn trusted(&self) -> Option<Record> {
        let record = self.record.borrow().clone();
        record.or_else(|| self.invitation.borrow().clone())
    }

    /// Everybody whom this agent knows of the group, without itself.
    pub(crate) fn acquaintances(&self) -> Vec<Voter> {
        let mut known: Vec<Voter> = self.voters_now().into_iter().collect();
        if let Some(record) = self.trusted() {
            known.extend(agents(&record));
        }
        known.retain(|other| other.pin != self.pin);
        known.sort_by_key(Voter::id);
        known.dedup_by_key(|other| other.pin);
        known
    }

    /// Those in the group's own list, voters and those who are about to vote.
    fn voters_now(&self) -> Vec<Voter> {
        let membership = |membership: &StoredMembership| membership.nodes().map(|(_, voter)| voter.clone()).collect();
        match self.raft.borrow().as_ref() {
            Some(raft) => membership(&raft.server_metrics().borrow().membership_config.clone()),
            None => membership(&self.machine.state().membership),
        }
    }

    /// Each of these has its turn.
    pub(crate) fn next_of<'a>(&self, others: &'a [Voter]) -> Option<&'a Voter> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        others.get(turn % others.len().max(1))
    }

    /// What somebody is to this agent.
    pub(crate) fn caller(&self, pin: &Pin) -> Caller {
        let has = |record: &Record| record.agents().any(|(_, agent)| agent.pin == *pin);
        let in_record = self.record.borrow().as_ref().map(has);
        let member = in_record.unwrap_or_else(|| self.invitation.borrow().as_ref().is_some_and(has));
        if member || self.voters_now().iter().any(|voter| voter.pin == *pin) {
            return Caller::Known;
        }
        if self.machine.state().former.contains(pin) { Caller::Former } else { Caller::Stranger }
    }

    /// Lets a call in: it means our group, and it comes from somebody who may. Says who.
    pub(crate) fn admit<T>(&self, request: &Request<T>, epoch: &str) -> Result<(Pin, Caller), Status> {
        if let Standing::Broken { why } = &*self.standing.borrow() {
            return Err(refusal(Kind::Broken, None, why));
        }
        let Some(ours) = self.calls.epoch() else { return Err(refusal(Kind::Uninvited, None, "")) };
        if epoch.parse::<Epoch>().ok() != Some(ours) {
            return Err(refusal(Kind::OtherEpoch, None, ""));
        }
        let peer = request.extensions().get::<Peer>();
        let pin = peer.ok_or_else(|| refusal(Kind::Stranger, None, "the connection has no key"))?.pin;
        match self.caller(&pin) {
            Caller::Stranger => Err(refusal(Kind::Stranger, None, "")),
            caller => Ok((pin, caller)),
        }
    }

    /// As [`Group::admit`], for those who take part.
    pub(crate) fn admit_known<T>(&self, request: &Request<T>, epoch: &str) -> Result<Pin, Status> {
        match self.admit(request, epoch)? {
            (pin, Caller::Known) => Ok(pin),
            _ => Err(refusal(Kind::FormerMember, None, "")),
        }
    }

    /// Tells the door whom to let in.
    pub(crate) fn publish_pins(&self) {
        let mut pins: BTreeSet<Pin> = self.acquaintances().iter().map(|other| other.pin).collect();
        self.calls.keep_lines(|pin| pins.contains(pin));
        pins.extend(self.machine.state().former.iter().copied());
        self.pins.send_if_modified(|current| {
            let news = *current != pins;
            *current = pins;
            news
        });
    }

    /// The core, if it leads.
    pub(crate) fn leading_core(&self) -> Option<(Raft, Metrics)> {
        let raft = self.raft.borrow().clone()?;
        let metrics = raft.metrics().borrow().clone();
        (metrics.state == ServerState::Leader && self.votes(&metrics)).then_some((raft, metrics))
    }
}
