//! HTTP/1.1 beside HTTP/2 on one socket, and clients that trust a certificate instead of a pin.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use justmanage_identity::{Allowed, Doors, KeyPair, NAME, Peer, connect, tls};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tower::ServiceExt;

use crate::world::{SOON, key, pins};

/// Answers who calls, and over what.
async fn serve(agent: &KeyPair, allowed: Allowed) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let Doors { known, readers, .. } = Doors::open(listener, agent, allowed).expect("a server");
    for (incoming, one) in [(known, false), (readers, true)] {
        let handler = tower::service_fn(|request: Request<Body>| async move {
            let pin = request.extensions().get::<Peer>().map(|peer| peer.pin.to_string()).unwrap_or_default();
            let version = format!("{:?}", request.version());
            let response = Response::builder().header("caller", pin).header("over", version);
            Ok::<_, Infallible>(response.body(Body::empty()).expect("a response"))
        });
        tokio::spawn(async move {
            let _ = tonic::transport::Server::builder().accept_http1(one).serve_with_incoming(handler, incoming).await;
        });
    }
    address
}

/// What the server answers to a request in HTTP/1.1; empty if it hangs up.
async fn get(address: SocketAddr, name: ServerName<'static>, config: ClientConfig) -> std::io::Result<String> {
    let tcp = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer or an end")?;
    Ok(answer)
}

fn with_alpn(mut config: ClientConfig, protocols: &[&[u8]]) -> ClientConfig {
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

#[tokio::test]
async fn each_caller_is_answered_in_what_it_speaks() {
    let (agent, reader) = (key(), key());
    let address = serve(&agent, Allowed::new(pins(&[&reader]))).await;
    let name = || ServerName::IpAddress(address.ip().into());
    for protocols in [&[b"http/1.1".as_slice()][..], &[]] {
        let config = with_alpn(tls::client(&reader, agent.pin()).expect("a client"), protocols);
        let answer = get(address, name(), config).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(&reader.pin().to_string()) && answer.contains("HTTP/1.1"), "{answer}");
    }
    let channel = connect(address, agent.pin(), &reader).expect("a channel");
    let request = Request::builder().uri("https://agent/").body(Body::empty()).expect("a request");
    let answer = tokio::time::timeout(SOON, channel.oneshot(request)).await.expect("an answer").expect("an answer");
    assert_eq!(answer.headers()["over"], "HTTP/2.0");
    // Who speaks both, speaks HTTP/2.
    let config = with_alpn(tls::client(&reader, agent.pin()).expect("a client"), &[b"http/1.1", b"h2"]);
    let stream = TcpStream::connect(address).await.expect("a connection");
    let stream = TlsConnector::from(Arc::new(config)).connect(name(), stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
}

#[tokio::test]
async fn a_stranger_who_speaks_http_1_is_refused_too_and_one_who_is_withdrawn_loses_the_connection() {
    let (agent, reader) = (key(), key());
    let allowed = Allowed::new(pins(&[&reader]));
    let address = serve(&agent, allowed.clone()).await;
    let name = || ServerName::IpAddress(address.ip().into());
    let config = with_alpn(tls::client(&key(), agent.pin()).expect("a client"), &[b"http/1.1"]);
    assert!(get(address, name(), config).await.is_err(), "a stranger");

    let config = with_alpn(tls::client(&reader, agent.pin()).expect("a client"), &[b"http/1.1"]);
    let tcp = TcpStream::connect(address).await.expect("a connection");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name(), tcp).await.expect("a handshake");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: agent\r\n\r\n").await.expect("written");
    let mut bytes = [0; 4096];
    let read = tokio::time::timeout(SOON, stream.read(&mut bytes)).await.expect("in time").expect("an answer");
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"));
    allowed.set(pins(&[]));
    let end = tokio::time::timeout(SOON, stream.read(&mut bytes)).await.expect("the end of the connection");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

/// As Prometheus does it: `ca_file` is the agent's certificate, `server_name` the name in it, and its own key comes from a
/// certificate that any tool made.
#[tokio::test]
async fn a_client_that_trusts_the_certificate_under_its_name_gets_in() {
    let agent = key();
    let own = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let certificate =
        rcgen::CertificateParams::new(vec!["prometheus".to_owned()]).expect("parameters").self_signed(&own);
    let certificate = certificate.expect("a certificate");
    let reader = KeyPair::from_pem(&own.serialize_pem()).expect("a key");
    let address = serve(&agent, Allowed::new(pins(&[&reader]))).await;

    let shown = crate::world::World::of(&agent, &[&reader]).await.certificate(&reader).await;
    let client = |trusted| {
        let mut roots = RootCertStore::empty();
        roots.add(trusted).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let builder = builder.expect("versions").with_root_certificates(roots);
        with_alpn(
            builder.with_client_auth_cert(vec![certificate.der().clone()], private).expect("a client"),
            &[b"http/1.1"],
        )
    };
    let name = || ServerName::try_from(NAME).expect("a name");
    let answer = get(address, name(), client(shown)).await.expect("an answer");
    assert!(answer.contains(&reader.pin().to_string()), "{answer}");
    let again = crate::world::World::of(&agent, &[&reader]).await.certificate(&reader).await;
    assert!(get(address, name(), client(again)).await.is_ok(), "after a restart it shows the same certificate");
    let another = crate::world::World::of(&key(), &[&reader]).await.certificate(&reader).await;
    assert!(get(address, name(), client(another)).await.is_err(), "the certificate of another agent");
}
