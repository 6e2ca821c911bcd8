//! The running server: connections are admitted, calls are answered, and the end comes within a second.

use std::{io, os::fd::OwnedFd, os::unix::net, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tfkit_proto::{
    health::health_server::HealthServer,
    plugin::{
        grpc_broker_server::GrpcBrokerServer, grpc_controller_server::GrpcControllerServer,
        grpc_stdio_server::GrpcStdioServer,
    },
    tfplugin6::provider_server::{Provider, ProviderServer},
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::{
    StartError, Stop,
    connection::Connection,
    panics::CatchPanics,
    services::{Broker, Controller, Healthy, Stdio},
    signals::{Parent, Signals},
    stdout::Stray,
};

/// Greatest message in either direction. Terraform itself takes 64 MiB of schema and 2 GiB of anything else; Go providers
/// take 256 MiB, so that a mistake is an error and not the end of the machine's memory.
const MESSAGE_LIMIT: usize = 256 << 20;

/// How long a connection may take to authenticate. Terraform needs milliseconds; the rest is for a machine under load.
const ADMISSION_TIME: Duration = Duration::from_secs(10);

/// How long calls in flight may still answer once the end has come. Terraform kills after two seconds.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Connections that are authenticated and not yet served.
const WAITING: usize = 16;

/// Whom the server serves.
pub(super) enum Mode {
    /// The host that started us, until it asks for the end or is gone.
    Plugin { tls: Arc<ServerConfig>, stray: OwnedFd, host: Parent },
    /// Processes of this user, until SIGINT.
    Debug,
}

/// Serves until the end.
pub(super) fn run<S: Provider>(
    service: S,
    listener: net::UnixListener,
    mode: Mode,
    stop: &Stop,
) -> Result<(), StartError> {
    // Two at least, so that one call that computes does not keep the others waiting; the rest of the machine is
    // Terraform's.
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|e| StartError::System("no runtime", e))?;
    let served = runtime.block_on(serve(service, listener, mode, stop));
    // Blocking work that does not end must not keep the process.
    runtime.shutdown_background();
    served
}

async fn serve<S: Provider>(
    service: S,
    listener: net::UnixListener,
    mode: Mode,
    stop: &Stop,
) -> Result<(), StartError> {
    let system = |what| move |error| StartError::System(what, error);
    let signals = Signals::install().map_err(system("no signal handlers"))?;
    let listener = UnixListener::from_std(listener).map_err(system("the socket cannot be used"))?;
    let ending = CancellationToken::new();
    let (tls, stray, host) = match mode {
        Mode::Plugin { tls, stray, host } => {
            let stray = Stray::read(stray, ending.clone()).map_err(system("standard output cannot be read"))?;
            (Some(TlsAcceptor::from(tls)), Some(Arc::new(stray)), Some(host))
        }
        Mode::Debug => (None, None, None),
    };
    let controller = Controller { ending: host.is_some().then(|| ending.clone()) };
    let provider =
        ProviderServer::new(service).max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT);
    let serving = Server::builder()
        .layer(CatchPanics)
        .add_service(provider)
        .add_service(GrpcControllerServer::new(controller))
        .add_service(GrpcBrokerServer::new(Broker { ending: ending.clone() }))
        .add_service(GrpcStdioServer::new(Stdio { stray, ending: ending.clone() }))
        .add_service(HealthServer::new(Healthy { ending: ending.clone() }))
        .serve_with_incoming_shutdown(connections(listener, tls, ending.clone()), ending.clone().cancelled_owned());
    let end = async {
        tokio::select! {
            reason = signals.end(host) => tracing::info!(reason, "the provider ends"),
            () = ending.cancelled() => {}
        }
        ending.cancel();
        stop.end();
        sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = serving => served.map_err(StartError::from),
        () = end => Ok(()),
    }
}

/// Admitted connections. Each authenticates in a task of its own, so that one that stalls does not block the others.
fn connections(
    listener: UnixListener,
    tls: Option<TlsAcceptor>,
    ending: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(ending.run_until_cancelled_owned(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (tls, sender) = (tls.clone(), sender.clone());
                    tokio::spawn(async move {
                        match timeout(ADMISSION_TIME, admit(stream, tls)).await.unwrap_or_else(|e| Err(e.into())) {
                            Ok(connection) => drop(sender.send(Ok(connection)).await),
                            Err(error) => tracing::warn!(%error, "connection refused"),
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: others have to end first.
                    tracing::warn!(%error, "no connection accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }));
    ReceiverStream::new(receiver)
}

async fn admit(stream: UnixStream, tls: Option<TlsAcceptor>) -> io::Result<Connection> {
    match tls {
        Some(tls) => Ok(Connection::Tls(Box::new(tls.accept(stream).await?))),
        None if stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw() => Ok(Connection::Plain(stream)),
        None => Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user")),
    }
}
