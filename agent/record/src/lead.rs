//! Who leads, as far as this agent knows, and the proof that it does itself.

use std::time::Duration;

use justmanage_model::NodeId;
use openraft::ServerState;
use openraft::error::{CheckIsLeaderError, ForwardToLeader, RaftError};

use crate::Standing;
use crate::change::{AGAIN, AT_ONCE};
use crate::group::{Group, lock};
use crate::judge::PROOF_LIMIT;
use crate::types::{Metrics, Raft, RaftId, Voter, voter};

/// Why the library does not take this agent for the leader.
pub(crate) type Unproven = RaftError<RaftId, CheckIsLeaderError<RaftId, Voter>>;

/// Who can answer.
pub(crate) enum Lead {
    Here(Raft),
    There(Voter),
    /// Nobody does at the moment.
    Nowhere(String),
    /// And nobody will: this agent takes no part.
    Never(String),
}

impl Group {
    /// Who can answer, as far as this agent knows.
    pub(crate) fn lead(&self) -> Lead {
        let raft = self.raft.borrow().clone();
        let Some(raft) = raft else {
            return match &*self.standing.borrow() {
                Standing::Broken { why } => Lead::Never(why.clone()),
                _ => Lead::Nowhere("this agent takes no part at the moment".to_owned()),
            };
        };
        if *self.standing.borrow() == Standing::Removed {
            return Lead::Never("this agent was removed from the cluster".to_owned());
        }
        let metrics = raft.metrics().borrow().clone();
        if self.votes(&metrics) {
            if metrics.state == ServerState::Leader {
                return Lead::Here(raft);
            }
            let known = metrics.current_leader.filter(|leader| *leader != self.id);
            let leader = known.and_then(|leader| metrics.membership_config.membership().get_node(&leader).cloned());
            return leader.map_or_else(|| Lead::Nowhere("no agent leads at the moment".to_owned()), Lead::There);
        }
        let Some(trusted) = self.trusted() else { return Lead::Never("nobody invited this agent".to_owned()) };
        if let Some(leader) = lock(&self.hint).and_then(|leader| voter(&trusted, leader)) {
            return Lead::There(leader);
        }
        let wanted = crate::voters(&trusted).into_iter().filter(|node| *node != self.node);
        let voters: Vec<_> = wanted.filter_map(|node| voter(&trusted, node)).collect();
        let next = self.next_of(&voters).cloned();
        next.map_or_else(|| Lead::Nowhere("no other agent is known".to_owned()), Lead::There)
    }

    /// Keeps in mind who leads, and says how long to wait before asking.
    pub(crate) fn learn(&self, leader: Option<NodeId>) -> Duration {
        *lock(&self.hint) = leader;
        if leader.is_some() { AT_ONCE } else { AGAIN }
    }

    /// Proves that this agent leads, and has applied everything that was taken before.
    ///
    /// A leader that is started again goes on leading without an election. What it had agreed on with the others it may not
    /// have kept, since that is not synced: the library would let it read from before what it has itself acknowledged. So it
    /// first gets agreement on all that its log held when it was started.
    pub(crate) async fn prove(&self, raft: &Raft) -> Result<(), Unproven> {
        raft.ensure_linearizable().await?;
        let resumed = *lock(&self.resumed);
        if let Some((term, index)) = resumed {
            let all = |metrics: &Metrics| {
                metrics.current_term != term || metrics.last_applied.is_some_and(|last| last.index >= index)
            };
            let waited = raft.wait(Some(PROOF_LIMIT)).metrics(all, "all that the log held").await;
            waited.map_err(|_| RaftError::APIError(ForwardToLeader::empty().into()))?;
            *lock(&self.resumed) = None;
            // In another term it does not lead, or has proven that it does.
            raft.ensure_linearizable().await?;
        }
        Ok(())
    }
}
