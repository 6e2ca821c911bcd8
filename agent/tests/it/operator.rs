//! An operator: calls the agent's API as core does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use justmanage_agent::secrets;
use justmanage_agent_proto::v1::agent_client::AgentClient;
use justmanage_agent_proto::v1::{FoundRequest, ProposeRequest, StatusRequest};
use justmanage_identity::{KeyPair, connect};
use justmanage_model::node::AgentInfo;
use justmanage_model::record::LAYOUT;
use justmanage_model::{
    Artefact, Bytes, ClusterSpec, Epoch, Generation, Member, NodeObservation, Phase, Place, Record, ReleaseTarget,
    Secret, ServerObservation, ServerState, User, Waiting,
};
use tonic::Code;
use tonic::transport::Channel;

use crate::node::{APP_PASSWORD, Node, random};
use crate::wait::DEADLINE;

/// Somebody who calls an agent.
#[derive(Clone)]
pub(crate) struct Operator {
    pub(crate) client: AgentClient<Channel>,
}

/// What the agent says of its node.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) record: Option<Record>,
    pub(crate) node: NodeObservation,
    pub(crate) converged: bool,
    pub(crate) waiting: Vec<Waiting>,
}

impl Said {
    /// The Record that there is.
    pub(crate) fn record(&self) -> Record {
        self.record.clone().expect("a Record")
    }

    /// What the server says of itself, if it runs.
    pub(crate) fn server(&self) -> Option<&ServerObservation> {
        match &self.node.server {
            ServerState::Running(server) => Some(server),
            _ => None,
        }
    }
}

/// What became of a proposal.
#[derive(Debug)]
pub(crate) enum Answer {
    Applied(Record),
    Conflict(Option<Record>),
}

impl Operator {
    /// The operator that the node's order names.
    pub(crate) fn of(node: &Node, agent: &AgentInfo) -> Self {
        Self::with(&node.operator, agent)
    }

    /// Whoever holds this key.
    pub(crate) fn with(key: &KeyPair, agent: &AgentInfo) -> Self {
        let channel = connect(agent.agent, agent.pin, key).expect("a channel");
        Self { client: AgentClient::new(channel) }
    }

    /// How it is now.
    pub(crate) async fn status(&mut self) -> Result<Said, tonic::Status> {
        self.ask(0, 0).await.map(|(_, said)| said)
    }

    async fn ask(&mut self, seen: u64, wait_ms: u32) -> Result<(u64, Said), tonic::Status> {
        let reply = self.client.status(StatusRequest { seen, wait_ms }).await?.into_inner();
        let record = (!reply.record.is_empty()).then(|| serde_json::from_slice(&reply.record).expect("a Record"));
        let node = serde_json::from_slice(&reply.node).expect("an observation");
        let waiting = serde_json::from_slice(&reply.waiting).expect("reasons");
        Ok((reply.version, Said { record, node, converged: reply.converged, waiting }))
    }

    /// Waits until the node is so, as an apply does: every change of the status is looked at.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Said) -> bool) -> Said {
        let begun = Instant::now();
        let (mut version, mut said) = self.ask(0, 0).await.expect("a status");
        while !wanted(&said) {
            let left = DEADLINE.checked_sub(begun.elapsed());
            let left = left.unwrap_or_else(|| panic!("{what}: not in time; now {said:#?}"));
            let wait = u32::try_from(left.min(Duration::from_secs(5)).as_millis()).expect("a short time");
            (version, said) = self.ask(version, wait).await.expect("a status");
        }
        said
    }

    /// Waits until everything is as the Record wants it.
    pub(crate) async fn converged(&mut self) -> Said {
        self.until("converged", |said| said.converged).await
    }

    pub(crate) async fn found(&mut self, record: &Record) -> Result<Answer, tonic::Status> {
        let record = serde_json::to_vec(record).expect("JSON");
        self.client.found(FoundRequest { record }).await.map(|reply| answer(reply.into_inner()))
    }

    pub(crate) async fn propose(
        &mut self,
        epoch: Epoch,
        expected: Generation,
        next: &Record,
    ) -> Result<Answer, tonic::Status> {
        let (epoch, record) = (epoch.to_string(), serde_json::to_vec(next).expect("JSON"));
        let request = ProposeRequest { epoch, expected_generation: expected.get(), record };
        self.client.propose(request).await.map(|reply| answer(reply.into_inner()))
    }

    /// Changes the Record as it is now; whoever is first is looked at again.
    pub(crate) async fn change(&mut self, change: impl Fn(&mut Record)) -> Record {
        loop {
            let before = self.status().await.expect("a status").record();
            let mut next = before.clone();
            change(&mut next);
            next.generation = before.generation.next();
            if let Answer::Applied(record) =
                self.propose(before.epoch, before.generation, &next).await.expect("an answer")
            {
                return record;
            }
        }
    }
}

fn answer(reply: justmanage_agent_proto::v1::ProposalReply) -> Answer {
    let record = (!reply.record.is_empty()).then(|| serde_json::from_slice(&reply.record).expect("a Record"));
    match reply.applied {
        true => Answer::Applied(record.expect("the Record that was taken")),
        false => Answer::Conflict(record),
    }
}

/// Whether a call was refused before anybody heard it.
pub(crate) fn refused(status: &tonic::Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
}

/// The first Record of a cluster of one node.
pub(crate) fn first_record(node: &Node, agent: &AgentInfo) -> Record {
    let claim = &node.order.claim;
    let member =
        Member { seat: claim.seat, pin: agent.pin, agent: agent.agent, client: agent.client, bus_port: agent.bus_port };
    let release = node.program.release.clone();
    let app = User {
        acl: "~* &* +@read +@write +@connection".parse().expect("rules"),
        passwords: vec![secrets::hash(&Secret::new(APP_PASSWORD.to_owned()))],
    };
    Record {
        layout: LAYOUT,
        epoch: Epoch::from_entropy(random()),
        generation: Generation::FIRST,
        cluster: claim.cluster,
        name: claim.name.clone(),
        phase: Phase::Forming,
        unclaimed: true,
        spec: ClusterSpec {
            engine: release.engine,
            version: ReleaseTarget::Exactly(release.version),
            shards: 1,
            replicas_per_shard: 0,
            memory: Bytes::mib(64),
            config: BTreeMap::new(),
            place: Place::Local,
        },
        release,
        artefact: Artefact::new(&node.program.path, &node.program.sha256).expect("an artefact"),
        operators: node.order.operators.clone(),
        members: BTreeMap::from([(claim.node, member)]),
        users: BTreeMap::from([("app".parse().expect("a name"), app)]),
        ca_certificate: None,
        grant: None,
    }
}

/// A node that serves.
pub(crate) async fn serving(node: &Node) -> (AgentInfo, Operator) {
    let agent = node.start();
    let mut operator = Operator::of(node, &agent);
    operator.found(&first_record(node, &agent)).await.expect("founded");
    operator.converged().await;
    (agent, operator)
}
