//! `launch --stdin`: the launcher's side of a connection.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::super::launch::environment;
use super::super::stat::Stat;
use super::super::{Launch, Refusal};
use super::message::{Answer, Order};
use crate::line;

/// How long whoever connected may take to say what it wants, and to take the answer: an agent needs a millisecond. One that
/// was stopped in between does not leave a launcher behind.
const TALK_LIMIT: Duration = Duration::from_secs(5);
/// How long the program waits to be held before it begins. Usually a millisecond, too; beyond the limit the agent hangs, and
/// the server is worth more running than held.
const HOLD_LIMIT: Duration = Duration::from_secs(5);

/// Becomes the program that is ordered over the connection that standard input is. Returns only if that is not possible; so
/// far as there was somebody to tell, they were told.
pub fn launch_from_stdin() -> Refusal {
    let connection = match take_stdin() {
        Ok(connection) => connection,
        Err(error) => return Refusal::Failed("standard input cannot be put aside".to_owned(), error),
    };
    match prepare(&connection) {
        // The lock's file is open until here, and its descriptor goes along.
        Ok((launch, _lock)) => begin(&launch, &connection),
        Err(refusal) => {
            // Who does not hear it any more has given up.
            let _ = line::send(&connection, &Answer::from(&refusal), Instant::now() + TALK_LIMIT);
            refusal
        }
    }
}

/// The connection, in whose place the program finds nothing to read. Whatever becomes of this process, it does not pass on.
fn take_stdin() -> io::Result<UnixStream> {
    let connection = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(connection)
}

/// Hears the order, and does all of it but the last step.
fn prepare(connection: &UnixStream) -> Result<(Launch, Option<File>), Refusal> {
    let order: Order = line::receive(connection, Instant::now() + TALK_LIMIT)
        .map_err(|error| Refusal::Failed("no order came over standard input".to_owned(), error))?;
    if let Some(log) = &order.log {
        write_to(log).map_err(|error| Refusal::Failed(format!("cannot write to {log:?}"), error))?;
    }
    let launch = Launch::from(order);
    let lock = launch.prepare()?;
    Ok((launch, lock))
}

/// Both outputs go there from now on: those of the program, and our own last words.
fn write_to(log: &Path) -> io::Result<()> {
    let log = File::options().append(true).create(true).mode(0o600).open(log)?;
    dup2_stdout(&log)?;
    dup2_stderr(&log)?;
    Ok(())
}

/// Says who becomes the program, waits until that process is held, and becomes it.
fn begin(launch: &Launch, connection: &UnixStream) -> Refusal {
    let pid = std::process::id();
    let answered = Stat::of(pid).and_then(|own| {
        let answer = Answer::Becomes { pid, start_time: own.start_time };
        line::send(connection, &answer, Instant::now() + TALK_LIMIT)
    });
    if let Err(error) = answered {
        // Whoever gave up waiting tries again, and would find a server that it knows nothing of.
        return Refusal::Failed("whoever ordered a server does not take the answer".to_owned(), error);
    }
    line::wait_for_end(connection, Instant::now() + HOLD_LIMIT);
    let mut program = Command::new(&launch.program);
    // systemd's variables are for its units; a server that finds NOTIFY_SOCKET would speak up there.
    program.env_clear().envs(environment());
    launch.run(program)
}
