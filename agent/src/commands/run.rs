//! `run`: the agent of a node, in the foreground.

use std::time::Duration;

use justmanage_model::node::NodeOrder;
use justmanage_steps::step;

use super::{CommandError, Outcome, disk, order, remove};
use crate::directory::Directory;
use crate::node::{Berth, BerthError};
use crate::place::{self, Signals};
use crate::process::{Launcher, LockGuard, SERVICE_SOCKET};
use crate::serve::{End, serve};

/// How long to wait for the lock: others hold it for an instant to look at it, and an agent that was just told to end takes
/// half a second.
const PATIENCE: Duration = Duration::from_secs(2);
/// Threads for the agent's work: what it does is short, but one that waits for the disk must not keep others waiting.
const WORKERS: usize = 2;

/// How long to wait at the end for work that was under way.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Runs the agent until it is told to end (SIGTERM), wherever its node is. Its server runs on.
pub(super) fn run(directory: &Directory) -> Outcome {
    let order = order(directory)?;
    let fail = disk(directory);
    let lock = LockGuard::take(&directory.agent_lock(), PATIENCE).map_err(&fail)?.ok_or_else(|| {
        let hint = "`justmanage-agent status` says which process it is.";
        CommandError::new(format!("an agent runs in {} already", directory.path().display()), hint)
    })?;
    step!("agent: has its lock");
    // By its working directory it is found even if every file is gone; and it keeps no other directory from being removed.
    std::env::set_current_dir(directory.path()).map_err(&fail)?;
    crate::log::begin(directory).map_err(&fail)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(&fail)?;
    let end = runtime.block_on(from_place_to_place(directory, &order))?;
    // Nothing of the agent may act while its node is taken away; nor may a disk that does not answer keep it from ending.
    runtime.shutdown_timeout(SHUTDOWN_LIMIT);
    match end {
        End::Asked | End::Moved => Ok(()),
        End::Forsaken => remove::with_lock(directory, lock),
    }
}

/// Serves where the node is, and when it has moved, there. Process, lock, directory and ports stay.
async fn from_place_to_place(directory: &Directory, order: &NodeOrder) -> Result<End, CommandError> {
    let mut signals = Signals::listen().map_err(disk(directory))?;
    let launcher = launcher();
    loop {
        let Some(here) = place::find(order, &mut signals).await else { return Ok(End::Asked) };
        // Whose server is a unit of the system's has the machine for itself.
        let taken = match launcher.is_service() {
            true => Berth::take_usual(directory, &here),
            false => Berth::take(directory, &here),
        };
        let (berth, listener) = match taken {
            Ok(taken) => taken,
            // Gone in the same instant: it is looked for again.
            Err(error) if order.peer_names.is_some() && error.is_elsewhere() => continue,
            Err(error) => return Err(no_berth(error)),
        };
        let end = serve(directory.clone(), here, berth, listener, launcher.clone(), &mut signals).await;
        let end = end.map_err(|error| {
            tracing::error!(error = error.to_string(), "the agent ends");
            let hint = format!("Its log, {}, tells more.", directory.agent_log().display());
            CommandError::new(format!("the agent ended: {error}"), hint)
        })?;
        if end != End::Moved {
            return Ok(end);
        }
    }
}

/// Who starts the node's server: systemd, where the agent's unit names a socket for that, or this program itself. The variable
/// goes no further: what is launched has an environment of its own.
fn launcher() -> Launcher {
    let socket = std::env::var_os(SERVICE_SOCKET).filter(|socket| !socket.is_empty());
    socket.map_or_else(Launcher::own, Launcher::service)
}

fn no_berth(error: BerthError) -> CommandError {
    let hint = match &error {
        BerthError::Taken { port, .. } => format!(
            "A node keeps its ports for life, because clients know them. Find who listens with `ss -ltnp 'sport = {port}'`, \
             end that program, and apply again."
        ),
        BerthError::Address { .. } => "The node's address must be one of this machine.".to_owned(),
        BerthError::Full(_) => "Remove nodes of this machine that are no longer needed.".to_owned(),
        BerthError::Disk(_) => "Check the permissions of the node's directory and the room on its disk.".to_owned(),
    };
    CommandError::new(error, hint)
}
