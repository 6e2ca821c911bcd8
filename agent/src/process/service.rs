//! Servers that systemd starts, at the word of an agent that is not root (docs/decisions/0026-servers.md).
//!
//! Whoever is not root may not start a unit of the system's, but may connect to a socket that is its own: systemd then starts
//! an instance of the unit, `justmanage-agent launch --stdin`, whose standard input is the connection.
//!
//! | agent | launcher |
//! |---|---|
//! | connects, sends what to launch: [`message::Order`] | reads it, and prepares: session, directory, lock, log |
//! | | answers who it is, or why not: [`message::Answer`] |
//! | holds that process by a pidfd, and lets go of the connection | waits for that, and becomes the program |
//!
//! So what the agent holds is alive when it is held: a service's end is told to systemd alone, and a pid of one that has ended
//! can be anybody's. An agent that dies meanwhile lets go of the connection, too, and the next one finds the server by where
//! it works.

mod message;
mod stdin;

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use justmanage_model::node::ProcessIdentity;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{Launch, Watched, boot_id};
use crate::line;
use message::{Answer, Order};

pub use stdin::launch_from_stdin;

/// Where systemd is asked to start a server.
#[derive(Clone, Debug)]
pub(super) struct Service {
    socket: PathBuf,
    /// For everything: connection, start and answer.
    limit: Duration,
}

impl Service {
    /// At a socket of systemd's.
    pub(super) fn new(socket: PathBuf, limit: Duration) -> Self {
        Self { socket, limit }
    }

    /// Has systemd start a launcher that becomes the program. Its control groups are the unit's: none is joined.
    ///
    /// # Errors
    /// As [`super::Launcher::launch`].
    pub(super) fn launch(&self, launch: &Launch, log: &Path) -> io::Result<Watched> {
        let order = Order::of(launch, log)?;
        beside_others(|| self.start(&order))
    }

    fn start(&self, order: &Order) -> io::Result<Watched> {
        let deadline = Instant::now() + self.limit;
        let unanswered = |error: io::Error| self.unanswered(&error);
        // Until it is dropped, at the end, the launcher waits: it is alive, and still the launcher.
        let connection = reach(&self.socket).map_err(unanswered)?;
        line::send(&connection, order, deadline).map_err(unanswered)?;
        match line::receive::<Answer>(&connection, deadline).map_err(unanswered)? {
            Answer::Refused { why, alone: false } => Err(io::Error::new(io::ErrorKind::ResourceBusy, why)),
            Answer::Refused { why, alone: true } => Err(io::Error::other(why)),
            Answer::Becomes { pid, start_time } => {
                let identity = ProcessIdentity { pid, start_time, boot_id: boot_id()?.to_owned() };
                let held = Watched::open(&identity).map(Watched::in_unit);
                held.ok_or_else(|| io::Error::other(format!("process {pid}, which was to become it, has ended")))
            }
        }
    }

    /// What is wrong is systemd's, or its unit's, and told there.
    fn unanswered(&self, error: &io::Error) -> io::Error {
        let what = match error.kind() {
            io::ErrorKind::TimedOut => format!("no answer within {:?}", self.limit),
            _ => error.to_string(),
        };
        let socket = self.socket.display();
        let told = format!("systemd does not start it at {socket}: {what} (see `journalctl -u 'justmanage-server*'`)");
        io::Error::new(error.kind(), told)
    }
}

/// A connection. Where too many wait to be accepted it is an error at once: the kernel would let us wait without any limit.
fn reach(socket: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(socket)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let connection = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&connection, &address)?;
    let connection = UnixStream::from(connection);
    connection.set_nonblocking(false)?;
    Ok(connection)
}

/// Does what waits on this thread. In a runtime of several threads the other tasks go on elsewhere meanwhile: heartbeats of
/// the group, above all, would otherwise be late.
fn beside_others<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
