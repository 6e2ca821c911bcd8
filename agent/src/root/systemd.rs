//! What is asked of systemd: by its own program, with nothing in its arguments that anybody else could have written.

use std::process::Command;
use std::time::Duration;

use crate::process::said;

/// The agent's service.
pub(super) const AGENT: &str = "justmanage-agent.service";
/// The unit of which every server is an instance.
pub(super) const SERVER: &str = "justmanage-server@.service";
/// All its instances.
const SERVERS: &str = "justmanage-server@*.service";
/// What the node has for itself.
pub(super) const SLICE: &str = "justmanage.slice";

/// Longest time for an answer: an agent that is to end may take half a minute (`TimeoutStopSec`).
const LIMIT: Duration = Duration::from_secs(60);

/// Calls `systemctl`.
///
/// # Errors
/// It fails, or takes too long.
pub(super) fn systemctl(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("systemctl");
    command.args(arguments);
    said(command, LIMIT).ok_or_else(|| format!("systemctl {} failed", arguments.join(" ")))
}

/// Restarts the agent, and forgets how often that was done before.
///
/// # Errors
/// As [`systemctl`].
pub(super) fn restart_agent() -> Result<(), String> {
    // It fails where nothing is to be forgotten.
    let _ = systemctl(&["reset-failed", AGENT]);
    systemctl(&["restart", AGENT]).map(drop)
}

/// How often systemd has started the agent again by itself since it was started.
pub(super) fn restarts() -> u32 {
    let said = systemctl(&["show", "--property=NRestarts", "--value", AGENT]);
    said.ok().and_then(|said| said.trim().parse().ok()).unwrap_or_default()
}

/// The instances that run.
pub(super) fn servers() -> Result<Vec<String>, String> {
    let listed = systemctl(&["list-units", "--plain", "--no-legend", "--full", SERVERS])?;
    Ok(listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}
