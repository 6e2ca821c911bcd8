//! Ending a process of the node's from outside.

use std::time::Duration;

use rustix::process::Signal;

use super::{CommandError, Outcome};
use crate::process::Watched;

/// How long an agent may take to end by itself: it needs half a second. Nothing is lost if it is killed then.
pub(super) const AGENT_LIMIT: Duration = Duration::from_secs(5);
/// How long a process may take to vanish after SIGKILL.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// SIGTERM, and after the limit SIGKILL.
pub(super) fn end(process: &Watched, limit: Duration) -> Outcome {
    let pid = process.identity().pid;
    let refused = |error| {
        CommandError::new(format!("process {pid} cannot be ended: {error}"), "Run the command as that process's user.")
    };
    process.signal(Signal::TERM).map_err(refused)?;
    // A stopped process hears SIGTERM only when it goes on.
    process.signal(Signal::CONT).map_err(refused)?;
    if process.wait(limit).is_some() {
        return Ok(());
    }
    process.signal(Signal::KILL).map_err(refused)?;
    let hint = "It hangs in the kernel, often on a disk that does not answer. Try again when it is gone.";
    process.wait(KILL_LIMIT).map(|_| ()).ok_or_else(|| CommandError::new(format!("process {pid} does not end"), hint))
}
