//! Calls to agents over gRPC and mutual TLS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use justmanage_agent_proto::v1::agent_client::AgentClient;
use justmanage_agent_proto::v1::{FoundRequest, ProposalReply, ProposeRequest, StatusReply, StatusRequest};
use justmanage_identity::connect;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Pin, Record};
use serde::de::DeserializeOwned;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::{AgentError, AgentStatus, Agents, Proposal};
use crate::OperatorKey;

/// Longest time for an answer to a call that does not wait for anything. An agent answers within milliseconds; one that is
/// busy with its disk may need a second or two.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait of one status call: shorter than what firewalls keep an idle connection for.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Agents that are reached over the network, with one connection to each.
pub struct GrpcAgents {
    operator: Arc<OperatorKey>,
    connections: Mutex<HashMap<(std::net::SocketAddr, Pin), Connection>>,
}

/// A connection, and the number of the last status that came over it.
#[derive(Clone)]
struct Connection {
    channel: Channel,
    last: Arc<Mutex<Option<(u64, AgentStatus)>>>,
}

impl GrpcAgents {
    /// Calls in the name of this operator.
    pub fn new(operator: Arc<OperatorKey>) -> Self {
        Self { operator, connections: Mutex::default() }
    }

    fn connection(&self, agent: &AgentInfo) -> Result<Connection, AgentError> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (agent.agent, agent.pin);
        if let Some(connection) = connections.get(&at) {
            return Ok(connection.clone());
        }
        let key = self.operator.existing().map_err(|failure| AgentError::Refused(failure.to_string()))?;
        let channel = connect(agent.agent, agent.pin, &key).map_err(|e| AgentError::Refused(e.to_string()))?;
        let connection = Connection { channel, last: Arc::default() };
        connections.insert(at, connection.clone());
        Ok(connection)
    }

    async fn ask(&self, agent: &AgentInfo, seen: u64, wait: Duration) -> Result<AgentStatus, AgentError> {
        let connection = self.connection(agent)?;
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let mut request = Request::new(StatusRequest { seen, wait_ms });
        request.set_timeout(wait + ANSWER_LIMIT);
        let call = async { AgentClient::new(connection.channel.clone()).status(request).await };
        let reply = limited(wait + ANSWER_LIMIT, call).await?;
        let version = reply.version;
        let status = status(reply)?;
        *connection.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, status.clone()));
        Ok(status)
    }
}

#[async_trait]
impl Agents for GrpcAgents {
    async fn status(&self, agent: &AgentInfo) -> Result<AgentStatus, AgentError> {
        self.ask(agent, 0, Duration::ZERO).await
    }

    async fn next(
        &self,
        agent: &AgentInfo,
        seen: Option<&AgentStatus>,
        within: Duration,
    ) -> Result<AgentStatus, AgentError> {
        let connection = self.connection(agent)?;
        let last = connection.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Only what the caller has seen counts: if more came over this connection since, it is to be told at once.
        let version = match (last, seen) {
            (Some((version, status)), Some(seen)) if status == *seen => version,
            _ => 0,
        };
        self.ask(agent, version, within.min(WAIT_LIMIT)).await
    }

    async fn found(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError> {
        let channel = self.connection(agent)?.channel;
        let request = FoundRequest { record: encode(record)? };
        let call = async { AgentClient::new(channel).found(request).await };
        proposal(limited(ANSWER_LIMIT, call).await?)
    }

    async fn propose(&self, agent: &AgentInfo, before: &Record, after: &Record) -> Result<Proposal, AgentError> {
        let channel = self.connection(agent)?.channel;
        let request = ProposeRequest {
            epoch: before.epoch.to_string(),
            expected_generation: before.generation.get(),
            record: encode(after)?,
        };
        let call = async { AgentClient::new(channel).propose(request).await };
        proposal(limited(ANSWER_LIMIT, call).await?)
    }
}

/// A call with a time limit; what is past it, or broke on the way, may have been done.
async fn limited<T>(
    limit: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, AgentError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(error(&status)),
        Err(_) => Err(AgentError::NoAnswer(format!("nothing within {} s", limit.as_secs()))),
    }
}

fn error(status: &Status) -> AgentError {
    let chain = causes(status);
    match status.code() {
        Code::PermissionDenied | Code::Unauthenticated => AgentError::Denied,
        // The TLS alert of a peer that does not know our key, or our own refusal of a key that we do not expect.
        _ if chain.iter().any(|cause| refused_certificate(cause)) => AgentError::Denied,
        Code::Unavailable if chain.iter().any(|cause| cause.contains("onnection refused")) => {
            AgentError::Unreachable("connection refused".into())
        }
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
            AgentError::NoAnswer(chain.into_iter().next_back().unwrap_or_else(|| status.message().to_owned()))
        }
        _ => AgentError::Refused(status.message().to_owned()),
    }
}

fn refused_certificate(cause: &str) -> bool {
    ["AccessDenied", "ApplicationVerificationFailure", "CertificateRequired", "BadCertificate", "CertificateUnknown"]
        .iter()
        .any(|alert| cause.contains(alert))
}

/// The whole chain of causes as text, outermost first.
fn causes(status: &Status) -> Vec<String> {
    let mut texts = vec![status.message().to_owned()];
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

fn status(reply: StatusReply) -> Result<AgentStatus, AgentError> {
    Ok(AgentStatus {
        record: optional(&reply.record)?,
        node: decode(&reply.node)?,
        converged: reply.converged,
        waiting: decode(&reply.waiting)?,
    })
}

fn proposal(reply: ProposalReply) -> Result<Proposal, AgentError> {
    let record = optional(&reply.record)?;
    match (reply.applied, record) {
        (true, Some(record)) => Ok(Proposal::Applied(record)),
        (true, None) => Err(AgentError::Refused("it took a Record and shows none".into())),
        (false, record) => Ok(Proposal::Conflict(record)),
    }
}

fn encode(record: &Record) -> Result<Vec<u8>, AgentError> {
    serde_json::to_vec(record).map_err(|error| AgentError::Refused(error.to_string()))
}

fn optional<T: DeserializeOwned>(json: &[u8]) -> Result<Option<T>, AgentError> {
    if json.is_empty() { Ok(None) } else { decode(json).map(Some) }
}

fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, AgentError> {
    serde_json::from_slice(json)
        .map_err(|error| AgentError::Refused(format!("it answered in a way that this version does not read: {error}")))
}
