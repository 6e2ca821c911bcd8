//! Who gets in where: clients over TLS with a password, operators with their key, nobody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use acceptance_tests::{Login, processes};
use redis::TypedCommands;

use crate::world::{CLUSTER, agent, applied, cluster, login};

#[test]
fn without_tls_without_password_or_with_a_wrong_one_nobody_gets_in() {
    let workspace = applied("redis");
    let good = login(&workspace);
    good.connect().expect("the right one");

    let wrong = Login { password: "wrong".into(), ..good.clone() };
    assert!(wrong.connect().is_err());
    let default = Login { user: "default".into(), password: String::new(), ..good.clone() };
    assert!(default.connect().and_then(|mut client| client.get("app:x")).is_err(), "there is no default user");
    let agents = Login { user: "justmanage-agent".into(), password: "guess".into(), ..good.clone() };
    assert!(agents.connect().is_err());

    let mut plain = TcpStream::connect(&good.endpoint).expect("connect");
    plain.set_read_timeout(Some(Duration::from_secs(5))).expect("time limit");
    plain.write_all(b"PING\r\n").expect("send");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"+PONG"), "{answer:?}");
    workspace.destroy().ok();
}

#[test]
fn a_client_that_trusts_another_authority_does_not_trust_this_server() {
    let workspace = applied("redis");
    let key = rcgen::KeyPair::generate().expect("key");
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let other = parameters.self_signed(&key).expect("certificate").pem();
    assert!(Login { ca: other, ..login(&workspace) }.connect().is_err());
    workspace.destroy().ok();
}

#[test]
fn the_agent_of_the_server_may_not_read_the_users_data() {
    let workspace = applied("redis");
    let node = workspace.nodes().remove(0);
    let password = std::fs::read_to_string(node.join("secrets/agent.password")).expect("its password");
    let mut client =
        Login { user: "justmanage-agent".into(), password, ..login(&workspace) }.connect().expect("it gets in");
    assert!(client.get("app:x").is_err(), "it administers, it does not read");
    workspace.destroy().ok();
}

#[test]
fn another_operator_key_is_an_error_that_names_the_way_back_and_changes_nothing() {
    let mut workspace = applied("redis");
    let own = workspace.operator_key();
    let kept = own.with_extension("kept");
    std::fs::rename(&own, &kept).expect("lose the key");
    workspace.set("JUSTMANAGE_OPERATOR_KEY", &own.display().to_string());
    let run = workspace.plan().fails();
    assert!(
        run.errors().any(|error| error.summary == "No operator key" && error.detail.contains("openssl genpkey")),
        "{run}"
    );

    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("another key").serialize_pem();
    std::fs::write(&own, other).expect("write it");
    let run = workspace.plan().fails();
    assert!(
        run.errors().any(|error| error.summary == "Operator key not usable" && error.detail.contains("600")),
        "{run}"
    );
    std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    let run = workspace.plan().fails();
    assert!(run.errors().any(|error| error.summary == "Operator key not accepted"), "{run}");

    std::fs::rename(&kept, &own).expect("find the key again");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn the_operator_key_is_made_once_for_its_owner_alone_and_reused() {
    let workspace = applied("redis");
    let key = std::fs::read(workspace.operator_key()).expect("made by itself for local clusters");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(workspace.operator_key()).expect("metadata").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    workspace.write("more.tf", &cluster("redis", "7.0", "").replace("\"cache\"", "\"more\""));
    workspace.apply().ok();
    assert_eq!(std::fs::read(workspace.operator_key()).expect("still there"), key);
    workspace.destroy().ok();
}

/// Ports of the agent, as an outsider on the machine finds them.
fn agents_port(workspace: &acceptance_tests::Workspace) -> u16 {
    processes::listening_of(agent(workspace))[0].1
}

#[test]
fn the_agent_lets_nobody_in_without_the_operators_key() {
    let workspace = applied("redis");
    let port = agents_port(&workspace);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("key");
    let foreign = rcgen::CertificateParams::new(Vec::new()).and_then(|p| p.self_signed(&key)).expect("certificate");
    // The operator's certificate is public; its key is not. Shown with another key, the handshake's signature is wrong.
    let operator = std::fs::read_to_string(workspace.operator_key()).expect("key file");
    let operator = rcgen::KeyPair::from_pem(&operator).expect("the operator's key");
    let stolen = rcgen::CertificateParams::new(Vec::new()).and_then(|p| p.self_signed(&operator)).expect("certificate");

    assert!(!greets(port, None), "no certificate");
    assert!(!greets(port, Some((foreign.der().to_vec(), key.serialize_der()))), "another certificate");
    assert!(!greets(port, Some((stolen.der().to_vec(), key.serialize_der()))), "a stolen certificate");
    assert!(
        greets(port, Some((stolen.der().to_vec(), operator.serialize_der()))),
        "the operator: or this test proves nothing"
    );
    assert_eq!(workspace.resource(CLUSTER)["converged"], true);
    workspace.destroy().ok();
}

/// Whether the agent speaks HTTP/2 to a client with this certificate and key.
fn greets(port: u16, identity: Option<(Vec<u8>, Vec<u8>)>) -> bool {
    crate::access::tls::greets(port, identity)
}

mod tls {
    //! A TLS client that can show a certificate without having its key.

    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::client::ResolvesClientCert;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::ring;
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
    use rustls::sign::CertifiedKey;
    use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};

    /// Whether the server on this port answers the beginning of HTTP/2.
    pub(super) fn greets(port: u16, identity: Option<(Vec<u8>, Vec<u8>)>) -> bool {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = ring::sign::any_supported_type(&PrivatePkcs8KeyDer::from(key).into()).expect("a key");
                // Not `with_client_auth_cert`: it would notice that key and certificate do not belong together.
                let shown = CertifiedKey::new(vec![CertificateDer::from(certificate)], key);
                builder.with_client_cert_resolver(Arc::new(Shows(Arc::new(shown))))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        tcp.set_read_timeout(Some(Duration::from_secs(5))).expect("time limit");
        let name = ServerName::try_from("127.0.0.1").expect("name");
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("client"), tcp);
        let mut answer = [0; 9];
        let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(hello).and_then(|()| stream.read_exact(&mut answer)).is_ok()
    }

    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesClientCert for Shows {
        fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            Some(self.0.clone())
        }

        fn has_certs(&self) -> bool {
            true
        }
    }

    #[derive(Debug)]
    struct Anybody;

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _certificate: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _name: &ServerName<'_>,
            _ocsp: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer<'_>,
            _signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer<'_>,
            _signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }
}
