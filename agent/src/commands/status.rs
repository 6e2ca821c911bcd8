//! `status`: what runs in a node's directory.

use std::io;

use justmanage_model::node::{AgentInfo, NodeStatus};

use super::{CommandError, disk, order};
use crate::directory::Directory;
use crate::process::{LockGuard, Watched};
use crate::server;

/// What runs now. Reads a few files and `/proc`; asks nobody.
pub(super) fn status(directory: &Directory) -> Result<NodeStatus, CommandError> {
    let fail = disk(directory);
    Ok(NodeStatus {
        claim: order(directory)?.claim,
        agent: agent(directory).map_err(&fail)?,
        server_running: server::running(directory).map_err(&fail)?.is_some(),
    })
}

/// The agent, if it runs and listens: somebody holds the lock, and the process that `agent.json` names lives. An old
/// `agent.json` beside a new agent that does not listen yet is no answer.
pub(super) fn agent(directory: &Directory) -> io::Result<Option<AgentInfo>> {
    if !LockGuard::is_held(&directory.agent_lock())? {
        return Ok(None);
    }
    // A damaged file is one that the agent that runs has not written.
    let info: Option<AgentInfo> = directory.read(&directory.agent_info()).unwrap_or_default();
    Ok(info.filter(|info| Watched::open(&info.process).is_some()))
}
