//! `root`: one connection of the agent's, from its request to what comes of it.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use justmanage_model::{Purpose, Timestamp};

use super::judge::judge;
use super::limit::limit;
use super::message::{Answer, Request};
use super::place::Base;
use super::replace::{Build, Placed, place, see_through};
use crate::line;

/// How long the agent may take for its line, and to take ours.
const TALK_LIMIT: Duration = Duration::from_secs(10);

/// How long to wait for another helper: one that has answered and is just ending, or limits the server. A build that is being tried takes
/// longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does what is asked for over the connection that standard input is.
///
/// # Errors
/// Nobody asks, or the disk. What the agent can be told, it is told.
pub fn serve_stdin(base: &Base) -> io::Result<()> {
    let connection = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let request: Request = line::receive(&connection, Instant::now() + TALK_LIMIT)?;
    // Held until all of it is done.
    let _alone = match base.alone(PATIENCE)? {
        Some(alone) => alone,
        None => return answer(&connection, &Answer::Busy),
    };
    let (said, placed) = match carry_out(base, &connection, &request) {
        Ok((said, placed)) => (said, placed),
        Err(why) => (Answer::Refused(why), None),
    };
    let told = answer(&connection, &said);
    match placed {
        // The build is in place whether or not the agent has heard it.
        Some(placed) => see_through(base, placed),
        None => told,
    }
}

fn carry_out(base: &Base, connection: &UnixStream, request: &Request) -> Result<(Answer, Option<Placed>), String> {
    match judge(base, &request.warrant, Timestamp::now())? {
        Purpose::Limits(limits) => Ok((Answer::Limited(limit(base, &limits)?), None)),
        Purpose::Agent { sha256, version } => {
            let build = Build { sha256: &sha256, version, length: request.length };
            Ok(match place(base, connection, &build)? {
                Ok(placed) => (Answer::Placed, Some(placed)),
                Err(stays) => (Answer::Stays(stays), None),
            })
        }
    }
}

/// Says it.
pub(super) fn answer(connection: &UnixStream, said: &Answer) -> io::Result<()> {
    line::send(connection, said, Instant::now() + TALK_LIMIT)
}
