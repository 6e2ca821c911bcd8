//! A channel to an agent, which must prove the key that we expect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use justmanage_model::Pin;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::{IdentityError, KeyPair, tls};

/// Longest time for a connection to come about, the TLS handshake included. On the slowest line that an operator works
/// over (a satellite, 0.7 s round trip) the three round trips take 2 s.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Longest time for one of several addresses that a name has: agents that are found by names are in one network with who looks
/// for them, so even a busy one answers within a fraction of it.
const ATTEMPT_LIMIT: Duration = Duration::from_millis(1500);

/// How long the name alone is tried before the address that was known is tried beside it. A resolver answers within
/// milliseconds, and a handshake takes as many; a resolver or an address that swallows everything must not cost more than
/// this, since whoever waits for an answer of the group gives a connection up after a second.
const HEAD_START: Duration = Duration::from_millis(200);

/// A connection that both sides have agreed to.
pub(crate) type Stream<S = TcpStream> = BufReader<TlsStream<S>>;

/// Where to look for an agent. It is only where to look: who answers has to prove its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// At an address.
    Address(SocketAddr),
    /// At the addresses of a host name, resolved by the system anew for each connection, and a moment later also at the
    /// address that was known before.
    Name {
        /// The name.
        name: String,
        /// Where it was before; the port is the same wherever it is now.
        before: SocketAddr,
    },
}

impl Target {
    /// At a name if there is one, and where it was known to listen.
    #[must_use]
    pub fn new(name: Option<String>, known: SocketAddr) -> Self {
        name.map_or(Self::Address(known), |name| Self::Name { name, before: known })
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// A channel to the agent at an address or a name. It connects when it is first used, and again when the connection broke.
///
/// # Errors
/// [`IdentityError::Crypto`].
pub fn connect(agent: impl Into<Target>, expected: Pin, key: &KeyPair) -> Result<Channel, IdentityError> {
    let connector = TlsConnector::from(Arc::new(tls::client(key, expected)?));
    let agent = agent.into();
    Ok(channel(move || find(connector.clone(), agent.clone())))
}

/// A channel to an agent whose own address leads nowhere from here, over connections that somebody else makes: through another host,
/// say. Whoever answers at their end has to prove its key all the same.
///
/// # Errors
/// [`IdentityError::Crypto`].
pub fn connect_through<D, F, S>(dial: D, agent: IpAddr, expected: Pin, key: &KeyPair) -> Result<Channel, IdentityError>
where
    D: Fn() -> F + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connector = TlsConnector::from(Arc::new(tls::client(key, expected)?));
    Ok(channel(move || {
        let (connector, dialled) = (connector.clone(), dial());
        async move { prove(&connector, dialled.await?, agent).await }
    }))
}

/// A channel over connections that are opened so, each within the limit.
fn channel<F, S>(open: impl Fn() -> F + Send + 'static) -> Channel
where
    F: Future<Output = io::Result<Stream<S>>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let endpoint = Endpoint::from(Uri::from_static("https://agent"));
    endpoint.connect_timeout(CONNECT_LIMIT).connect_with_connector_lazy(service_fn(move |_: Uri| {
        let opened = open();
        async move {
            let limited = tokio::time::timeout(CONNECT_LIMIT, opened).await;
            limited.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(TokioIo::new)
        }
    }))
}

/// The first connection that comes about; otherwise why the last did not.
async fn find(connector: TlsConnector, agent: Target) -> io::Result<Stream> {
    let (name, before) = match agent {
        Target::Address(address) => return open(connector, address).await,
        Target::Name { name, before } => (name, before),
    };
    let mut attempts = JoinSet::new();
    attempts.spawn(by_name(connector.clone(), name, before.port()));
    attempts.spawn(async move {
        tokio::time::sleep(HEAD_START).await;
        open(connector, before).await
    });
    let mut why = io::ErrorKind::NotFound.into();
    while let Some(ended) = attempts.join_next().await {
        match ended {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error,
            Err(_) => {}
        }
    }
    Err(why)
}

async fn by_name(connector: TlsConnector, name: String, port: u16) -> io::Result<Stream> {
    let mut why = io::ErrorKind::NotFound.into();
    for place in tokio::net::lookup_host((name, port)).await? {
        match tokio::time::timeout(ATTEMPT_LIMIT, open(connector.clone(), place)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error,
            Err(_) => why = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(why)
}

pub(crate) async fn open(connector: TlsConnector, agent: SocketAddr) -> io::Result<Stream> {
    let tcp = TcpStream::connect(agent).await?;
    tcp.set_nodelay(true)?;
    prove(&connector, tcp, agent.ip()).await
}

/// Lets both sides prove who they are.
async fn prove<S>(connector: &TlsConnector, stream: S, agent: IpAddr) -> io::Result<Stream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let_in(BufReader::new(connector.connect(ServerName::IpAddress(agent.into()), stream).await?)).await
}

/// Waits until the server speaks.
///
/// In TLS 1.3 a client's handshake is over before the server has judged its certificate. Whoever writes at once may get a
/// broken pipe in the place of the alert that says why. An HTTP/2 server speaks first, so the answer is there to be read.
async fn let_in<S: AsyncRead + AsyncWrite + Unpin>(mut stream: Stream<S>) -> io::Result<Stream<S>> {
    if stream.fill_buf().await?.is_empty() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(stream)
}
