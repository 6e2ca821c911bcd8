//! Connections to a provider: as its host, or as somebody who is not.

use std::{io, path::Path, sync::Arc};

use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::{HostError, Process, identity::Identity, launch::DEADLINE};

/// What a client shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presenting {
    /// The host's certificate, and its key.
    Own,
    /// Nothing.
    Nothing,
    /// A certificate of its own making.
    Another,
    /// The host's certificate, which it could read somewhere, without its key.
    Stolen,
}

/// The version of TLS that a client insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

impl Process {
    /// Tries to get in, and out again.
    ///
    /// Being in means that the provider answers with HTTP/2: in TLS 1.3 a client learns of its refusal only afterwards.
    ///
    /// # Errors
    /// The refusal, or that there was no answer.
    pub async fn try_to_enter(&self, presenting: Presenting, version: Version) -> io::Result<()> {
        let versions = match version {
            Version::Tls12 => &[&rustls::version::TLS12],
            Version::Tls13 => &[&rustls::version::TLS13],
        };
        let own = &self.identity;
        let shown = match presenting {
            Presenting::Own => Some(own.clone()),
            Presenting::Nothing => None,
            Presenting::Another => Some(Identity::new(own.kind)),
            Presenting::Stolen => Some(own.stolen_by(&Identity::new(own.kind))),
        };
        let enter = async {
            let mut stream = self.tls(shown, versions).await?;
            // A server that has refused and gone away already cannot be written to; why it did is there to be read.
            let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
            let _ = stream.write_all(settings).await;
            let _ = stream.flush().await;
            stream.read_u8().await.map(drop)
        };
        timeout(DEADLINE, enter).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Connects without TLS and says nothing: what stalls a server that admits one client after the other.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn stall(&self) -> io::Result<UnixStream> {
        UnixStream::connect(&self.handshake.socket).await
    }

    /// Connects as the host.
    pub(super) async fn channel(&self) -> Result<Channel, HostError> {
        let stream = self.tls(Some(self.identity.clone()), rustls::ALL_VERSIONS).await.map_err(HostError::Connect)?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(HostError::Connect(io::Error::other("the provider did not agree on h2")));
        }
        channel(stream).await
    }

    async fn tls(
        &self,
        shown: Option<Identity>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> io::Result<TlsStream<UnixStream>> {
        let provider = rustls::crypto::ring::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        let server = Arc::new(Pinned { certificate: self.handshake.certificate.clone(), algorithms });
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(server)
            .with_client_cert_resolver(Arc::new(Shown(shown)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = UnixStream::connect(&self.handshake.socket).await?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

/// Connects in plaintext, as Terraform does with TF_REATTACH_PROVIDERS.
pub(super) async fn plain(socket: &Path) -> Result<Channel, HostError> {
    channel(UnixStream::connect(socket).await.map_err(HostError::Connect)?).await
}

/// gRPC over one connection. There is no second: a provider that drops the first has failed.
async fn channel<S>(stream: S) -> Result<Channel, HostError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| io::Error::other("the provider dropped the connection"));
        std::future::ready(stream)
    });
    let endpoint = Endpoint::from_static("http://localhost");
    endpoint.connect_with_connector(connector).await.map_err(|e| HostError::Connect(io::Error::other(e)))
}

/// Shows what it was told to, whatever the server asks for.
#[derive(Debug)]
struct Shown(Option<Identity>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.as_ref().map(|identity| identity.certified.clone())
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// Knows the server by the certificate of its handshake line.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
