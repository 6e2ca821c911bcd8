//! The agent's end: it hands on what an operator has signed, and can do no more than that.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use justmanage_model::{Version, Warrant};

use super::message::{Answer, Request};
use crate::line;

/// How long root may take for an answer: it tries the build, or waits for systemd.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);

/// Where root is asked.
#[derive(Clone, Debug)]
pub struct RootHelper {
    socket: PathBuf,
}

/// Why root did nothing.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Another change goes on.
    #[error("another change of this machine goes on")]
    Busy,
    /// It refused.
    #[error("root refuses on this machine: {0}")]
    Refused(String),
    /// It could not be asked, or did not answer: perhaps it is done all the same.
    #[error("the root helper of this machine does not answer: {0}")]
    NoAnswer(#[from] io::Error),
}

/// What became of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The agent that runs is of this version, and stays.
    Stays(Version),
    /// It is in place; this agent is about to be ended.
    Placed,
}

impl RootHelper {
    /// At a socket of systemd's.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Has a build take the agent's place. Blocks.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn replace(&self, warrant: &Warrant, program: &Path) -> Result<Verdict, RootError> {
        let mut file = File::open(program)?;
        let length = file.metadata()?.len();
        let connection = self.ask(warrant, length)?;
        let mut said = hear(&connection)?;
        if said == Answer::Send {
            // Who does not take all of it says why.
            let _ = send(&mut file, &connection);
            said = hear(&connection)?;
        }
        match said {
            Answer::Stays(version) => Ok(Verdict::Stays(version)),
            Answer::Placed => Ok(Verdict::Placed),
            other => Err(refused(other)),
        }
    }

    /// Has the server limited. Blocks.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn limit(&self, warrant: &Warrant) -> Result<Vec<String>, RootError> {
        let connection = self.ask(warrant, 0)?;
        match hear(&connection)? {
            Answer::Limited(later) => Ok(later),
            other => Err(refused(other)),
        }
    }

    fn ask(&self, warrant: &Warrant, length: u64) -> Result<UnixStream, RootError> {
        let connection = UnixStream::connect(&self.socket)?;
        let request = Request { warrant: warrant.clone(), length };
        line::send(&connection, &request, Instant::now() + ANSWER_LIMIT)?;
        Ok(connection)
    }
}

fn hear(connection: &UnixStream) -> io::Result<Answer> {
    line::receive(connection, Instant::now() + ANSWER_LIMIT)
}

fn send(file: &mut File, mut connection: &UnixStream) -> io::Result<()> {
    connection.set_write_timeout(Some(ANSWER_LIMIT))?;
    let mut block = vec![0; 1 << 18];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            read => connection.write_all(&block[..read])?,
        }
    }
}

fn refused(answer: Answer) -> RootError {
    match answer {
        Answer::Busy => RootError::Busy,
        Answer::Refused(why) => RootError::Refused(why),
        other => RootError::NoAnswer(io::Error::new(io::ErrorKind::InvalidData, format!("it answers {other:?}"))),
    }
}
