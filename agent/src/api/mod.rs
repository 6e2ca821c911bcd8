//! The agent's API: what operators and other agents ask and tell.

mod caller;
mod convert;
mod machine;
mod observe;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_agent_proto::v1::agent_server::{Agent, AgentServer};
use justmanage_agent_proto::v1::{
    BackupsReply, BackupsRequest, FailoverReply, FailoverRequest, FoundRequest, InviteRequest, JournalReply,
    JournalRequest, ObserveReply, ObserveRequest, ProposalReply, ProposeRequest, RelocateReply, RelocateRequest,
    SlotsReply, SlotsRequest, StatusReply, StatusRequest,
};
use justmanage_model::backup::BackupId;
use justmanage_model::node::AgentInfo;
use justmanage_model::{BusId, Epoch, Generation, NodeId, Record, Timestamp};
use justmanage_record::{Group, RecordStore, Standing, StoreError};
use justmanage_steps::step;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tracing::info;

use crate::backing_up::listed;
use crate::enrolment::FirstOperators;
use crate::failover;
use crate::journal::Journal;
use crate::moving::{Reception, reception};
use crate::peers::{MESSAGE_LIMIT, Peers};
use crate::server::ServerAccess;
use crate::status::{ClusterStatus, NodeStatus, Numbered};
use caller::Caller;

use convert::{decode, encode, encode_record, proposal, refused};
pub use machine::MachineApi;

/// Longest wait of one status call.
const WAIT_LIMIT: Duration = Duration::from_secs(60);
/// How long a caller waits for an agent that has just started and not looked at its node yet: that takes milliseconds.
const FIRST_LOOK_LIMIT: Duration = Duration::from_secs(2);
/// How long a page of backups may take. What is not there by then is not going to be: a network file system whose server is gone lets
/// whoever reads it wait for ever. Callers wait for longer than this, so that they hear why.
const BACKUPS_LIMIT: Duration = Duration::from_secs(20);

/// What the API works with.
pub struct Tools {
    /// Who we are.
    pub info: AgentInfo,
    /// The operators before there is a Record.
    pub first_operators: FirstOperators,
    /// The Record.
    pub group: Arc<Group>,
    /// How the node is.
    pub node: watch::Receiver<Option<Numbered<NodeStatus>>>,
    /// How the cluster is.
    pub cluster: watch::Receiver<Option<Numbered<ClusterStatus>>>,
    /// Learns when an operator was last here.
    pub contact: watch::Sender<Instant>,
    /// The other agents.
    pub peers: Peers,
    /// How to call the server.
    pub access: ServerAccess,
    /// What other agents ask of it while slots move.
    pub reception: Arc<Reception>,
    /// What happened here.
    pub journal: Arc<Journal>,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// The API of one agent.
pub struct Api {
    tools: Tools,
}

impl Api {
    /// The API of an agent.
    pub fn new(tools: Tools) -> Self {
        Self { tools }
    }

    /// As a service for a tonic server.
    pub fn into_server(self) -> AgentServer<Self> {
        AgentServer::new(self).max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT)
    }

    /// The Record, or what this agent was invited with.
    fn record(&self) -> Option<Record> {
        self.tools.group.get().or_else(|| self.tools.group.invitation())
    }

    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let record = self.record();
        let caller = caller::of(request, record.as_ref(), &self.tools.first_operators)?;
        if matches!(caller, Caller::Operator(_)) {
            self.tools.contact.send_replace(Instant::now());
        }
        Ok(caller)
    }

    /// Refuses a call that means another founding of the cluster. Before there is a Record there is nothing to mix up.
    fn check_epoch(&self, epoch: &str) -> Result<(), Status> {
        let Some(record) = self.record().filter(|_| !epoch.is_empty()) else { return Ok(()) };
        match parse::<Epoch>(epoch)? == record.epoch {
            true => Ok(()),
            false => Err(refused(&StoreError::OtherEpoch)),
        }
    }

    /// Refuses to speak of a node whose copy of the Record is there and cannot be used: "no Record" would be taken for "no data".
    fn not_lost(&self) -> Result<(), Status> {
        match &*self.tools.group.standing().borrow() {
            Standing::Broken { why } if self.record().is_none() => Err(Status::data_loss(why.clone())),
            _ => Ok(()),
        }
    }

    /// Whether a first Record is about this node at all.
    fn about_us(&self, record: &Record) -> Result<(), Status> {
        let claim = &self.tools.info.claim;
        if record.cluster != claim.cluster || record.name != claim.name {
            return Err(Status::invalid_argument("the Record is of another cluster than this node's claim"));
        }
        let member = record.members.get(&claim.node).map(|member| (member.pin, member.client));
        let spare = || record.spares.get(&claim.node).map(|spare| (spare.pin, spare.client));
        match member.or_else(spare) {
            Some(ours) if ours == (self.tools.info.pin, self.tools.info.client) => Ok(()),
            Some(_) => Err(Status::invalid_argument("the Record has another key or address for this node")),
            None => Err(Status::invalid_argument("the Record does not have this node among its members and spares")),
        }
    }
}

fn parse<T: std::str::FromStr<Err = justmanage_model::Invalid>>(text: &str) -> Result<T, Status> {
    text.parse().map_err(|error: justmanage_model::Invalid| Status::invalid_argument(error.to_string()))
}

#[tonic::async_trait]
impl Agent for Api {
    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        self.caller(&request)?;
        let StatusRequest { seen, wait_ms, epoch } = request.into_inner();
        self.check_epoch(&epoch)?;
        let (version, status) = observe::newer(self.tools.node.clone(), seen, wait_ms).await?;
        self.not_lost()?;
        Ok(Response::new(StatusReply {
            version,
            record: encode_record(self.record().as_ref())?,
            node: encode(&status.node)?,
            founded: self.tools.group.get().is_some(),
            now: (self.tools.clock)().to_string(),
        }))
    }

    async fn observe(&self, request: Request<ObserveRequest>) -> Result<Response<ObserveReply>, Status> {
        self.caller(&request)?;
        let request = request.into_inner();
        self.check_epoch(&request.epoch)?;
        self.cluster(request).await.map(Response::new)
    }

    async fn invite(&self, request: Request<InviteRequest>) -> Result<Response<ProposalReply>, Status> {
        self.caller(&request)?.operator()?;
        let record: Record = decode(&request.into_inner().record)?;
        self.about_us(&record)?;
        let generation = record.generation;
        let invited = self.tools.group.invite(record.clone()).await;
        if invited.is_ok() {
            info!(%generation, "an operator invited this node to its cluster");
        }
        step!("agent told: invited");
        proposal(invited, &record)
    }

    async fn found(&self, request: Request<FoundRequest>) -> Result<Response<ProposalReply>, Status> {
        self.caller(&request)?.operator()?;
        let epoch = request.into_inner().epoch;
        let record = self.record();
        let record = record.ok_or_else(|| Status::failed_precondition("this node was not invited to a cluster"))?;
        self.check_epoch(&epoch)?;
        let founded = self.tools.group.found().await;
        step!("agent told: founded");
        proposal(founded, &self.tools.group.get().unwrap_or(record))
    }

    async fn propose(&self, request: Request<ProposeRequest>) -> Result<Response<ProposalReply>, Status> {
        let operator = self.caller(&request)?.operator()?;
        let request = request.into_inner();
        let epoch: Epoch = parse(&request.epoch)?;
        let next: Record = decode(&request.record)?;
        let before = self.tools.group.get();
        let expected = (epoch, Generation::new(request.expected_generation));
        let taken = self.tools.group.compare_and_set(expected, next.clone()).await;
        if taken.is_ok() {
            info!(generation = %next.generation, "an operator changed the Record");
        }
        step!("agent told: changed");
        let (note, ticket) = (request.note, request.ticket);
        self.tools.journal.proposed((self.tools.clock)(), operator, before.as_ref(), &next, (note, ticket), &taken);
        proposal(taken, &next)
    }

    async fn failover(&self, request: Request<FailoverRequest>) -> Result<Response<FailoverReply>, Status> {
        let caller = self.caller(&request)?.member()?;
        let request = request.into_inner();
        self.check_epoch(&request.epoch)?;
        // Only its own agent can know that a server's process is dead.
        if parse::<NodeId>(&request.dead)? != caller {
            return Err(Status::permission_denied("an agent speaks for its own server only"));
        }
        let answer = self.take_over(parse(&request.dead_bus_id)?).await;
        let why = answer.as_ref().err().cloned().unwrap_or_default();
        Ok(Response::new(FailoverReply { promoted: answer.is_ok(), why }))
    }

    async fn slots(&self, request: Request<SlotsRequest>) -> Result<Response<SlotsReply>, Status> {
        let caller = self.caller(&request)?.member()?;
        let request = request.into_inner();
        if request.epoch.is_empty() {
            return Err(Status::invalid_argument("it does not say which cluster is meant"));
        }
        self.check_epoch(&request.epoch)?;
        let record = self.tools.group.get().ok_or_else(|| Status::failed_precondition("there is no cluster"))?;
        let last = self.tools.node.borrow().clone();
        let (own, status) = (self.tools.info.claim.node, last.as_ref().map(|(_, status)| &**status));
        if let Some(why) = reception::why_not(&record, (own, caller), request.given, status) {
            return Err(Status::failed_precondition(why));
        }
        Ok(Response::new(self.tools.reception.answer(&record, caller, &request).await))
    }

    async fn journal(&self, request: Request<JournalRequest>) -> Result<Response<JournalReply>, Status> {
        self.caller(&request)?.operator()?;
        let JournalRequest { after, limit } = request.into_inner();
        let entries = self.tools.journal.page(after, limit).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(JournalReply { entries: encode(&entries)? }))
    }

    async fn backups(&self, request: Request<BackupsRequest>) -> Result<Response<BackupsReply>, Status> {
        self.caller(&request)?.operator()?;
        let BackupsRequest { before, limit } = request.into_inner();
        let before: Option<BackupId> = (!before.is_empty()).then(|| parse(&before)).transpose()?;
        let page = listed::page(|| self.tools.group.get(), before.as_ref(), limit);
        let late = || format!("what is at the backups' destination was not read within {} s", BACKUPS_LIMIT.as_secs());
        let page = tokio::time::timeout(BACKUPS_LIMIT, page).await.unwrap_or_else(|_| Err(late()));
        let backups = page.map_err(Status::failed_precondition)?;
        Ok(Response::new(BackupsReply { backups: encode(&backups)? }))
    }

    async fn relocate(&self, request: Request<RelocateRequest>) -> Result<Response<RelocateReply>, Status> {
        self.caller(&request)?.operator()?;
        let places = request.into_inner().places;
        let address =
            |at: &str| at.parse::<SocketAddr>().map_err(|_| Status::invalid_argument(format!("{at:?} is no address")));
        let places = places.iter().map(|(node, at)| Ok((parse::<NodeId>(node)?, address(at)?)));
        self.tools.group.relocate(&places.collect::<Result<_, Status>>()?);
        Ok(Response::new(RelocateReply {}))
    }
}

impl Api {
    /// Makes this node's server take over from a primary whose process is dead.
    async fn take_over(&self, dead: BusId) -> Result<(), String> {
        let record = self.tools.group.get().ok_or("there is no cluster")?;
        let last = self.tools.node.borrow().as_ref().map(|(_, status)| status.node.clone());
        let last = last.ok_or("its agent has just started")?;
        if let Some(why) = failover::why_not(&last, dead, (self.tools.clock)()) {
            return Err(why);
        }
        let work = async {
            let mut server = self.tools.access.connect(&record).await?;
            failover::take_over(&mut server).await
        };
        match tokio::time::timeout(failover::LIMIT, work).await {
            Ok(done) => done.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it was not elected within {} ms", failover::LIMIT.as_millis())),
        }
    }
}
