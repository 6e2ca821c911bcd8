//! Long polls: an answer as soon as there is another one than the caller has.

use std::sync::Arc;
use std::time::Duration;

use justmanage_agent_proto::v1::{ObserveReply, ObserveRequest};
use justmanage_model::record::Agent;
use justmanage_model::{Epoch, NodeId};
use justmanage_record::{RecordStore, Standing};
use tokio::sync::watch;
use tonic::Status;

use super::convert::{encode, encode_record};
use super::{Api, FIRST_LOOK_LIMIT, WAIT_LIMIT};
use crate::status::{ClusterStatus, Numbered};

/// A value with another number than `seen`, or, when the time is up, what there is by then.
pub(super) async fn newer<T>(
    mut values: watch::Receiver<Option<Numbered<T>>>,
    seen: u64,
    wait_ms: u32,
) -> Result<(u64, Arc<T>), Status> {
    let wait = Duration::from_millis(wait_ms.into()).min(WAIT_LIMIT);
    let limit = if seen == 0 { FIRST_LOOK_LIMIT } else { wait };
    let different = values.wait_for(|value| value.as_ref().is_some_and(|(number, _)| *number != seen));
    let _ = tokio::time::timeout(limit, different).await;
    let current = values.borrow().clone();
    current.ok_or_else(|| Status::unavailable("the agent is still starting"))
}

/// How often a question is passed on at most: from one who does not vote to one who does, and on to the leader.
const PASSES: u32 = 2;

impl Api {
    /// How the cluster is: as we see it if we lead, and otherwise as the leader does.
    pub(super) async fn cluster(&self, request: ObserveRequest) -> Result<ObserveReply, Status> {
        if let Some((node, agent, epoch)) = self.next_to_ask().filter(|_| request.passed_on < PASSES)
            && let Ok(reply) = self.tools.peers.observe((node, agent), epoch, &request).await
        {
            return Ok(reply);
        }
        let (version, status) = newer(self.tools.cluster.clone(), request.seen, request.wait_ms).await?;
        self.reply(version, &status)
    }

    /// The agent that leads, or one that is nearer to it, if that is another one and known.
    fn next_to_ask(&self) -> Option<(NodeId, Agent, Epoch)> {
        let next = match &*self.tools.group.standing().borrow() {
            Standing::Follower { leader } => *leader,
            Standing::Observer { from } => *from,
            _ => None,
        }?;
        let record = self.tools.group.get()?;
        let agent = record.agent(next).filter(|_| next != self.tools.info.claim.node)?;
        Some((next, agent, record.epoch))
    }

    fn reply(&self, version: u64, status: &ClusterStatus) -> Result<ObserveReply, Status> {
        // A Record that was taken after the agent's last turn: "converged" would be said of the one before.
        let newest = self.tools.group.get();
        let fresh = newest == status.record;
        Ok(ObserveReply {
            version,
            record: encode_record(newest.as_ref())?,
            observation: encode(&status.observation)?,
            converged: status.converged && fresh,
            waiting: if fresh { encode(&status.waiting)? } else { b"[]".to_vec() },
            leader: status.leader.map(|leader| leader.to_string()).unwrap_or_default(),
            last_operation: status.last_operation.as_deref().map(encode).transpose()?.unwrap_or_default(),
        })
    }
}
