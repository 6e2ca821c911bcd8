//! A channel to an agent, which must prove the key that we expect.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use justmanage_model::Pin;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::{IdentityError, KeyPair, tls};

/// Longest time for a connection to come about, the TLS handshake included. On the slowest line that an operator works
/// over (a satellite, 0.7 s round trip) the three round trips take 2 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A channel to the agent at an address. It connects when it is first used, and again when the connection broke.
///
/// # Errors
/// [`IdentityError::Crypto`].
pub fn connect(agent: SocketAddr, expected: Pin, key: &KeyPair) -> Result<Channel, IdentityError> {
    let connector = TlsConnector::from(Arc::new(tls::client(key, expected)?));
    let name = ServerName::IpAddress(agent.ip().into());
    let endpoint = Endpoint::from(Uri::from_static("https://agent"));
    Ok(endpoint.connect_timeout(CONNECT_LIMIT).connect_with_connector_lazy(service_fn(move |_: Uri| {
        let (connector, name) = (connector.clone(), name.clone());
        async move {
            let connection = async {
                let tcp = TcpStream::connect(agent).await?;
                tcp.set_nodelay(true)?;
                let_in(BufReader::new(connector.connect(name, tcp).await?)).await
            };
            let limited = tokio::time::timeout(CONNECT_LIMIT, connection).await;
            limited.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(TokioIo::new)
        }
    })))
}

/// Waits until the server speaks.
///
/// In TLS 1.3 a client's handshake is over before the server has judged its certificate. Whoever writes at once may get a
/// broken pipe in the place of the alert that says why. An HTTP/2 server speaks first, so the answer is there to be read.
async fn let_in(mut stream: BufReader<TlsStream<TcpStream>>) -> io::Result<BufReader<TlsStream<TcpStream>>> {
    if stream.fill_buf().await?.is_empty() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(stream)
}
