//! `start`: the agent of a node, in the background.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use justmanage_model::node::AgentInfo;
use justmanage_steps::step;
use serde::Deserialize;

use super::{CommandError, disk, order, status};
use crate::directory::Directory;
use crate::process::{Launch, Launcher, LockGuard, SERVICE_SOCKET, Watched};
use crate::server::tail;
use crate::{programs, root};

/// How long an agent may take until it listens. It takes 20 ms; a machine that has just booted is busy.
const LIMIT: Duration = Duration::from_secs(20);
/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(3);

/// Starts the agent, unless it runs, and waits until it listens.
pub(super) fn start(directory: &Directory) -> Result<AgentInfo, CommandError> {
    let own = std::env::current_exe().map_err(disk(directory))?;
    start_with(directory, &own)
}

/// The same with another program.
pub(super) fn start_with(directory: &Directory, program: &Path) -> Result<AgentInfo, CommandError> {
    let fail = disk(directory);
    order(directory)?;
    if let Some(info) = status::agent_that_answers(directory).map_err(&fail)? {
        return Ok(info);
    }
    step!("start: about to launch");
    let mut ours = launch(directory, program)?;
    step!("start: launched");
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        // Ours, or that of another `start` that was first: one agent is as good as the other.
        if let Some(info) = status::agent_that_answers(directory).map_err(&fail)? {
            return Ok(info);
        }
        if ours.wait(PAUSE).is_some() {
            if !LockGuard::is_held(&directory.agent_lock()).map_err(&fail)? {
                return Err(last_words(directory));
            }
            // Another agent is starting, or was ending when ours tried.
            ours = launch(directory, program)?;
        }
    }
    // An agent that cannot be reached is no use to anybody, and would be in the way of the next.
    ours.signal(rustix::process::Signal::KILL).map_err(&fail)?;
    Err(CommandError::new(
        format!("the agent did not listen within {} s", LIMIT.as_secs()),
        format!("Its log, {}, tells more.", directory.agent_log().display()),
    ))
}

/// The agent as a process of its own: own session, nothing of ours but its log.
fn launch(directory: &Directory, program: &Path) -> Result<Watched, CommandError> {
    let fail = disk(directory);
    let path = directory.path().as_os_str();
    let launch = Launch::new(directory.path(), program, &[OsStr::new("run"), OsStr::new("--dir"), path]);
    let mut command = launch.command(Launcher::OWN);
    // Meant for agents; the servers that they start do not get them.
    let kept = ["JUSTMANAGE_LOG", SERVICE_SOCKET, root::SOCKET, programs::KEPT].into_iter();
    command.envs(kept.filter_map(|name| Some((name, std::env::var_os(name)?))));
    // What it says before it has a log, and if it panics.
    let log = File::options().append(true).create(true).mode(0o600).open(directory.agent_log()).map_err(&fail)?;
    let child = command.stdout(std::process::Stdio::null()).stderr(log).spawn().map_err(&fail)?;
    Watched::child(&child).map_err(&fail)
}

/// The error of the agent that ended: the last line of its log, if that is one.
fn last_words(directory: &Directory) -> CommandError {
    #[derive(Deserialize)]
    struct Words {
        error: String,
        hint: String,
    }
    let log = tail(&directory.agent_log());
    let last = log.lines().next_back().unwrap_or("it said nothing");
    match serde_json::from_str::<Words>(last) {
        Ok(words) => CommandError::new(words.error, words.hint),
        Err(_) => CommandError::new(
            format!("the agent ended before it listened: {last}"),
            format!("Its log, {}, tells more.", directory.agent_log().display()),
        ),
    }
}
