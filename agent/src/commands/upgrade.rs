//! `upgrade`: this program takes the place of the node's agent; its server runs on.

use std::fs;
use std::path::PathBuf;

use justmanage_model::Version;
use justmanage_model::node::AgentInfo;
use justmanage_steps::step;

use super::end::{AGENT_LIMIT, end};
use super::start::{self, start_with};
use super::{CommandError, disk, order, status};
use crate::directory::Directory;
use crate::process::{Watched, find_agent};

/// Ends the agent that runs and starts this program in its place, which adopts the running server. An agent that is as new, or
/// newer, stays. If this program does not come to answer, the one before is started again.
///
/// Killed at any moment, it leaves a node whose agent does not run: [`start`](start::start) with the program that the node notes
/// goes on, and that is this one only once it has answered.
pub(super) fn upgrade(directory: &Directory) -> Result<AgentInfo, CommandError> {
    let fail = disk(directory);
    order(directory)?;
    let running = find_agent(directory.path(), &directory.agent_lock()).map_err(&fail)?;
    let Some(agent) = running.as_ref().and_then(Watched::open) else { return start::start(directory) };
    if let Some(info) = status::agent_that_answers(directory).map_err(&fail)?.filter(|info| !is_older(&info.version)) {
        return Ok(info);
    }
    let before = fs::read_link(format!("/proc/{}/exe", agent.identity().pid)).map_err(&fail)?;
    step!("upgrade: about to end the agent");
    end(&agent, AGENT_LIMIT)?;
    step!("upgrade: the agent ended");
    start::start(directory).map_err(|why| put_back(directory, before, &why))
}

/// Whether an agent of that version is older than this program. One that cannot be read was written by somebody else's build.
fn is_older(version: &str) -> bool {
    match (version.parse::<Version>(), crate::version().parse::<Version>()) {
        (Ok(theirs), Ok(ours)) => theirs < ours,
        _ => version != crate::version(),
    }
}

/// Starts the agent that was there before, since ours does not start.
fn put_back(directory: &Directory, before: PathBuf, why: &CommandError) -> CommandError {
    let said = format!("the agent of version {} does not start: {}", crate::version(), why.error);
    match start_with(directory, &before) {
        Ok(info) => CommandError::new(
            format!("{said}. The one before, version {}, was put back and runs", info.version),
            why.hint.clone(),
        ),
        Err(also) => CommandError::new(
            format!("{said}. Neither does the one before, {}: {}", before.display(), also.error),
            why.hint.clone(),
        ),
    }
}
