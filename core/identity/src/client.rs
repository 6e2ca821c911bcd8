//! A channel to an agent, which must prove the key that we expect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use justmanage_model::Pin;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
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
                connector.connect(name, tcp).await
            };
            let limited = tokio::time::timeout(CONNECT_LIMIT, connection).await;
            limited.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map(TokioIo::new)
        }
    })))
}
