//! A node that the cluster has gone on without: its agent has no say any more, and its server stays down.

use justmanage_model::{NodeId, NodeStep, Plan, ServerState, Step};

/// What the agent of such a node does: it stops the server, and never starts it again. Its copy of the Record is an old one, and may
/// say that the node is a member still; by the majority's word another has its place. Its data stay where they are.
pub(super) fn plan(own: NodeId, server: &ServerState) -> Plan {
    match server {
        ServerState::Stopped | ServerState::Down { .. } => Plan::Wait(Vec::new()),
        ServerState::Starting { .. } | ServerState::Running(_) | ServerState::Hung { .. } => {
            Plan::Act(vec![Step::Node(own, NodeStep::StopServer)], Vec::new())
        }
    }
}
