//! Who starts a program that is to outlive us: we ourselves, or systemd.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::service::Service;
use super::{Launch, Watched};

/// Names, in the environment of an agent that systemd runs, the socket on which systemd starts its server.
pub const SERVICE_SOCKET: &str = "JUSTMANAGE_SERVER_SOCKET";

/// How long systemd may take to start a launcher, and that to answer: some 30 ms, seconds on a machine that has just booted.
/// The agent's turn waits for it, so it is short enough not to miss what else happens.
const SERVICE_LIMIT: Duration = Duration::from_secs(5);

/// Starts programs that live on when we end. Whoever starts them, what comes of it is the same: a process that is held.
#[derive(Clone, Debug)]
pub struct Launcher(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The agent's program at this path, as a child of ours.
    Program(PathBuf),
    /// systemd, as a service that is no child of ours.
    Service(Service),
}

impl Launcher {
    /// This program, whatever has become of its file since it was started.
    pub const OWN: &str = "/proc/self/exe";

    /// [`Launcher::OWN`].
    pub fn own() -> Self {
        Self::at(Self::OWN)
    }

    /// The agent's program at a path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self(Kind::Program(program.into()))
    }

    /// systemd, at a socket with `Accept=yes` whose service is `justmanage-agent launch --stdin`.
    pub fn service(socket: impl Into<PathBuf>) -> Self {
        Self::service_within(socket, SERVICE_LIMIT)
    }

    /// As [`Launcher::service`], with another limit for the answer.
    pub fn service_within(socket: impl Into<PathBuf>, limit: Duration) -> Self {
        Self(Kind::Service(Service::new(socket.into(), limit)))
    }

    /// Whether systemd starts the programs: then limits and groups are those of its unit.
    pub const fn is_service(&self) -> bool {
        matches!(self.0, Kind::Service(_))
    }

    /// Starts a program whose output is appended to a log. A child may have ended by the time that this returns, and is held
    /// all the same; a service has not.
    ///
    /// # Errors
    /// Nothing was started, or nothing that is known of. Of a service, [`io::ErrorKind::ResourceBusy`]: another process works in
    /// the directory. (A child says so in its log.)
    pub fn launch(&self, launch: &Launch, log: &Path) -> io::Result<Watched> {
        match &self.0 {
            Kind::Program(program) => {
                let output = File::options().append(true).create(true).mode(0o600).open(log)?;
                let mut command = launch.command(program);
                let child = command.stdout(output.try_clone()?).stderr(output).spawn()?;
                // Dropped without waiting: its status is taken through the pidfd.
                Watched::child(&child)
            }
            Kind::Service(service) => service.launch(launch, log),
        }
    }

    /// A process that was launched so, by this agent or by one before it. What has to be known of it while it lives, so that
    /// its end can be understood, is looked up now.
    pub fn recognise(&self, process: Watched) -> Watched {
        if self.is_service() { process.in_unit() } else { process }
    }
}
