//! Calls to other agents: one connection for each, and typed answers.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_agent_proto::v1::group_client::GroupClient;
use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_agent_proto::v1::{PingRequest, Refusal};
use justmanage_identity::{KeyPair, Target, connect};
use justmanage_model::record::Agent;
use justmanage_model::{Epoch, NodeId, PeerNames, Pin, Record};
use prost::Message;
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Code, ConnectError, Response, Status};

use crate::types::Voter;

/// Calls without an answer in a row after which the connection is given up for a new one. A peer's machine that vanished
/// leaves a connection that TCP believes in for a quarter of an hour; one that pauses for a second loses at most two.
const SILENCES: u32 = 3;
/// Time for a peer to say that it is there.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CallError {
    /// The other agent refused it.
    Refused(Refusal),
    /// It never left: nobody listens there, or nobody whom we expect.
    NotSent(String),
    /// It left, and nobody knows what became of it.
    NoAnswer(String),
}

impl CallError {
    /// What it says to people.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Refused(refusal) => match refusal.kind() {
                Kind::Unspecified => refusal.why.clone(),
                Kind::Uninvited => "it was not invited yet".to_owned(),
                Kind::OtherEpoch => "it is of another epoch".to_owned(),
                Kind::Stranger => "it does not know this agent".to_owned(),
                Kind::FormerMember => "it says that this agent was removed".to_owned(),
                Kind::NotLeader => "it does not lead".to_owned(),
                Kind::NoMajority => format!("it has no majority: {}", refusal.why),
                Kind::Broken => format!("it cannot use its copy: {}", refusal.why),
            },
            Self::NotSent(why) | Self::NoAnswer(why) => why.clone(),
        }
    }

    /// The kind of refusal, if it is one.
    pub(crate) fn refused(&self) -> Option<Kind> {
        match self {
            Self::Refused(refusal) => Some(refusal.kind()),
            _ => None,
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        if status.code() == Code::FailedPrecondition
            && let Ok(refusal) = Refusal::decode(status.details())
        {
            return Self::Refused(refusal);
        }
        let mut source = status.source();
        while let Some(error) = source {
            if error.is::<ConnectError>() {
                return Self::NotSent(format!("no connection: {}", status.message()));
            }
            source = error.source();
        }
        Self::NoAnswer(status.message().to_owned())
    }
}

/// A refusal as it travels.
pub(crate) fn refusal(kind: Kind, leader: Option<NodeId>, why: impl Into<String>) -> Status {
    let leader = leader.map(|node| node.to_string()).unwrap_or_default();
    let refusal = Refusal { kind: kind.into(), leader, why: why.into() };
    Status::with_details(Code::FailedPrecondition, kind.as_str_name(), refusal.encode_to_vec().into())
}

/// What is needed to call others: our key, our epoch, and where they are.
pub(crate) struct Calls {
    key: Arc<KeyPair>,
    names: Option<PeerNames>,
    epoch: watch::Sender<Option<Epoch>>,
    record: watch::Sender<Option<Record>>,
    lines: Mutex<HashMap<(Target, Pin), Line>>,
    /// Where agents are that have moved: from where, and to where.
    moved: Mutex<HashMap<NodeId, (SocketAddr, SocketAddr)>>,
}

/// A connection, made when it is first used.
#[derive(Clone)]
struct Line {
    client: GroupClient<Channel>,
    silences: Arc<AtomicU32>,
}

/// Counts a call as unanswered unless it is told otherwise: also when the caller does not wait for the end.
struct Unanswered {
    silences: Arc<AtomicU32>,
    answered: bool,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.answered {
            self.silences.store(0, Ordering::Relaxed);
        } else {
            self.silences.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Calls {
    pub(crate) fn new(key: Arc<KeyPair>, names: Option<PeerNames>, record: watch::Sender<Option<Record>>) -> Self {
        let epoch = watch::Sender::new(None);
        Self { key, names, epoch, record, lines: Mutex::default(), moved: Mutex::default() }
    }

    /// The epoch of this agent's group, if it knows one.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        *self.epoch.borrow()
    }

    /// From now on this is the group's epoch.
    pub(crate) fn set_epoch(&self, epoch: Option<Epoch>) {
        self.epoch.send_replace(epoch);
    }

    /// It as text, as requests carry it; empty: none, and whoever is asked will refuse.
    pub(crate) fn epoch_text(&self) -> String {
        self.epoch().map(|epoch| epoch.to_string()).unwrap_or_default()
    }

    /// Asks an agent something, and waits for at most `limit`.
    pub(crate) async fn ask<T, F, R>(&self, to: &Voter, limit: Duration, question: F) -> Result<T, CallError>
    where
        F: FnOnce(GroupClient<Channel>) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        let line = self.line(to)?;
        let mut call = Unanswered { silences: line.silences, answered: false };
        let answer = tokio::time::timeout(limit, question(line.client)).await;
        let answer = answer.map_err(|_| CallError::NoAnswer("no answer in time".to_owned()))?;
        call.answered = true;
        Ok(answer?.into_inner())
    }

    /// Whether an agent is there and of our group.
    pub(crate) async fn ping(&self, to: &Voter) -> Result<(), CallError> {
        let request = PingRequest { epoch: self.epoch_text() };
        self.ask(to, PING_LIMIT, |mut client| async move { client.ping(request).await }).await.map(drop)
    }

    /// The connection to an agent. Kept: a new one for each call would cost a handshake each time, and the library asks for a
    /// client for each vote and each linearizable read.
    fn line(&self, to: &Voter) -> Result<Line, CallError> {
        let place = (self.place(to), to.pin);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&place)
            && line.silences.load(Ordering::Relaxed) < SILENCES
        {
            return Ok(line.clone());
        }
        let channel =
            connect(place.0.clone(), to.pin, &self.key).map_err(|error| CallError::NotSent(error.to_string()))?;
        let line = Line { client: GroupClient::new(channel), silences: Arc::default() };
        // An agent that has moved has its old connection here; there is one for each agent.
        lines.retain(|(_, pin), _| *pin != to.pin);
        lines.insert(place, line.clone());
        Ok(line)
    }

    /// Forgets connections to those who are not `kept`.
    pub(crate) fn keep_lines(&self, kept: impl Fn(&Pin) -> bool) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, pin), _| kept(pin));
    }

    /// Where an agent is looked for: at its name, if members have names, and where it was known to listen. There the Record
    /// knows best, unless somebody said that it has moved since.
    fn place(&self, to: &Voter) -> Target {
        let member = self.agreed(&to.pin);
        let agreed = member.as_ref().map_or(to.agent, |member| member.agent);
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let known = moved.get(&to.node).filter(|(from, _)| *from == agreed).map_or(agreed, |(_, place)| *place);
        let name = self.names.as_ref().zip(member).and_then(|(names, member)| names.of(to.node, member.seat));
        Target::new(name, known)
    }

    fn agreed(&self, pin: &Pin) -> Option<Agent> {
        let record = self.record.borrow();
        record.iter().flat_map(|record| record.agents()).map(|(_, agent)| agent).find(|agent| agent.pin == *pin)
    }

    /// Takes somebody's word for where agents are, until the Record says something new.
    pub(crate) fn relocate(&self, places: &BTreeMap<NodeId, SocketAddr>) {
        let record = self.record.borrow();
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        for (node, place) in places {
            if let Some(member) = record.iter().find_map(|record| record.agent(*node)) {
                moved.insert(*node, (member.agent, *place));
            }
        }
    }
}
