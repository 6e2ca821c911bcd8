//! The other agents of the cluster: calls to them, and what they say of their nodes.

mod gather;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_agent_proto::v1::agent_client::AgentClient;
use justmanage_agent_proto::v1::{
    FailoverRequest, ObserveReply, ObserveRequest, SlotsReply, SlotsRequest, StatusReply, StatusRequest,
};
use justmanage_identity::{KeyPair, Target, connect};
use justmanage_model::record::Agent;
use justmanage_model::{BusId, Epoch, NodeId, PeerNames, Pin};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

pub use gather::{Gathered, Gatherer};

/// Largest message: what an agent sees of a hundred nodes is some hundreds of kilobytes.
pub const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;
/// How much longer than it may wait a call may take: the way there and back, and a busy machine.
const ON_THE_WAY: Duration = Duration::from_millis(1500);

/// Calls to other agents, over one connection to each.
#[derive(Clone)]
pub struct Peers {
    inner: Arc<Inner>,
}

struct Inner {
    key: Arc<KeyPair>,
    names: Option<PeerNames>,
    channels: Mutex<HashMap<(Target, Pin), Channel>>,
}

impl Peers {
    /// Calls in the name of the agent with this key, to agents that are found by these names, if they have any.
    pub fn new(key: Arc<KeyPair>, names: Option<PeerNames>) -> Self {
        Self { inner: Arc::new(Inner { key, names, channels: Mutex::default() }) }
    }

    /// Where an agent is looked for, and whom we expect there.
    fn place(&self, (node, agent): (NodeId, Agent)) -> (Target, Pin) {
        let name = self.inner.names.as_ref().and_then(|names| names.of(node, agent.seat));
        (Target::new(name, agent.agent), agent.pin)
    }

    fn client(&self, to: (NodeId, Agent)) -> Result<AgentClient<Channel>, Status> {
        let mut channels = self.inner.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place(to);
        let channel = match channels.get(&place) {
            Some(channel) => channel.clone(),
            None => {
                let made = connect(place.0.clone(), place.1, &self.inner.key);
                let channel = made.map_err(|error| Status::internal(error.to_string()))?;
                channels.insert(place, channel.clone());
                channel
            }
        };
        Ok(AgentClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT))
    }

    /// Waits for the answer of a call. After one that does not come in time the connection is given up: that of a machine that
    /// vanished, or has another address now, is one that TCP believes in for a quarter of an hour.
    async fn limited<T>(
        &self,
        to: (NodeId, Agent),
        wait: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        match tokio::time::timeout(wait + ON_THE_WAY, call).await {
            Ok(reply) => reply.map(Response::into_inner),
            Err(_) => {
                self.inner.channels.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place(to));
                Err(Status::deadline_exceeded("it did not answer in time"))
            }
        }
    }

    /// How a member's node is, when it is another than `seen` or the time is up.
    ///
    /// # Errors
    /// It cannot be reached, or does not answer in time.
    pub async fn status(
        &self,
        member: (NodeId, impl Into<Agent>),
        epoch: Epoch,
        seen: u64,
        wait: Duration,
    ) -> Result<StatusReply, Status> {
        let member = (member.0, member.1.into());
        let mut client = self.client(member)?;
        let request = StatusRequest { seen, wait_ms: millis(wait), epoch: epoch.to_string() };
        self.limited(member, wait, client.status(Request::new(request))).await
    }

    /// Passes the question on how the cluster is.
    ///
    /// # Errors
    /// It cannot be reached, or does not answer in time.
    pub async fn observe(
        &self,
        next: (NodeId, impl Into<Agent>),
        epoch: Epoch,
        question: &ObserveRequest,
    ) -> Result<ObserveReply, Status> {
        let next = (next.0, next.1.into());
        let mut client = self.client(next)?;
        let request = ObserveRequest {
            epoch: epoch.to_string(),
            passed_on: question.passed_on.saturating_add(1),
            ..question.clone()
        };
        let wait = Duration::from_millis(question.wait_ms.into());
        self.limited(next, wait, client.observe(Request::new(request))).await
    }

    /// Asks the agent of a server that gets slots; `limit` is for what its server does.
    ///
    /// # Errors
    /// It cannot be reached, does not answer in time, or knows of no such move.
    pub async fn slots(
        &self,
        to: (NodeId, impl Into<Agent>),
        request: SlotsRequest,
        limit: Duration,
    ) -> Result<SlotsReply, Status> {
        let to = (to.0, to.1.into());
        let mut client = self.client(to)?;
        self.limited(to, limit, client.slots(Request::new(request))).await
    }

    /// Asks a replica's agent to take over from our own server, which is dead.
    ///
    /// # Errors
    /// Why it did not, in a sentence.
    pub async fn ask_failover(
        &self,
        replica: (NodeId, impl Into<Agent>),
        epoch: Epoch,
        dead: NodeId,
        dead_bus_id: BusId,
    ) -> Result<(), String> {
        let replica = (replica.0, replica.1.into());
        let ask = async {
            let mut client = self.client(replica)?;
            let request = FailoverRequest {
                epoch: epoch.to_string(),
                dead: dead.to_string(),
                dead_bus_id: dead_bus_id.to_string(),
            };
            self.limited(replica, crate::failover::LIMIT, client.failover(Request::new(request))).await
        };
        match ask.await {
            Ok(reply) if reply.promoted => Ok(()),
            Ok(reply) => Err(reply.why),
            Err(status) => Err(format!("its agent could not be asked: {}", status.message())),
        }
    }
}

fn millis(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)
}
