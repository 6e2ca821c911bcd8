//! One connection to a server, over TLS, and calls with time limits.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use justmanage_model::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, BufStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificate::not_after;
use crate::resp::{Reply, receive, send};

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

/// Why a call has no answer, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody is there, or no longer: try again later.
    #[error("the server at {address} cannot be reached")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Somebody is there who is not of this cluster, or whose certificate has expired.
    #[error("the server at {address} has no certificate of this cluster")]
    Untrusted {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: rustls::Error,
    },
    /// No answer in time; what was asked for may have been done or not. The connection cannot be used any more.
    #[error("the server did not answer {call} within {} ms", limit.as_millis())]
    TimedOut {
        /// Which call.
        call: String,
        /// The limit.
        limit: Duration,
    },
    /// The login or a call is not allowed: the user's password or rules are not what was thought.
    #[error("the server denies {call}: {said}")]
    Denied {
        /// Which call.
        call: String,
        /// The server's words.
        said: String,
    },
    /// The server is reading its data; try again later.
    #[error("the server is still reading its data")]
    Loading,
    /// The server cannot do it as it sees the cluster now: it does not know the other server yet, or that one is not yet, or no
    /// longer, what it was taken for. Look again, and decide anew.
    #[error("the server cannot do {call} now: {said}")]
    NotNow {
        /// Which call.
        call: String,
        /// The server's words.
        said: String,
    },
    /// The server does not do it; trying again does not help.
    #[error("the server refuses {call}: {said}")]
    Refused {
        /// Which call.
        call: String,
        /// The server's words.
        said: String,
    },
    /// An answer that is no answer to the question.
    #[error("the server answers {call} with something else: {said}")]
    Unexpected {
        /// Which call.
        call: String,
        /// What it was.
        said: String,
    },
}

trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// One connection, logged in. Calls go one after the other.
pub struct Connection {
    address: SocketAddr,
    /// None after a call without an answer: what comes next on the wire could be the answer to it.
    stream: Option<BufStream<Box<dyn Wire>>>,
    limit: Duration,
    certificate_expires: Option<Timestamp>,
}

impl Connection {
    /// Connects, checks the server's certificate against the authority and the address, and logs in.
    ///
    /// `limit` is for the whole of it, and then for each call.
    ///
    /// # Errors
    /// Nobody there, somebody else there, a login that is refused, or no answer in time.
    pub async fn open(address: SocketAddr, trust: &Trust, login: &Login, limit: Duration) -> Result<Self, CallError> {
        Self::opened(Self::connect_tls(address, trust, limit), login, limit).await
    }

    /// The same without TLS, for tests alone: anybody on the way reads the password, and can be the server.
    ///
    /// # Errors
    /// Nobody there, a login that is refused, or no answer in time.
    pub async fn open_plaintext(address: SocketAddr, login: &Login, limit: Duration) -> Result<Self, CallError> {
        let connected = async {
            let stream = connect(address).await?;
            // There is no certificate that could expire.
            Ok(Self::over(address, Box::new(stream), limit, Some(Timestamp::MAX)))
        };
        Self::opened(connected, login, limit).await
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
        let certificate_expires = certificate.and_then(|certificate| not_after(certificate));
        Ok(Self::over(address, Box::new(stream), limit, certificate_expires))
    }

    fn over(
        address: SocketAddr,
        stream: Box<dyn Wire>,
        limit: Duration,
        certificate_expires: Option<Timestamp>,
    ) -> Self {
        Self { address, stream: Some(BufStream::new(stream)), limit, certificate_expires }
    }

    /// Not after this moment is the certificate valid that the server showed; it shows a new one to new connections only.
    /// Without TLS it is the last moment there is.
    #[must_use]
    pub const fn certificate_expires(&self) -> Option<Timestamp> {
        self.certificate_expires
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
        let Some(mut stream) = self.stream.take() else {
            let source = io::Error::new(io::ErrorKind::NotConnected, "an earlier call on this connection failed");
            return Err(unreachable(self.address, source));
        };
        let exchange = async {
            send(&mut stream, arguments).await?;
            receive(&mut stream).await
        };
        let reply = match tokio::time::timeout(self.limit, exchange).await {
            Ok(reply) => reply.map_err(|source| unreachable(self.address, source))?,
            Err(_) => return Err(CallError::TimedOut { call: name.to_owned(), limit: self.limit }),
        };
        self.stream = Some(stream);
        match reply {
            Reply::Error(said) => Err(refusal(name, said)),
            reply => Ok(reply),
        }
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

fn refusal(call: &str, said: String) -> CallError {
    let call = call.to_owned();
    match said.split(' ').next().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => CallError::Denied { call, said },
        "LOADING" => CallError::Loading,
        _ => CallError::Refused { call, said },
    }
}

fn unreachable(address: SocketAddr, source: io::Error) -> CallError {
    // tokio-rustls wraps what rustls found into an io::Error.
    let tls = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
    match tls {
        Some(source) => CallError::Untrusted { address, source },
        None => CallError::Unreachable { address, source },
    }
}
