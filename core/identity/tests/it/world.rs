//! A server that tells each caller who they are, and callers of all kinds.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use justmanage_identity::{Allowed, Incoming, KeyPair, tls};
use justmanage_model::Pin;
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::StreamExt;
use tonic::transport::server::Connected;

/// Longest time for anything that is expected to happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A server that writes to each caller their pin, and then echoes.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) agent: Pin,
    pub(crate) allowed: Allowed,
}

impl World {
    pub(crate) async fn with(allowed: &[&KeyPair]) -> Self {
        Self::of(&key(), allowed).await
    }

    /// A server that holds this key.
    pub(crate) async fn of(agent: &KeyPair, allowed: &[&KeyPair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let allowed = Allowed::new(pins(allowed));
        let mut incoming = Incoming::new(listener, agent, allowed.clone()).expect("a server");
        tokio::spawn(async move {
            while let Some(Ok(mut connection)) = incoming.next().await {
                tokio::spawn(async move {
                    let pin = connection.connect_info().pin.to_string();
                    connection.write_all(pin.as_bytes()).await?;
                    connection.flush().await?;
                    let mut byte = [0];
                    while connection.read(&mut byte).await? == 1 {
                        connection.write_all(&byte).await?;
                        connection.flush().await?;
                    }
                    io::Result::Ok(())
                });
            }
        });
        Self { address, agent: agent.pin(), allowed }
    }

    /// Calls as the holder of a key does.
    pub(crate) async fn call(&self, key: &KeyPair) -> io::Result<Call> {
        self.call_with(tls::client(key, self.agent).expect("a client")).await
    }

    /// Calls, and listens to what the server says. In TLS 1.3 a client learns only then that it was refused.
    pub(crate) async fn call_with(&self, config: ClientConfig) -> io::Result<Call> {
        let tcp = TcpStream::connect(self.address).await?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        let mut stream = tokio::time::timeout(SOON, stream).await.expect("a handshake that ends")?;
        let mut said = vec![0; "sha256:".len() + 64];
        tokio::time::timeout(SOON, stream.read_exact(&mut said)).await.expect("an answer or an end")?;
        let said = String::from_utf8(said).expect("a pin").parse().expect("a pin");
        Ok(Call { stream, said })
    }

    /// The certificate that the server shows to everybody who asks.
    pub(crate) async fn certificate(&self, key: &KeyPair) -> CertificateDer<'static> {
        let call = self.call(key).await.expect("a call");
        let certificates = call.stream.get_ref().1.peer_certificates().expect("certificates");
        certificates[0].clone().into_owned()
    }
}

/// A connection that the server took.
pub(crate) struct Call {
    stream: TlsStream<TcpStream>,
    /// Who the server says that the caller is.
    pub(crate) said: Pin,
}

impl Call {
    /// Whether the server still answers.
    pub(crate) async fn echo(&mut self) -> io::Result<()> {
        self.stream.write_all(b"x").await?;
        let mut byte = [0];
        self.stream.read_exact(&mut byte).await?;
        assert_eq!(&byte, b"x");
        Ok(())
    }

    /// Waits until the server ends the connection.
    pub(crate) async fn ended(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(SOON, self.stream.read(&mut byte)).await.expect("the end of the connection");
        assert!(matches!(read, Ok(0) | Err(_)), "the server said something: {read:?}");
    }
}

pub(crate) fn key() -> KeyPair {
    KeyPair::generate().expect("random numbers")
}

pub(crate) fn pins(keys: &[&KeyPair]) -> BTreeSet<Pin> {
    keys.iter().map(|key| key.pin()).collect()
}

/// Shows somebody's certificate and signs with another key.
#[derive(Debug)]
pub(crate) struct Thief(Arc<CertifiedKey>);

impl Thief {
    pub(crate) fn with(certificate: CertificateDer<'static>) -> Arc<Self> {
        let own = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let own = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let own = rustls::crypto::ring::sign::any_eddsa_type(match &own {
            PrivateKeyDer::Pkcs8(der) => der,
            _ => unreachable!("it was made just now"),
        });
        Arc::new(Self(Arc::new(CertifiedKey::new(vec![certificate], own.expect("a signing key")))))
    }
}

impl ResolvesClientCert for Thief {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Thief {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}
