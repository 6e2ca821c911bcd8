//! The agent's API: what operators ask and tell.

use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_agent_proto::v1::agent_server::{Agent, AgentServer};
use justmanage_agent_proto::v1::{FoundRequest, ProposalReply, ProposeRequest, StatusReply, StatusRequest};
use justmanage_model::node::AgentInfo;
use justmanage_model::{Generation, Record, Waiting};
use serde::Serialize;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tracing::info;

use crate::status::Numbered;
use crate::store::{RecordStore, StoreError};

/// Longest wait of one status call.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// How long a caller waits for an agent that has just started and not looked at its node yet: that takes milliseconds.
const FIRST_LOOK_LIMIT: Duration = Duration::from_secs(2);
/// Largest message: a Record of 64 KiB and what goes with it, with room.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// The API of one agent.
pub struct Api {
    info: AgentInfo,
    store: Arc<dyn RecordStore>,
    status: watch::Receiver<Option<Numbered>>,
    contact: watch::Sender<Instant>,
}

impl Api {
    /// The API of the agent that is described by `info`. `contact` learns when an operator was last here.
    pub fn new(
        info: AgentInfo,
        store: Arc<dyn RecordStore>,
        status: watch::Receiver<Option<Numbered>>,
        contact: watch::Sender<Instant>,
    ) -> Self {
        Self { info, store, status, contact }
    }

    /// As a service for a tonic server.
    pub fn into_server(self) -> AgentServer<Self> {
        AgentServer::new(self).max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT)
    }

    /// Whether a first Record is about this node at all.
    fn about_us(&self, record: &Record) -> Result<(), Status> {
        let claim = &self.info.claim;
        if record.cluster != claim.cluster || record.name != claim.name {
            return Err(Status::invalid_argument("the Record is of another cluster than this node's claim"));
        }
        match record.members.get(&claim.node) {
            Some(member) if member.pin == self.info.pin && member.client == self.info.client => Ok(()),
            Some(_) => Err(Status::invalid_argument("the Record has another key or address for this node")),
            None => Err(Status::invalid_argument("the Record does not have this node among its members")),
        }
    }

    async fn set(
        &self,
        expected: Option<(justmanage_model::Epoch, Generation)>,
        next: Record,
    ) -> Result<Response<ProposalReply>, Status> {
        let generation = next.generation;
        let reply = |applied, record: Option<&Record>| {
            let record = record.map(encode).transpose()?.unwrap_or_default();
            Ok(Response::new(ProposalReply { applied, record }))
        };
        match self.store.compare_and_set(expected, next.clone()).await {
            Ok(()) => {
                info!(%generation, "an operator changed the Record");
                reply(true, Some(&next))
            }
            Err(StoreError::Conflict(record)) => reply(false, record.as_deref()),
            Err(error @ StoreError::OtherEpoch) => Err(Status::failed_precondition(error.to_string())),
            Err(error @ StoreError::Invalid(_)) => Err(Status::invalid_argument(error.to_string())),
            Err(error @ StoreError::Unknown(_)) => Err(Status::unknown(error.to_string())),
        }
    }
}

#[tonic::async_trait]
impl Agent for Api {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        self.contact.send_replace(Instant::now());
        let StatusRequest { seen, wait_ms } = request.into_inner();
        let wait = Duration::from_millis(wait_ms.into()).min(WAIT_LIMIT);
        let mut statuses = self.status.clone();
        let different = statuses.wait_for(|status| status.as_ref().is_some_and(|(number, _)| *number != seen));
        // When the time is up, what there is by then is the answer.
        let limit = if seen == 0 { FIRST_LOOK_LIMIT } else { wait };
        let _ = tokio::time::timeout(limit, different).await;
        let current = statuses.borrow().clone();
        let Some((version, status)) = current else {
            return Err(Status::unavailable("the agent is still starting"));
        };
        // A Record that was taken after the agent's last turn: "converged" would be said of the one before.
        let newest = self.store.get();
        let fresh = newest == status.record;
        Ok(Response::new(StatusReply {
            version,
            record: newest.as_ref().map(encode).transpose()?.unwrap_or_default(),
            node: encode(&status.node)?,
            converged: status.converged && fresh,
            waiting: if fresh { encode(&status.waiting)? } else { encode::<[Waiting; 0]>(&[])? },
        }))
    }

    async fn found(&self, request: Request<FoundRequest>) -> Result<Response<ProposalReply>, Status> {
        self.contact.send_replace(Instant::now());
        let record: Record = decode(&request.into_inner().record)?;
        self.about_us(&record)?;
        self.set(None, record).await
    }

    async fn propose(&self, request: Request<ProposeRequest>) -> Result<Response<ProposalReply>, Status> {
        self.contact.send_replace(Instant::now());
        let request = request.into_inner();
        let epoch = request.epoch.parse().map_err(|error| Status::invalid_argument(format!("{error}")))?;
        let record: Record = decode(&request.record)?;
        self.about_us(&record)?;
        self.set(Some((epoch, Generation::new(request.expected_generation))), record).await
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(value).map_err(|error| Status::internal(error.to_string()))
}

fn decode(json: &[u8]) -> Result<Record, Status> {
    serde_json::from_slice(json)
        .map_err(|error| Status::invalid_argument(format!("the Record cannot be read: {error}")))
}
