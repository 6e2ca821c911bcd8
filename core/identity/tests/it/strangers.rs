//! Refused: no certificate, another key, a stolen certificate, an old protocol, a handshake that never ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_identity::{KeyPair, tls};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::world::{SOON, Thief, World, key, pins};

/// A client that accepts any server, to try what a server accepts.
fn careless(versions: &[&'static rustls::SupportedProtocolVersion]) -> CarelessBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(anybody::Anybody(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
    CarelessBuilder(builder.dangerous().with_custom_certificate_verifier(verifier as Arc<dyn ServerCertVerifier>))
}

struct CarelessBuilder(rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>);

#[tokio::test]
async fn the_holder_of_an_allowed_key_gets_in_and_is_known_by_it() {
    let (operator, other) = (key(), key());
    let world = World::with(&[&operator, &other]).await;
    assert_eq!(world.call(&operator).await.expect("let in").said, operator.pin());
    assert_eq!(world.call(&other).await.expect("let in").said, other.pin());
}

#[tokio::test]
async fn nobody_gets_in_without_a_certificate() {
    let world = World::with(&[&key()]).await;
    let config = careless(&[&rustls::version::TLS13]).0.with_no_client_auth();
    let refused = world.call_with(config).await.err().expect("refused");
    assert!(refused.to_string().contains("CertificateRequired"), "{refused}");
}

#[tokio::test]
async fn another_key_does_not_get_in() {
    let world = World::with(&[&key()]).await;
    let refused = world.call(&key()).await.err().expect("refused");
    assert!(!refused.to_string().is_empty());
    let nobody = World::with(&[]).await;
    assert!(nobody.call(&key()).await.is_err(), "an empty list lets nobody in");
}

#[tokio::test]
async fn a_stolen_certificate_is_of_no_use_without_its_key() {
    let operator = key();
    let world = World::with(&[&operator]).await;
    // The operator's certificate is public: whoever talks to them has seen it.
    let elsewhere = World::of(&operator, &[&operator]).await;
    let stolen = elsewhere.certificate(&operator).await;
    let config = careless(&[&rustls::version::TLS13]).0.with_client_cert_resolver(Thief::with(stolen));
    let refused = world.call_with(config).await.err().expect("refused");
    assert!(refused.to_string().contains("DecryptError") || refused.to_string().contains("BadCert"), "{refused}");
    assert!(world.call(&operator).await.is_ok(), "the certificate's owner still gets in");
}

#[tokio::test]
async fn a_server_with_another_key_is_not_spoken_to() {
    let operator = key();
    let world = World::with(&[&operator]).await;
    let config = tls::client(&operator, key().pin()).expect("a client");
    let refused = world.call_with(config).await.err().expect("refused");
    assert!(refused.to_string().contains("ApplicationVerificationFailure"), "{refused}");
}

#[tokio::test]
async fn a_server_with_a_stolen_certificate_is_not_spoken_to() {
    let (operator, agent) = (key(), key());
    let stolen = World::of(&agent, &[&operator]).await.certificate(&operator).await;
    let false_agent = serve_as(Thief::with(stolen)).await;
    let world = World { address: false_agent, agent: agent.pin(), ..World::with(&[]).await };
    let refused = world.call(&operator).await.err().expect("refused");
    assert!(refused.to_string().contains("BadSignature"), "{refused}");
}

/// Serves any caller with a certificate that may not be one's own.
async fn serve_as(thief: Arc<Thief>) -> std::net::SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(thief);
    let mut config = config;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        while let Ok((tcp, _)) = listener.accept().await {
            let _ = acceptor.accept(tcp).await;
        }
    });
    address
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let operator = key();
    let world = World::with(&[&operator]).await;
    let config = careless(&[&rustls::version::TLS12]).0.with_no_client_auth();
    let refused = world.call_with(config).await.err().expect("refused");
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
}

#[tokio::test]
async fn who_says_nothing_is_dropped_and_keeps_nobody_waiting() {
    let operator = key();
    let world = World::with(&[&operator]).await;
    let begun = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(world.address).await.expect("a connection"));
    }
    world.call(&operator).await.expect("let in meanwhile");
    assert!(begun.elapsed() < Duration::from_secs(2), "an honest caller waited for silent ones");
    for mut tcp in silent {
        let read = tokio::time::timeout(SOON, tcp.read(&mut [0])).await.expect("dropped");
        assert!(matches!(read, Ok(0) | Err(_)));
    }
}

#[test]
fn pins_of_different_keys_differ() {
    let keys: Vec<KeyPair> = (0..8).map(|_| key()).collect();
    assert_eq!(pins(&keys.iter().collect::<Vec<_>>()).len(), keys.len());
}

mod anybody {
    //! Accepts every server.

    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

    #[derive(Debug)]
    pub(super) struct Anybody(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
