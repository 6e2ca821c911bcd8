//! `admit`: lets another operator in, at the word of whoever owns the node's directory.

use std::collections::BTreeSet;
use std::time::Duration;

use justmanage_model::Pin;
use rustix::process::Signal;

use super::{CommandError, Outcome, disk, order, start};
use crate::directory::Directory;
use crate::process::{Watched, find_agent};

/// How long an agent may take to end: it needs half a second.
const AGENT_LIMIT: Duration = Duration::from_secs(5);

/// Writes the operator down, and has the agent begin anew, which reads it. The server runs on.
pub(super) fn admit(directory: &Directory, operator: Pin) -> Outcome {
    let fail = disk(directory);
    order(directory)?;
    let mut admitted: BTreeSet<Pin> = directory.read(&directory.admitted()).map_err(&fail)?.unwrap_or_default();
    admitted.insert(operator);
    directory.write(&directory.admitted(), &admitted).map_err(&fail)?;
    if let Some(agent) =
        find_agent(directory.path(), &directory.agent_lock()).map_err(&fail)?.as_ref().and_then(Watched::open)
    {
        agent.signal(Signal::TERM).map_err(&fail)?;
        if agent.wait(AGENT_LIMIT).is_none() {
            let hint = "The operator is written down. End the agent by hand, and run `justmanage-agent start`.";
            return Err(CommandError::new("the agent does not end", hint));
        }
    }
    start::start(directory).map(|_| ())
}
