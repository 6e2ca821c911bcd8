//! The plugin process: everything between `main` and the provider's gRPC service.
//!
//! Terraform starts a provider as a process, hands it a certificate in the environment and reads one line from its
//! standard output that says where it listens. From then on both sides speak gRPC over mutual TLS on a unix socket, until
//! Terraform asks for the end. That agreement is go-plugin's; this module is our side of it.
//!
//! The order is chosen so that Terraform waits as little as possible: socket, certificate and the line come first, and
//! the runtime is built while Terraform is still making its own key; a connection that comes early waits in the queue of
//! the socket. The runtime has several threads, because calls are concurrent (Terraform makes ten at a time) and one
//! that decodes a value of 20 MiB, or that blocks by mistake, must not keep StopProvider or Shutdown from being heard.
//!
//! | module | what it holds |
//! |---|---|
//! | `handshake` | the environment that Terraform gives, and the line that it reads |
//! | `socket` | a private directory with the socket; removal of those that killed providers left |
//! | `tls` | our certificate; the client known by its exact certificate and its signature |
//! | `server` | connections in, calls answered, an end within a second |
//! | `services` | go-plugin's own services |
//! | `stdout` | stray prints become log lines of Terraform |
//! | `signals` | SIGINT, SIGTERM and the death of Terraform |
//! | [`log`] | log lines as Terraform reads them |
//! | [`panics`] | a panic becomes an error of the call, or a crash report |

mod connection;
mod debug;
pub(crate) mod handshake;
pub mod log;
pub mod panics;
mod server;
mod services;
mod signals;
mod socket;
mod stdout;
mod stop;
mod tls;

use std::{io, process::ExitCode};

use rustls_pki_types::CertificateDer;
use tfkit_proto::tfplugin6::provider_server::Provider;

pub use panics::{PanicText, catch_panic};
pub use stop::Stop;

/// How a provider process is run.
#[derive(Clone, Debug)]
pub struct Options {
    address: String,
    name: String,
    debug: bool,
    stop: Stop,
}

impl Options {
    /// For the provider with this address, such as `registry.terraform.io/justmanage/justmanage`, as users write it in
    /// `required_providers`. Its last part names the provider in `TF_LOG_PROVIDER_<NAME>`.
    pub fn new(address: impl Into<String>) -> Self {
        let address = address.into();
        let name = address.rsplit('/').next().unwrap_or_default().to_owned();
        Self { address, name, debug: false, stop: Stop::new() }
    }

    /// Serves plaintext to this user alone, prints `TF_REATTACH_PROVIDERS`, and stays until SIGINT or SIGTERM.
    ///
    /// For a provider that runs in a debugger. Never the default: without it, a client that does not authenticate is
    /// refused.
    #[must_use]
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = debug;
        self
    }

    /// The handle through which the service stops its work; ended by the process itself when it has to end.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }
}

/// Why the process could not serve. The text goes to standard error, which Terraform copies to its log.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Refused(#[from] handshake::Refusal),
    #[error("no socket to listen on")]
    Socket(#[from] socket::SocketError),
    #[error("no certificate of our own")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS cannot be configured")]
    Tls(#[from] rustls::Error),
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
    #[error("the server ended")]
    Server(#[from] tonic::transport::Error),
}

/// Runs the provider process to its end and returns the exit code for `main`.
///
/// The service is the provider's whole `tfplugin6.Provider`; calls that it leaves out answer UNIMPLEMENTED, and a call
/// that panics answers INTERNAL with the text of the panic. `main` prints nothing before it.
///
/// ```no_run
/// # struct Service;
/// # impl tfkit_proto::tfplugin6::provider_server::Provider for Service {}
/// # const _: &str = stringify! {
/// fn main() -> std::process::ExitCode {
/// # };
///     tfkit::plugin::serve(Service, tfkit::plugin::Options::new("example.test/acme/bare"));
/// # const _: &str = stringify! {
/// }
/// # };
/// ```
pub fn serve<S: Provider>(service: S, options: Options) -> ExitCode {
    panics::install();
    let served = if options.debug { serve_debug(service, &options) } else { serve_plugin(service, &options) };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve_plugin<S: Provider>(service: S, options: &Options) -> Result<(), StartError> {
    let invitation = handshake::read(|name| std::env::var_os(name))?;
    let socket = socket::open(invitation.socket_dir.as_deref())?;
    let identity = tls::identity()?;
    let own: CertificateDer<'static> = identity.certificate.clone();
    let tls = tls::server(identity, invitation.client)?;
    let line = handshake::line(socket.path(), &own, invitation.multiplex);
    stdout::print(&line).map_err(|e| StartError::System("the handshake line could not be written", e))?;

    log::install(&options.name);
    let stray = stdout::capture().map_err(|e| StartError::System("standard output could not be taken over", e))?;
    socket.sweep_neighbours();
    let host = signals::Parent::find();
    server::run(service, socket.listener()?, server::Mode::Plugin { tls, stray, host }, &options.stop)
}

fn serve_debug<S: Provider>(service: S, options: &Options) -> Result<(), StartError> {
    let socket = socket::open(std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").as_deref().map(AsRef::as_ref))?;
    log::install(&options.name);
    let listener = socket.listener()?;
    stdout::print(&debug::instructions(&options.address, socket.path()))
        .map_err(|e| StartError::System("the instructions could not be written", e))?;
    socket.sweep_neighbours();
    server::run(service, listener, server::Mode::Debug, &options.stop)
}
