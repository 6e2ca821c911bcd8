//! One connection to a server, over TLS, and calls with time limits.

mod error;

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use justmanage_model::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, BufStream};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use error::CallError;
pub(crate) use error::refusal;
pub(crate) use error::unreachable;

use crate::certificate::Certificate;
use crate::resp::{Calls, Reply, receive, send};

/// Whom a connection trusts: the cluster's own certificate authority, and nobody else.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the certificates in this PEM text, one or more (two while the authority is being replaced).
    ///
    /// # Errors
    /// There is no certificate in it, or one that is none.
    pub fn from_pem(authority: &str) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate.map_err(|_| TrustError)?).map_err(|_| TrustError)?;
        }
        if roots.is_empty() {
            return Err(TrustError);
        }
        // The provider is named here: the process may have none as its default, and never another.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| TrustError)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(..)")
    }
}

/// The text of an authority holds no certificate that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate of the cluster's authority is not a certificate in PEM")]
pub struct TrustError;

/// As whom to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub user: String,
    /// Its password.
    pub password: Secret<String>,
}

/// What a connection goes over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// What had come, in good order, before something came that made reading fail.
    fn good_rest(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

impl Wire for TcpStream {}

impl Wire for UnixStream {}

#[cfg(test)]
impl Wire for tokio::io::DuplexStream {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for TlsStream<T> {
    fn good_rest(&mut self) -> Vec<u8> {
        let (mut rest, mut some) = (Vec::new(), [0; 4096]);
        let mut reader = self.get_mut().1.reader();
        while let Ok(count @ 1..) = reader.read(&mut some) {
            rest.extend_from_slice(&some[..count]);
        }
        rest
    }
}

/// One connection, logged in. Calls go one after the other.
pub struct Connection {
    address: SocketAddr,
    /// None after a call without an answer: what comes next on the wire could be the answer to it.
    stream: Option<BufStream<Box<dyn Wire>>>,
    limit: Duration,
    certificate: Option<Certificate>,
    /// How it was opened.
    origin: Option<Origin>,
    /// Others to the same server, for calls that wait there.
    pub(crate) lanes: Vec<Self>,
}

/// What another connection like this one takes.
struct Origin {
    trust: Option<Trust>,
    login: Login,
}

impl Connection {
    /// Connects, checks the server's certificate against the authority and the address, and logs in.
    ///
    /// `limit` is for the whole of it, and then for each call.
    ///
    /// # Errors
    /// Nobody there, somebody else there, a login that is refused, or no answer in time.
    pub async fn open(address: SocketAddr, trust: &Trust, login: &Login, limit: Duration) -> Result<Self, CallError> {
        let opened = Self::opened(Self::connect_tls(address, trust, limit), login, limit).await?;
        Ok(opened.from(Some(trust), login))
    }

    /// The same without TLS, for tests alone: anybody on the way reads the password, and can be the server.
    ///
    /// # Errors
    /// Nobody there, a login that is refused, or no answer in time.
    pub async fn open_plaintext(address: SocketAddr, login: &Login, limit: Duration) -> Result<Self, CallError> {
        let connected = async {
            let stream = connect(address).await?;
            Ok(Self::over(address, Box::new(stream), limit, None))
        };
        Ok(Self::opened(connected, login, limit).await?.from(None, login))
    }

    /// To a server that listens on a socket of this machine alone, and asks nobody for a password: one that serves nobody.
    ///
    /// `limit` is for each call. In errors its address is 0.0.0.0:0.
    ///
    /// # Errors
    /// Nobody there.
    pub async fn open_local(socket: &Path, limit: Duration) -> Result<Self, CallError> {
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let stream = UnixStream::connect(socket).await.map_err(|source| unreachable(address, source))?;
        Ok(Self::over(address, Box::new(stream), limit, None))
    }

    fn from(self, trust: Option<&Trust>, login: &Login) -> Self {
        Self { origin: Some(Origin { trust: trust.cloned(), login: login.clone() }), ..self }
    }

    /// Another one to the same server.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub(crate) async fn another(&self) -> Result<Self, CallError> {
        match &self.origin {
            Some(Origin { trust: Some(trust), login }) => Self::open(self.address, trust, login, self.limit).await,
            Some(Origin { trust: None, login }) => Self::open_plaintext(self.address, login, self.limit).await,
            None => Err(unreachable(self.address, io::Error::other("nobody has logged in"))),
        }
    }

    async fn opened(
        connected: impl Future<Output = Result<Self, CallError>>,
        login: &Login,
        limit: Duration,
    ) -> Result<Self, CallError> {
        let opened = tokio::time::timeout(limit, async {
            let mut connection = connected.await?;
            connection.call_named("AUTH", &["AUTH", &login.user, login.password.expose()]).await?;
            Ok(connection)
        });
        opened.await.unwrap_or_else(|_| Err(CallError::TimedOut { call: "the connection".to_owned(), limit }))
    }

    async fn connect_tls(address: SocketAddr, trust: &Trust, limit: Duration) -> Result<Self, CallError> {
        let stream = connect(address).await?;
        let name = ServerName::from(address.ip());
        let stream = TlsConnector::from(Arc::clone(&trust.0))
            .connect(name, stream)
            .await
            .map_err(|source| unreachable(address, source))?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        // One that rustls accepted and that cannot be read does not exist; were there one, it would be renewed: the safe side.
        let unread = Certificate { from: Timestamp::UNIX_EPOCH, until: Timestamp::UNIX_EPOCH, issued: None };
        let certificate = certificate.and_then(|certificate| Certificate::from_der(certificate)).unwrap_or(unread);
        Ok(Self::over(address, Box::new(stream), limit, Some(certificate)))
    }

    fn over(address: SocketAddr, stream: Box<dyn Wire>, limit: Duration, certificate: Option<Certificate>) -> Self {
        Self { address, stream: Some(BufStream::new(stream)), limit, certificate, origin: None, lanes: Vec::new() }
    }

    /// What is beneath it, for what is no exchange of calls and answers.
    pub(crate) fn into_stream(self) -> Result<(SocketAddr, BufStream<Box<dyn Wire>>), CallError> {
        let broken = || io::Error::new(io::ErrorKind::NotConnected, "an earlier call on this connection failed");
        let address = self.address;
        self.stream.map(|stream| (address, stream)).ok_or_else(|| unreachable(address, broken()))
    }

    /// The certificate that the server showed; it shows a new one to new connections only. `None` without TLS.
    #[must_use]
    pub const fn certificate(&self) -> Option<Certificate> {
        self.certificate
    }

    /// Another limit for each call from now on.
    pub const fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// One call. In errors it is named by its first word, since others may be secret.
    pub(crate) async fn call(&mut self, arguments: &[&str]) -> Result<Reply, CallError> {
        self.call_named(arguments.first().unwrap_or(&""), arguments).await
    }

    /// One call with a name for errors.
    pub(crate) async fn call_named(&mut self, name: &str, arguments: &[&str]) -> Result<Reply, CallError> {
        let replies = self.exchange(name, &Calls::one(arguments), self.limit).await?;
        replies.into_iter().next().map_or(Ok(Reply::Nil), |reply| answered(name, reply))
    }

    /// Many calls in one writing; an answer for each, in their order, of which each may be a refusal (see [`answered`]).
    ///
    /// The server does them one after the other; of what it reads at once (16 KiB) it does everything before it turns to
    /// anybody else. All of it together has to be done within the connection's limit, or within `limit`.
    pub(crate) async fn pipeline(
        &mut self,
        name: &str,
        calls: &Calls,
        limit: Option<Duration>,
    ) -> Result<Vec<Reply>, CallError> {
        self.exchange(name, calls, limit.unwrap_or(self.limit)).await
    }

    async fn exchange(&mut self, name: &str, calls: &Calls, limit: Duration) -> Result<Vec<Reply>, CallError> {
        let Some(mut stream) = self.stream.take() else {
            let source = io::Error::new(io::ErrorKind::NotConnected, "an earlier call on this connection failed");
            return Err(unreachable(self.address, source));
        };
        let exchange = async {
            send(&mut stream, calls).await?;
            let mut replies = Vec::with_capacity(calls.len());
            for _ in 0..calls.len() {
                replies.push(receive(&mut stream).await?);
            }
            Ok(replies)
        };
        let replies = match tokio::time::timeout(limit, exchange).await {
            Ok(replies) => replies.map_err(|source| unreachable(self.address, source))?,
            Err(_) => return Err(CallError::TimedOut { call: name.to_owned(), limit }),
        };
        self.stream = Some(stream);
        Ok(replies)
    }
}

/// An answer, unless it is a refusal.
pub(crate) fn answered(name: &str, reply: Reply) -> Result<Reply, CallError> {
    match reply {
        Reply::Error(said) => Err(refusal(name, said)),
        reply => Ok(reply),
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, CallError> {
    let stream = TcpStream::connect(address).await.map_err(|source| unreachable(address, source))?;
    // Calls are small and wait for their answer: without this, each could wait 40 ms for the one before.
    stream.set_nodelay(true).map_err(|source| unreachable(address, source))?;
    Ok(stream)
}
