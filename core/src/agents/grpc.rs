//! Calls to agents over gRPC and mutual TLS.

mod codec;
mod machine;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use justmanage_agent_proto::v1::agent_client::AgentClient;
use justmanage_agent_proto::v1::{
    BackupsRequest, FoundRequest, InviteRequest, JournalRequest, ObserveRequest, ProposeRequest, RelocateRequest,
    StatusRequest,
};
use justmanage_identity::{connect, connect_through};
use justmanage_model::backup::{BackupEntry, BackupId};
use justmanage_model::journal::Entry;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Epoch, NodeId, Pin, Record};
use justmanage_platforms::{Stream, Way};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{AgentError, Agents, ClusterStatus, NodeReply, Note, Proposal};
use crate::OperatorKey;

/// Longest time for an answer beyond the time that the agent may wait itself. An agent answers within milliseconds; one that
/// asks the leader, or is busy with its disk, may need a second or two; a write that needs a majority is given up by the agents
/// themselves after 5 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The same for a look at the cluster, which changes nothing and can be asked of another agent.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Founding waits until every voter answers and has elected its leader: some seconds on a busy machine.
const FOUND_LIMIT: Duration = Duration::from_secs(30);
/// The same for a page of backups, whose manifests come over a network file system as a rule. An agent that does not get them within 20 s
/// says so.
const BACKUPS_LIMIT: Duration = Duration::from_secs(25);
/// Longest wait of one look at the cluster: shorter than what firewalls keep an idle connection for.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Agents that are reached over the network, with one connection to each.
pub struct GrpcAgents {
    operator: Arc<OperatorKey>,
    connections: Mutex<HashMap<(SocketAddr, Pin), Connection>>,
    ways: Mutex<HashMap<(SocketAddr, Pin), Way>>,
}

/// A connection, and the number of the last status that came over it.
#[derive(Clone)]
struct Connection {
    channel: Channel,
    last: Arc<Mutex<Option<(u64, ClusterStatus)>>>,
}

impl GrpcAgents {
    /// Calls in the name of this operator.
    pub fn new(operator: Arc<OperatorKey>) -> Self {
        Self { operator, connections: Mutex::default(), ways: Mutex::default() }
    }

    fn connection(&self, agent: &AgentInfo) -> Result<Connection, AgentError> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (agent.agent, agent.pin);
        if let Some(connection) = connections.get(&at) {
            return Ok(connection.clone());
        }
        let key = self.operator.existing().map_err(|failure| AgentError::Refused(failure.to_string()))?;
        let channel = match self.ways.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned() {
            None => connect(agent.agent, agent.pin, &key),
            Some(way) => connect_through(move || dial(way.clone()), agent.agent.ip(), agent.pin, &key),
        };
        let channel = channel.map_err(|e| AgentError::Refused(e.to_string()))?;
        let connection = Connection { channel, last: Arc::default() };
        connections.insert(at, connection.clone());
        Ok(connection)
    }

    fn client(&self, agent: &AgentInfo) -> Result<AgentClient<Channel>, AgentError> {
        Ok(AgentClient::new(self.connection(agent)?.channel))
    }
}

/// A new connection by a way.
async fn dial(way: Way) -> io::Result<Box<dyn Stream>> {
    way.dial().await
}

#[async_trait]
impl Agents for GrpcAgents {
    fn lead(&self, agent: &AgentInfo, way: Way) {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).insert((agent.agent, agent.pin), way);
    }

    async fn status(&self, agent: &AgentInfo) -> Result<NodeReply, AgentError> {
        let mut client = self.client(agent)?;
        let request = StatusRequest { seen: 0, wait_ms: 0, epoch: String::new() };
        codec::node(limited(LOOK_LIMIT, async { client.status(request).await }).await?)
    }

    async fn observe(
        &self,
        agent: &AgentInfo,
        seen: Option<&ClusterStatus>,
        within: Duration,
    ) -> Result<ClusterStatus, AgentError> {
        let connection = self.connection(agent)?;
        let last = connection.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Only what the caller has seen counts: if more came over this connection since, it is to be told at once.
        let seen = match (last, seen) {
            (Some((version, status)), Some(seen)) if status == *seen => version,
            _ => 0,
        };
        let wait = within.min(WAIT_LIMIT);
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let mut request = Request::new(ObserveRequest { seen, wait_ms, epoch: String::new(), passed_on: 0 });
        request.set_timeout(wait + LOOK_LIMIT);
        let mut client = AgentClient::new(connection.channel.clone());
        let reply = limited(wait + LOOK_LIMIT, async { client.observe(request).await }).await?;
        let version = reply.version;
        let status = codec::cluster(reply)?;
        *connection.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, status.clone()));
        Ok(status)
    }

    async fn invite(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError> {
        let mut client = self.client(agent)?;
        let request = InviteRequest { record: codec::encode(record)? };
        codec::proposal(limited(ANSWER_LIMIT, async { client.invite(request).await }).await?)
    }

    async fn found(&self, agent: &AgentInfo, epoch: Epoch) -> Result<Proposal, AgentError> {
        let mut client = self.client(agent)?;
        let request = FoundRequest { epoch: epoch.to_string() };
        codec::proposal(limited(FOUND_LIMIT, async { client.found(request).await }).await?)
    }

    async fn propose(
        &self,
        agent: &AgentInfo,
        before: &Record,
        after: &Record,
        note: &Note,
    ) -> Result<Proposal, AgentError> {
        let mut client = self.client(agent)?;
        let request = ProposeRequest {
            epoch: before.epoch.to_string(),
            expected_generation: before.generation.get(),
            record: codec::encode(after)?,
            note: note.note.clone(),
            ticket: note.ticket.clone(),
        };
        codec::proposal(limited(ANSWER_LIMIT, async { client.propose(request).await }).await?)
    }

    async fn relocate(&self, agent: &AgentInfo, places: &BTreeMap<NodeId, SocketAddr>) -> Result<(), AgentError> {
        let mut client = self.client(agent)?;
        let places = places.iter().map(|(node, at)| (node.to_string(), at.to_string())).collect();
        limited(LOOK_LIMIT, async { client.relocate(RelocateRequest { places }).await }).await.map(drop)
    }

    async fn journal(&self, agent: &AgentInfo, after: u64) -> Result<Vec<Entry>, AgentError> {
        let mut client = self.client(agent)?;
        let reply = limited(LOOK_LIMIT, async { client.journal(JournalRequest { after, limit: 0 }).await }).await?;
        codec::decode(&reply.entries)
    }

    async fn backups(&self, agent: &AgentInfo, before: Option<&BackupId>) -> Result<Vec<BackupEntry>, AgentError> {
        let mut client = self.client(agent)?;
        let request = BackupsRequest { before: before.map(ToString::to_string).unwrap_or_default(), limit: 0 };
        codec::decode(&limited(BACKUPS_LIMIT, async { client.backups(request).await }).await?.backups)
    }
}

/// A call with a time limit; what is past it, or broke on the way, may have been done.
async fn limited<T>(
    limit: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, AgentError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(codec::error(&status)),
        Err(_) => Err(AgentError::NoAnswer(format!("nothing within {} s", limit.as_secs()))),
    }
}
