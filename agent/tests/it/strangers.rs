//! Refused by a real agent and its real server: no certificate, another key, a stolen certificate, no password, no TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use justmanage_identity::{KeyPair, tls};
use justmanage_model::node::AgentInfo;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};

use crate::node::Node;
use crate::operator::{Operator, first_record, refused, serving};
use crate::servers::redis;

/// What the agent says to a TLS client: an alert, or the settings with which HTTP/2 begins.
fn greet(agent: &AgentInfo, config: ClientConfig) -> std::io::Result<Vec<u8>> {
    let tcp = TcpStream::connect(agent.agent)?;
    tcp.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    let name = ServerName::IpAddress(agent.agent.ip().into());
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, tcp);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")?;
    let mut said = vec![0; 9];
    stream.read_exact(&mut said)?;
    Ok(said)
}

/// A configuration that trusts the agent, and shows what `resolver` shows.
fn shows(agent: &AgentInfo, resolver: Option<Arc<Shows>>) -> ClientConfig {
    let mut config = tls::client(&KeyPair::generate().expect("a key"), agent.pin).expect("a client");
    config.client_auth_cert_resolver = match resolver {
        Some(resolver) => resolver,
        None => Arc::new(Shows(None)),
    };
    config
}

#[derive(Debug)]
struct Shows(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// A certificate around the public half of a key, signed with another one.
fn stolen(from: &KeyPair, pem: &str) -> Arc<Shows> {
    let theirs = rcgen::KeyPair::from_pem(pem).expect("a key");
    let certificate = rcgen::CertificateParams::new(Vec::new()).expect("parameters").self_signed(&theirs);
    let certificate: CertificateDer<'static> = certificate.expect("a certificate").into();
    assert_eq!(KeyPair::from_pem(pem).expect("a key").pin(), from.pin(), "it is their certificate");
    let own = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_der();
    let own = rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(own)).expect("a key");
    Arc::new(Shows(Some(Arc::new(CertifiedKey::new(vec![certificate], own)))))
}

#[tokio::test]
async fn only_the_holder_of_the_operator_key_is_heard() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("operator.key");
    let mut node = Node::new(&redis());
    node.operator = Arc::new(KeyPair::create(&path).expect("a key"));
    node.order.operators = [node.operator.pin()].into();
    std::fs::write(node.file("order.json"), serde_json::to_vec(&node.order).expect("JSON")).expect("an order");
    let agent = node.start();
    let pem = std::fs::read_to_string(&path).expect("the key");

    let honest = tls::client(&node.operator, agent.pin).expect("a client");
    assert_eq!(greet(&agent, honest).expect("settings")[3], 4, "an HTTP/2 SETTINGS frame");
    let nothing = greet(&agent, shows(&agent, None)).expect_err("no certificate").to_string();
    assert!(nothing.contains("CertificateRequired"), "{nothing}");
    let another = tls::client(&KeyPair::generate().expect("a key"), agent.pin).expect("a client");
    greet(&agent, another).expect_err("another key");
    let thief = greet(&agent, shows(&agent, Some(stolen(&node.operator, &pem)))).expect_err("stolen").to_string();
    assert!(thief.contains("DecryptError") || thief.contains("BadCertificate"), "{thief}");

    // The same through gRPC, and nothing came of it.
    let stranger = KeyPair::generate().expect("a key");
    let mut stranger = Operator::with(&stranger, &agent);
    let refusal = stranger.found(&first_record(&node, &agent)).await.expect_err("refused");
    assert!(refused(&refusal), "{refusal:?}");
    assert!(refused(&stranger.status().await.expect_err("refused")));
    assert_eq!(Operator::of(&node, &agent).status().await.expect("a status").record, None);
}

#[tokio::test]
async fn an_agent_with_another_key_is_not_spoken_to() {
    let node = Node::new(&redis());
    let mut agent = node.start();
    agent.pin = KeyPair::generate().expect("a key").pin();
    let refusal = Operator::of(&node, &agent).status().await.expect_err("refused");
    assert!(refused(&refusal), "{refusal:?}");
}

#[tokio::test]
async fn an_operator_whom_the_record_no_longer_names_is_out_at_once() {
    let node = Node::new(&redis());
    let (agent, mut operator) = serving(&node).await;
    let successor = KeyPair::generate().expect("a key");
    let mut next = Operator::with(&successor, &agent);
    assert!(refused(&next.status().await.expect_err("not yet")));
    operator.change(|record| record.operators = [successor.pin()].into()).await;
    let begun = std::time::Instant::now();
    while operator.status().await.is_ok() {
        assert!(begun.elapsed() < crate::wait::DEADLINE, "the old operator is still heard");
    }
    next.converged().await;

    // The order's operators count no more, whoever starts the agent.
    node.kill_agent();
    let agent = node.start();
    let refusal = Operator::of(&node, &agent).status().await.expect_err("refused");
    assert!(refused(&refusal), "{refusal:?}");
    Operator::with(&successor, &agent).converged().await;
}

#[tokio::test]
async fn the_owner_of_a_node_lets_another_operator_in_when_the_key_is_lost() {
    let node = Node::new(&redis());
    let (agent, _) = serving(&node).await;
    let server = node.noted_server();
    let successor = KeyPair::generate().expect("a key");
    assert!(refused(&Operator::with(&successor, &agent).status().await.expect_err("not yet")));
    let admit = std::process::Command::new(crate::node::AGENT)
        .args(["admit", "--operator", &successor.pin().to_string(), "--dir"])
        .arg(&node.path)
        .output()
        .expect("the program");
    assert!(admit.status.success(), "{}", String::from_utf8_lossy(&admit.stderr));
    let agent = node.status().agent.expect("an agent that runs");
    crate::wait::until("the owner's word is in the Record", || (!node.file("admitted.json").exists()).then_some(()));
    let said = Operator::with(&successor, &agent).converged().await;
    assert_eq!(said.record().operators, [successor.pin(), node.operator.pin()].into());
    assert_eq!(node.noted_server(), server, "its server was not disturbed");
}

#[tokio::test]
async fn the_server_speaks_tls_only_and_to_its_users_only() {
    let node = Node::new(&redis());
    let (agent, _) = serving(&node).await;
    assert_eq!(node.redis(&["PING"]), "PONG");
    assert!(node.redis_as("app", "wrong", &["PING"]).contains("WRONGPASS"), "wrong password");
    assert!(!node.redis_as("default", "", &["PING"]).contains("PONG"), "the default user is off");
    assert!(node.redis(&["CONFIG", "GET", "*"]).contains("NOPERM"), "app may not");

    let mut plain = TcpStream::connect(agent.client).expect("a connection");
    plain.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a limit");
    plain.write_all(b"PING\r\n").expect("sent");
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("PONG"), "{said:?}");
}
