//! Calls from other agents.

use std::sync::Arc;
use std::time::Duration;

use justmanage_agent_proto::v1 as api;
use justmanage_agent_proto::v1::change_reply::Outcome;
use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_model::record::LAYOUT;
use justmanage_model::{Epoch, Generation, Pin, Record};
use openraft::raft::{AppendEntriesRequest, VoteRequest};
use openraft::{EntryPayload, Snapshot};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::StoreError;
use crate::calls::refusal;
use crate::change::{ATTEMPT, Attempt, Proposal};
use crate::group::Group;
use crate::network::WholeState;
use crate::types::{Command, Raft, RaftId, Types, Vote, raft_id};

/// Longest wait of a watching agent for news; it asks again then. So a connection that is gone is noticed by both sides.
const LONGEST_WATCH: Duration = Duration::from_secs(60);

/// Answers the other agents of the group.
pub struct GroupService {
    group: Arc<Group>,
}

type Answer<T> = Result<Response<T>, Status>;

impl GroupService {
    pub(crate) fn new(group: Arc<Group>) -> Self {
        Self { group }
    }

    /// The core, and the library's request from one who speaks for themselves.
    fn taken_in<T: DeserializeOwned>(
        &self,
        request: &Request<api::RaftRequest>,
        vote: impl Fn(&T) -> &Vote,
    ) -> Result<(Raft, T), Status> {
        let pin = self.group.admit_known(request, &request.get_ref().epoch)?;
        let question = decode::<T>(&request.get_ref().body)?;
        own_voice(&pin, vote(&question).leader_id().node_id)?;
        Ok((self.core()?, question))
    }

    fn core(&self) -> Result<Raft, Status> {
        let raft = self.group.raft.borrow().clone();
        raft.ok_or_else(|| refusal(Kind::Broken, None, "it is being started"))
    }

    fn not_leading(&self, leader: Option<justmanage_model::NodeId>) -> Status {
        let known = || {
            let raft = self.group.raft.borrow().clone()?;
            let metrics = raft.metrics().borrow().clone();
            crate::roster::node_of(&metrics, metrics.current_leader.filter(|leader| *leader != self.group.id)?)
        };
        refusal(Kind::NotLeader, leader.or_else(known), "")
    }

    /// The Record, read as the leader.
    async fn read_as_leader(&self) -> Result<Option<Record>, Status> {
        let Some((raft, _)) = self.group.leading_core() else { return Err(self.not_leading(None)) };
        match self.group.read_here(&raft).await {
            Attempt::Settled(Ok(record)) => Ok(record),
            Attempt::Settled(Err(error)) => Err(refusal(Kind::NoMajority, None, error.to_string())),
            Attempt::Elsewhere(leader) => Err(self.not_leading(leader)),
            Attempt::Nothing(why) | Attempt::Doubt(why) | Attempt::Never(why) => {
                Err(refusal(Kind::NoMajority, None, why))
            }
        }
    }
}

/// A voter's number belongs to its key: nobody speaks for another.
fn own_voice(pin: &Pin, speaker: RaftId) -> Result<(), Status> {
    if raft_id(pin) == speaker {
        return Ok(());
    }
    Err(refusal(Kind::Stranger, None, "it speaks for another"))
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Status> {
    // Of a newer agent, perhaps: this one falls behind, and says why, rather than guess.
    serde_json::from_slice(body).map_err(|error| refusal(Kind::Broken, None, error.to_string()))
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(value).map_err(|error| Status::internal(error.to_string()))
}

fn raft_reply<T: Serialize, E: std::fmt::Display>(answer: Result<T, E>) -> Answer<api::RaftReply> {
    let answer = answer.map_err(|error| refusal(Kind::Broken, None, error.to_string()))?;
    Ok(Response::new(api::RaftReply { body: encode(&answer)? }))
}

/// Fields that this agent does not know would be lost in its copy.
fn readable<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<(), Status> {
    match records.into_iter().find(|record| record.layout > LAYOUT) {
        Some(record) => {
            let why = format!("the Record has layout {}; this agent knows layouts up to {LAYOUT}", record.layout);
            Err(refusal(Kind::Broken, None, why))
        }
        None => Ok(()),
    }
}

fn record_of(payload: &EntryPayload<Types>) -> Option<&Record> {
    match payload {
        EntryPayload::Normal(Command::Found { record, .. }) => Some(record),
        EntryPayload::Normal(Command::Change { next, .. }) => Some(next),
        EntryPayload::Normal(Command::Refound { copy, .. }) => copy.as_deref(),
        _ => None,
    }
}

#[tonic::async_trait]
impl api::group_server::Group for GroupService {
    async fn ping(&self, request: Request<api::PingRequest>) -> Answer<api::PingReply> {
        self.group.admit_known(&request, &request.get_ref().epoch)?;
        self.core()?;
        Ok(Response::new(api::PingReply { node: self.group.node.to_string() }))
    }

    async fn append_entries(&self, request: Request<api::RaftRequest>) -> Answer<api::RaftReply> {
        let (raft, question) = self.taken_in::<AppendEntriesRequest<Types>>(&request, |question| &question.vote)?;
        readable(question.entries.iter().filter_map(|entry| record_of(&entry.payload)))?;
        raft_reply(raft.append_entries(question).await)
    }

    async fn vote(&self, request: Request<api::RaftRequest>) -> Answer<api::RaftReply> {
        let (raft, question) = self.taken_in::<VoteRequest<RaftId>>(&request, |question| &question.vote)?;
        raft_reply(raft.vote(question).await)
    }

    async fn install_snapshot(&self, request: Request<api::RaftRequest>) -> Answer<api::RaftReply> {
        let (raft, whole) = self.taken_in::<WholeState>(&request, |whole| &whole.vote)?;
        let state = decode::<crate::machine::State>(whole.content.as_bytes())?;
        readable(&state.record)?;
        let snapshot = Snapshot { meta: whole.meta, snapshot: Box::new(whole.content.into_bytes()) };
        raft_reply(raft.install_full_snapshot(whole.vote, snapshot).await.map(|answer| answer.vote))
    }

    async fn watch(&self, request: Request<api::WatchRequest>) -> Answer<api::WatchReply> {
        self.group.admit_known(&request, &request.get_ref().epoch)?;
        let api::WatchRequest { seen, wait_ms, .. } = request.into_inner();
        let mut records = self.group.record.subscribe();
        let mut standing = self.group.standing.subscribe();
        let mut closing = self.group.closing.subscribe();
        let newer = |record: &Option<Record>| record.as_ref().is_some_and(|record| record.generation.get() > seen);
        // One who has lost the leader lets its watchers go to another.
        let hears = standing.borrow().hears_the_majority();
        tokio::select! {
            _ = records.wait_for(newer) => {}
            _ = standing.wait_for(|standing| hears && !standing.hears_the_majority()) => {}
            _ = closing.wait_for(|closing| *closing) => {}
            () = tokio::time::sleep(Duration::from_millis(wait_ms.into()).min(LONGEST_WATCH)) => {}
        }
        let record = self.group.record.borrow().clone().filter(|record| record.generation.get() > seen);
        let record = record.map(|record| encode(&record)).transpose()?.unwrap_or_default();
        let fresh = self.group.standing.borrow().hears_the_majority();
        Ok(Response::new(api::WatchReply { record, fresh }))
    }

    async fn read(&self, request: Request<api::ReadRequest>) -> Answer<api::ReadReply> {
        self.group.admit_known(&request, &request.get_ref().epoch)?;
        let record = self.read_as_leader().await?;
        let record = record.map(|record| encode(&record)).transpose()?.unwrap_or_default();
        Ok(Response::new(api::ReadReply { record }))
    }

    async fn change(&self, request: Request<api::ChangeRequest>) -> Answer<api::ChangeReply> {
        self.group.admit_known(&request, &request.get_ref().epoch)?;
        let api::ChangeRequest { epoch, expected_generation, record, nonce } = request.into_inner();
        let epoch: Epoch = epoch.parse().map_err(|_| refusal(Kind::OtherEpoch, None, ""))?;
        let expected = (expected_generation > 0).then(|| (epoch, Generation::new(expected_generation)));
        let reply = |outcome: Outcome, record, why: String| {
            Ok(Response::new(api::ChangeReply { outcome: outcome.into(), record, why }))
        };
        let next = match serde_json::from_slice::<Record>(&record) {
            Ok(next) => next,
            Err(error) => return reply(Outcome::Invalid, Vec::new(), error.to_string()),
        };
        let proposal = Proposal { expected, next, nonce };
        match self.group.propose_here(&proposal, Instant::now() + ATTEMPT).await {
            Attempt::Settled(Ok(())) => reply(Outcome::Taken, Vec::new(), String::new()),
            Attempt::Settled(Err(StoreError::Conflict(theirs))) => {
                let theirs = theirs.map(|theirs| encode(&theirs)).transpose()?.unwrap_or_default();
                reply(Outcome::Conflict, theirs, String::new())
            }
            Attempt::Settled(Err(StoreError::Invalid(why))) => reply(Outcome::Invalid, Vec::new(), why),
            Attempt::Settled(Err(StoreError::OtherEpoch)) => Err(refusal(Kind::OtherEpoch, None, "")),
            Attempt::Settled(Err(StoreError::NoMajority(why))) | Attempt::Nothing(why) | Attempt::Never(why) => {
                Err(refusal(Kind::NoMajority, None, why))
            }
            Attempt::Settled(Err(StoreError::Unknown(why))) | Attempt::Doubt(why) => {
                reply(Outcome::Unknown, Vec::new(), why)
            }
            Attempt::Elsewhere(leader) => Err(self.not_leading(leader)),
        }
    }

    async fn found_group(&self, request: Request<api::FoundGroupRequest>) -> Answer<api::FoundGroupReply> {
        self.group.admit_known(&request, &request.get_ref().epoch)?;
        match self.group.found_here().await {
            Ok(()) => Ok(Response::new(api::FoundGroupReply {})),
            Err(error) => Err(refusal(Kind::Unspecified, None, error.to_string())),
        }
    }

    async fn ask(&self, request: Request<api::AskRequest>) -> Answer<api::AskReply> {
        let (caller, _) = self.group.admit(&request, &request.get_ref().epoch)?;
        let about = match request.get_ref().pin.as_str() {
            "" => caller,
            pin => {
                self.group.admit_known(&request, &request.get_ref().epoch)?;
                pin.parse().map_err(|_| Status::invalid_argument("not a pin"))?
            }
        };
        match self.read_as_leader().await {
            Ok(record) => Ok(Response::new(self.group.what_is(&about, record.as_ref()))),
            // Asked by somebody who may not know the leader: passed on to it, once.
            Err(refused) if request.get_ref().pin.is_empty() => match self.group.ask_leader(about).await {
                Some(answer) => Ok(Response::new(answer)),
                None => self.group.was_removed(&about).map(Response::new).ok_or(refused),
            },
            Err(refused) => Err(refused),
        }
    }
}
