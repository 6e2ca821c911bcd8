//! A first connection to an agent whose key nobody has told us yet.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use justmanage_model::Pin;
use rustls::AlertDescription;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::client::{CONNECT_LIMIT, Stream, open};
use crate::{IdentityError, KeyPair, tls};

/// A connection to somebody who has proven that they hold a key, and nothing else. Who they are, and whether anything that they say
/// is true, they have still to prove ([`crate::enrol`]).
#[derive(Debug)]
pub struct Met {
    /// Calls over this one connection. It is never made anew: at the end of another one there might be another key.
    pub channel: Channel,
    /// Their key.
    pub agent: Pin,
}

/// Why a first connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum MeetError {
    /// Nobody answers, or not in time. Trying again may help: its machine may be starting.
    #[error("{0}")]
    Unreachable(io::Error),
    /// There is an agent, and it does not let our key in.
    #[error("it does not let this key in")]
    Refused,
    /// What answers there is no agent.
    #[error("what answers there is no agent: {0}")]
    NoAgent(String),
    /// Our own key.
    #[error("{0}")]
    Key(IdentityError),
}

/// Connects to whoever listens at an address, shows `key`, and sees whose key they hold.
///
/// For enrolment alone. Whoever knows an agent's key uses [`crate::connect`].
///
/// # Errors
/// [`MeetError`].
pub async fn meet(address: SocketAddr, key: &KeyPair) -> Result<Met, MeetError> {
    let connector = TlsConnector::from(Arc::new(tls::client_of_anybody(key).map_err(MeetError::Key)?));
    let opened = tokio::time::timeout(CONNECT_LIMIT, open(connector, address)).await;
    let stream = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(why_not)?;
    let certificate = stream.get_ref().get_ref().1.peer_certificates().and_then(<[_]>::first);
    let agent = certificate.and_then(|certificate| tls::pin_of_certificate(certificate).ok());
    let agent = agent.ok_or_else(|| MeetError::NoAgent("it shows no key".to_owned()))?;
    Ok(Met { channel: over(stream), agent })
}

/// A channel over one connection, and no other after it.
fn over(stream: Stream) -> Channel {
    let mut stream = Some(stream);
    Endpoint::from(Uri::from_static("https://agent")).connect_with_connector_lazy(service_fn(move |_: Uri| {
        let only = stream.take().map(TokioIo::new).ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(only)
    }))
}

/// What a handshake that failed says of who is there.
fn why_not(error: io::Error) -> MeetError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(AlertDescription::AccessDenied)) => MeetError::Refused,
        Some(other) => MeetError::NoAgent(other.to_string()),
        None => MeetError::Unreachable(error),
    }
}
