//! An operator: calls the agent's API as core does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use justmanage_agent::secrets;
use justmanage_agent_proto::v1::agent_client::AgentClient;
use justmanage_agent_proto::v1::{FoundRequest, InviteRequest, ObserveRequest, ProposeRequest, StatusRequest};
use justmanage_identity::{KeyPair, connect};
use justmanage_model::node::AgentInfo;
use justmanage_model::{
    Artefact, Bytes, ClusterSpec, Epoch, Generation, NodeId, NodeObservation, Observation, OnCrash, OperationReport,
    Place, Program, Record, ReleaseTarget, Secret, ServerObservation, ServerState, User, Waiting,
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
    /// Its own node.
    pub(crate) node: NodeObservation,
    /// All nodes, as the leader sees them.
    pub(crate) cluster: Observation,
    pub(crate) leader: Option<NodeId>,
    pub(crate) converged: bool,
    pub(crate) waiting: Vec<Waiting>,
    /// What the last operation came to.
    pub(crate) report: Option<OperationReport>,
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

    /// How the cluster is; its node's own state comes from the agent itself.
    async fn ask(&mut self, seen: u64, wait_ms: u32) -> Result<(u64, Said), tonic::Status> {
        let request = ObserveRequest { seen, wait_ms, ..Default::default() };
        let reply = self.client.observe(request).await?.into_inner();
        let record = (!reply.record.is_empty()).then(|| serde_json::from_slice(&reply.record).expect("a Record"));
        let cluster = serde_json::from_slice(&reply.observation).expect("an observation");
        let waiting = serde_json::from_slice(&reply.waiting).expect("reasons");
        let leader = (!reply.leader.is_empty()).then(|| reply.leader.parse().expect("a node id"));
        let report = (!reply.last_operation.is_empty())
            .then(|| serde_json::from_slice(&reply.last_operation).expect("a report"));
        let own = self.client.status(StatusRequest::default()).await?.into_inner();
        let node = serde_json::from_slice(&own.node).expect("an observation");
        Ok((reply.version, Said { record, node, cluster, leader, converged: reply.converged, waiting, report }))
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

    /// Waits until the agent refuses to say how it is, and says why.
    pub(crate) async fn refused(&mut self, code: tonic::Code) -> String {
        let begun = Instant::now();
        loop {
            match self.status().await {
                Err(status) if status.code() == code => return status.message().to_owned(),
                other => assert!(begun.elapsed() < DEADLINE, "not refused: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until everything is as the Record wants it.
    pub(crate) async fn converged(&mut self) -> Said {
        self.until("converged", |said| said.converged).await
    }

    /// Invites the agent to the cluster of a Record.
    pub(crate) async fn invite(&mut self, record: &Record) -> Result<Answer, tonic::Status> {
        let record = serde_json::to_vec(record).expect("JSON");
        self.client.invite(InviteRequest { record }).await.map(|reply| answer(reply.into_inner()))
    }

    /// Invites the only agent of a cluster, and founds it.
    pub(crate) async fn found(&mut self, record: &Record) -> Result<Answer, tonic::Status> {
        match self.invite(record).await? {
            Answer::Applied(_) => self.found_group(record.epoch).await,
            conflict @ Answer::Conflict(_) => Ok(conflict),
        }
    }

    /// Founds the group from the invitations that all have.
    pub(crate) async fn found_group(&mut self, epoch: Epoch) -> Result<Answer, tonic::Status> {
        let request = FoundRequest { epoch: epoch.to_string() };
        self.client.found(request).await.map(|reply| answer(reply.into_inner()))
    }

    pub(crate) async fn propose(
        &mut self,
        epoch: Epoch,
        expected: Generation,
        next: &Record,
    ) -> Result<Answer, tonic::Status> {
        let (epoch, record) = (epoch.to_string(), serde_json::to_vec(next).expect("JSON"));
        let request = ProposeRequest { epoch, expected_generation: expected.get(), record, ..Default::default() };
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
    record_of(&[(node, agent)], 1, 0)
}

/// The first Record of a cluster of these nodes.
pub(crate) fn record_of(nodes: &[(&Node, &AgentInfo)], shards: u16, replicas_per_shard: u16) -> Record {
    let (node, _) = nodes.first().expect("a node");
    let claim = &node.order.claim;
    let release = node.program.release.clone();
    let app = User {
        acl: "~* &* +@read +@write +@connection +cluster|slots +cluster|shards +cluster|nodes +wait"
            .parse()
            .expect("rules"),
        passwords: vec![secrets::hash(&Secret::new(APP_PASSWORD.to_owned())).into()],
        given: Default::default(),
    };
    Record {
        operators: node.order.operators.clone(),
        members: nodes
            .iter()
            .filter_map(|(_, agent)| Some((agent.claim.node, agent.member(agent.claim.seat?))))
            .collect(),
        users: BTreeMap::from([("app".parse().expect("a name"), app)]),
        spares: nodes
            .iter()
            .filter(|(_, agent)| agent.claim.seat.is_none())
            .map(|(_, agent)| (agent.claim.node, agent.spare()))
            .collect(),
        ..Record::first(
            Epoch::from_entropy(random()),
            claim.cluster,
            claim.name.clone(),
            ClusterSpec {
                engine: release.engine,
                version: ReleaseTarget::Exactly(release.version),
                shards,
                replicas_per_shard,
                memory: Bytes::mib(64),
                surge: false,
                config: BTreeMap::new(),
                place: Place::Local,
                on_crash: OnCrash::default(),
                resources: Default::default(),
                metrics_readers: Default::default(),
                operator_keys: Default::default(),
                maintenance_window: None,
                apply: Default::default(),
                approved_version: None,
                backup_policy: None,
                backup_now: None,
                rotate: Default::default(),
                spares: u16::try_from(nodes.iter().filter(|(_, agent)| agent.claim.seat.is_none()).count())
                    .expect("few"),
                spare_after: None,
                testing: Default::default(),
            },
            Program {
                release,
                artefact: Artefact::new(&node.program.path, &node.program.sha256).expect("an artefact"),
            },
        )
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
