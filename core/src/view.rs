//! What a cluster looks like to its user.

use std::net::SocketAddr;

use justmanage_model::{Record, Waiting};

use crate::Locator;

/// A cluster as it is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterView {
    /// Its id, complete.
    pub id: Locator,
    /// What its agents agree on; `None` when no agent could be asked.
    pub record: Option<Record>,
    /// Everything is as it is wanted.
    pub converged: bool,
    /// It is not, and the agents alone will not get there: somebody has to apply. A server that the agent is about to start
    /// again is not such a case; an agent that does not run, or that is stuck, is.
    pub needs_apply: bool,
    /// Why it is not, in sentences for users; empty when it is converged.
    pub waiting_on: Vec<String>,
    /// What its servers run; `None` when none could be asked.
    pub version_actual: Option<String>,
}

impl ClusterView {
    /// Where clients reach the servers, in the order of the seats.
    pub fn endpoints(&self) -> Vec<SocketAddr> {
        let Some(record) = &self.record else { return Vec::new() };
        let mut members: Vec<_> = record.members.values().collect();
        members.sort_by_key(|member| member.seat);
        members.iter().map(|member| member.client).collect()
    }
}

/// Whether this reason goes away only when somebody acts.
pub(crate) fn needs_somebody(waiting: &Waiting) -> bool {
    matches!(waiting, Waiting::Stuck { .. } | Waiting::MembersMissing { .. })
}

/// A reason to wait, as a sentence.
pub fn sentence(waiting: &Waiting) -> String {
    match waiting {
        Waiting::NodeUnknown { node, since, why } => format!("{node} has not been seen since {since}: {why}"),
        Waiting::ServerStarting { node, since } => format!("the server of {node} has been starting since {since}"),
        Waiting::RestartBackoff { node, retry_at, why } => {
            format!("the server of {node} ended ({why}) and will be started again at {retry_at}")
        }
        Waiting::ServerHung { node, since } => format!("the server of {node} has not answered since {since}"),
        Waiting::OtherRelease { node, running, wanted } => {
            format!("{node} runs {running} where {wanted} is wanted")
        }
        Waiting::ClusterNotOk { node } => format!("the server of {node} does not report cluster_state:ok yet"),
        Waiting::MembersMissing { have, want } => format!("{have} of {want} nodes exist; an apply makes the others"),
        Waiting::Stuck { what, since, hint } => format!("no progress since {since}: {what}. {hint}"),
    }
}
