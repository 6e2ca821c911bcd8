//! A cluster's nodes, one by one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use justmanage_model::{
    BusId, Bytes, Member, NodeId, NodeObservation, Observation, Record, Role, Seat, ServerObservation, ServerState,
    SlotSet, Spare, Version,
};

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// Which.
    pub node: NodeId,
    /// Its place in the cluster's shape; a spare has none.
    pub seat: Option<Seat>,
    /// What it is in its shard at this moment.
    pub role: RoleView,
    /// Where its server listens.
    pub client: SocketAddr,
    /// Where clients reach it, `host:port`: by its name, if clients are told names.
    pub endpoint: String,
    /// How it is.
    pub state: NodeState,
    /// What runs.
    pub version: Option<Version>,
    /// The version of its agent; `None` when it was not seen, or is nobody's release.
    pub agent_version: Option<Version>,
    /// Of a replica: how many bytes of what its primary wrote it had not acknowledged yet, as the primary says.
    pub lag: Option<Bytes>,
    /// `used_memory` of the server.
    pub memory: Option<Bytes>,
    /// How many of its keys have fields that expire; `None` where the server knows no such fields.
    pub field_ttls: Option<u64>,
    /// The slots that it owns.
    pub slots: SlotSet,
    /// What limits the server's memory and processor time, or why nothing does: sentences.
    pub limits: Vec<String>,
}

/// What a node is in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleView {
    /// It takes the shard's writes.
    Primary,
    /// It copies a primary; which one, if it is a member that is known.
    Replica {
        /// The primary.
        of: Option<NodeId>,
    },
    /// It runs no server, and waits for a place.
    Spare,
    /// Nobody could see.
    Unknown,
}

/// How a node is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Its server answers, and a replica is linked to its primary.
    Running,
    /// Its server is about to answer, or reads its data.
    Starting,
    /// A replica that receives its first copy.
    Copying,
    /// A replica without a link to its primary.
    Unlinked,
    /// It is not part of the cluster yet.
    Joining,
    /// A spare that can take a place.
    StandingBy,
    /// Its server does not run, and is not meant to yet.
    Stopped,
    /// Its server ended by itself.
    Down,
    /// Its server does not answer.
    Hung,
    /// Its agent could not be asked.
    Unknown,
    /// Its machine is there, and its agent does not run.
    AgentStopped,
    /// Its machine does not exist any more.
    Missing,
}

impl NodeState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Copying => "copying",
            Self::Unlinked => "unlinked",
            Self::Joining => "joining",
            Self::StandingBy => "standing-by",
            Self::Stopped => "stopped",
            Self::Down => "down",
            Self::Hung => "hung",
            Self::Unknown => "unknown",
            Self::AgentStopped => "agent-stopped",
            Self::Missing => "missing",
        }
    }
}

/// Every member in the order of the seats with what is seen of it, and then every spare.
pub(super) fn of(record: &Record, observation: &Observation) -> Vec<NodeView> {
    let ids = bus_ids(record, observation);
    let mut nodes: Vec<NodeView> = record
        .members
        .iter()
        .map(|(node, member)| NodeView {
            endpoint: record.endpoint(*node, member.client),
            ..one(*node, member, observation.known(*node), observation, &ids)
        })
        .collect();
    nodes.sort_by_key(|node| node.seat);
    nodes.extend(record.spares.iter().map(|(node, spare)| spare_view(record, *node, spare, observation.known(*node))));
    nodes
}

fn spare_view(record: &Record, node: NodeId, spare: &Spare, seen: Option<&NodeObservation>) -> NodeView {
    NodeView {
        node,
        seat: None,
        role: RoleView::Spare,
        client: spare.client,
        endpoint: record.endpoint(node, spare.client),
        state: if seen.is_some() { NodeState::StandingBy } else { NodeState::Unknown },
        version: None,
        agent_version: seen.and_then(|seen| crate::manager::version(&seen.agent_version)),
        lag: None,
        memory: None,
        field_ttls: None,
        slots: SlotSet::empty(),
        limits: Vec::new(),
    }
}

/// Whose server has which id on the bus: as the server says itself, else as the Record remembers.
fn bus_ids(record: &Record, observation: &Observation) -> BTreeMap<BusId, NodeId> {
    let remembered = record.members.iter().filter_map(|(node, member)| Some((member.bus_id?, *node)));
    let said =
        record.members.keys().filter_map(|node| Some((server(observation.known(*node)?)?.bus.as_ref()?.id, *node)));
    remembered.chain(said).collect()
}

fn server(seen: &NodeObservation) -> Option<&ServerObservation> {
    match &seen.server {
        ServerState::Running(server) => Some(server),
        _ => None,
    }
}

fn one(
    node: NodeId,
    member: &Member,
    seen: Option<&NodeObservation>,
    observation: &Observation,
    ids: &BTreeMap<BusId, NodeId>,
) -> NodeView {
    let server = seen.and_then(server);
    let bus = server.and_then(|server| server.bus.as_ref());
    let role = match bus.map(|bus| &bus.role) {
        Some(Role::Primary { .. }) => RoleView::Primary,
        Some(Role::Replica { of, .. }) => RoleView::Replica { of: ids.get(of).copied() },
        None => RoleView::Unknown,
    };
    let lag = match role {
        RoleView::Replica { of } => of.and_then(|primary| lag(observation.known(primary)?, member.client)),
        RoleView::Primary | RoleView::Spare | RoleView::Unknown => None,
    };
    NodeView {
        node,
        seat: Some(member.seat),
        role,
        client: member.client,
        endpoint: member.client.to_string(),
        state: state(member, seen),
        version: server.map(|server| server.release.version),
        agent_version: seen.and_then(|seen| crate::manager::version(&seen.agent_version)),
        lag,
        memory: server.map(|server| server.used_memory),
        field_ttls: server.and_then(|server| server.field_ttls),
        slots: bus.map(|bus| bus.slots.clone()).unwrap_or_default(),
        limits: seen.map(|seen| seen.limits.clone()).unwrap_or_default(),
    }
}

/// What a primary says of the replica at an address.
fn lag(primary: &NodeObservation, replica: SocketAddr) -> Option<Bytes> {
    match &server(primary)?.bus.as_ref()?.role {
        Role::Primary { replicas } => {
            replicas.iter().find(|link| link.at == replica && link.online).map(|link| Bytes::new(link.lag_bytes))
        }
        Role::Replica { .. } => None,
    }
}

fn state(member: &Member, seen: Option<&NodeObservation>) -> NodeState {
    let Some(seen) = seen else { return NodeState::Unknown };
    let server = match &seen.server {
        ServerState::Stopped => return NodeState::Stopped,
        ServerState::Starting { .. } => return NodeState::Starting,
        ServerState::Down { .. } => return NodeState::Down,
        ServerState::Hung { .. } => return NodeState::Hung,
        ServerState::Running(server) if server.loading => return NodeState::Starting,
        ServerState::Running(server) => server,
    };
    if member.bus_id.is_none() {
        return NodeState::Joining;
    }
    match server.bus.as_ref().map(|bus| &bus.role) {
        Some(Role::Replica { link, .. }) if link.syncing => NodeState::Copying,
        Some(Role::Replica { link, .. }) if !link.up => NodeState::Unlinked,
        Some(_) => NodeState::Running,
        None => NodeState::Starting,
    }
}
