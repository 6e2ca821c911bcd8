//! A cluster of several nodes on this machine, each with a real agent and a real server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use justmanage_model::node::AgentInfo;
use justmanage_model::{NodeId, Record, Role, Seat, Seen, ServerObservation, ServerState};

use crate::network::Host;
use crate::node::{APP_PASSWORD, Node};
use crate::operator::{Operator, Said, record_of};

/// Nodes in the order of their seats.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) agents: BTreeMap<NodeId, AgentInfo>,
}

impl Cluster {
    /// Agents that run, and no cluster yet.
    pub(crate) fn started(server: &Path, shards: u16, replicas: u16) -> Self {
        Self::started_on(server, shards, replicas, |_| None)
    }

    /// As [`Cluster::started`], each node on the host of its seat.
    pub(crate) fn started_on(
        server: &Path,
        shards: u16,
        replicas: u16,
        host: impl Fn(Seat) -> Option<Arc<Host>>,
    ) -> Self {
        let seats = (0..shards).flat_map(|shard| (0..=replicas).map(move |ordinal| Seat { shard, ordinal }));
        let mut nodes: Vec<Node> = Vec::new();
        for seat in seats {
            let node = match (nodes.first(), host(seat)) {
                (None, None) => Node::new(server),
                (None, Some(host)) => Node::on(host, server),
                (Some(first), host) => first.beside(Some(seat), host),
            };
            nodes.push(node);
        }
        let starts: Vec<AgentInfo> = std::thread::scope(|scope| {
            let running: Vec<_> = nodes.iter().map(|node| scope.spawn(|| node.start())).collect();
            running.into_iter().map(|start| start.join().expect("an agent")).collect()
        });
        let agents = starts.into_iter().map(|agent| (agent.claim.node, agent)).collect();
        Self { nodes, agents }
    }

    /// The same with another agent, which is to be a spare.
    pub(crate) fn and_spare(mut self) -> Self {
        let spare = self.nodes[0].beside(None, None);
        let agent = spare.start();
        self.agents.insert(agent.claim.node, agent);
        self.nodes.push(spare);
        self
    }

    /// A cluster that serves, from a first Record that was changed so.
    pub(crate) async fn formed(server: &Path, shards: u16, replicas: u16, change: impl FnOnce(&mut Record)) -> Self {
        Self::started(server, shards, replicas).form(shards, replicas, change).await
    }

    /// Makes a cluster that serves of agents that run.
    pub(crate) async fn form(self, shards: u16, replicas: u16, change: impl FnOnce(&mut Record)) -> Self {
        let mut record = self.first_record(shards, replicas);
        change(&mut record);
        self.found(&record).await;
        self.operator(0).converged().await;
        self
    }

    /// The first Record of these nodes.
    pub(crate) fn first_record(&self, shards: u16, replicas: u16) -> Record {
        let pairs: Vec<_> = self.nodes.iter().map(|node| (node, &self.agents[&node.order.claim.node])).collect();
        record_of(&pairs, shards, replicas)
    }

    /// Invites everybody and founds the group.
    pub(crate) async fn found(&self, record: &Record) {
        for position in 0..self.nodes.len() {
            self.operator(position).invite(record).await.expect("an invitation");
        }
        self.operator(0).found_group(record.epoch).await.expect("founded");
    }

    /// An operator who calls the agent of a node.
    pub(crate) fn operator(&self, position: usize) -> Operator {
        let node = &self.nodes[position];
        Operator::of(node, &self.agents[&node.order.claim.node])
    }

    /// Where the nodes of a shard take clients: the user of the tests.
    pub(crate) fn endpoints(&self, shard: u16) -> Vec<String> {
        let agents = self.agents.values().filter(|agent| agent.claim.seat.is_some_and(|seat| seat.shard == shard));
        agents.map(|agent| self.endpoint(agent.claim.node)).collect()
    }

    /// Where a node takes clients.
    pub(crate) fn endpoint(&self, node: NodeId) -> String {
        let scheme = if self.nodes[0].program.tls { "rediss" } else { "redis" };
        format!("{scheme}://app:{APP_PASSWORD}@{}/", self.agents[&node].client)
    }

    /// Whom clients trust; nothing where there is no TLS.
    pub(crate) fn authority(&self) -> Vec<u8> {
        match self.nodes[0].program.tls {
            true => std::fs::read(self.nodes[0].authorities()).expect("the authority"),
            false => Vec::new(),
        }
    }

    /// The position of a node.
    pub(crate) fn position(&self, node: NodeId) -> usize {
        self.nodes.iter().position(|one| one.order.claim.node == node).expect("a node of the cluster")
    }

    /// Starts the agent of a node again, and remembers how to reach it.
    pub(crate) fn restart_agent(&mut self, position: usize) {
        let agent = self.nodes[position].start();
        self.agents.insert(agent.claim.node, agent);
    }
}

/// The server of a node, if it is seen to run.
pub(crate) fn server(said: &Said, node: NodeId) -> Option<&ServerObservation> {
    match &said.cluster.nodes.get(&node)? {
        Seen::Known(seen) => match &seen.server {
            ServerState::Running(server) => Some(server),
            _ => None,
        },
        Seen::Unknown { .. } => None,
    }
}

/// The primary of a shard, by the word of its own server.
pub(crate) fn primary(said: &Said, shard: u16) -> Option<NodeId> {
    let record = said.record.as_ref()?;
    let members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
    let owns = |node: &NodeId| {
        let bus = server(said, *node).and_then(|server| server.bus.as_ref());
        bus.is_some_and(|bus| matches!(bus.role, Role::Primary { .. }) && !bus.slots.is_empty())
    };
    members.map(|(node, _)| *node).find(owns)
}
