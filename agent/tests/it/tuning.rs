//! Changes of the Record reach the running server: live where they can, by a granted restart where they must.

use justmanage_agent::{Directory, secrets};
use justmanage_model::{Bytes, Record, Secret, User};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};

use crate::node::{Node, kill};
use crate::operator::{Operator, serving};
use crate::servers::{redis, valkey};

#[tokio::test]
async fn memory_and_live_keys_change_without_a_restart() {
    let node = Node::new(&valkey());
    let (_, mut operator) = serving(&node).await;
    let server = node.noted_server().expect("a note");
    let said = {
        operator
            .change(|record| {
                record.spec.memory = Bytes::mib(96);
                record.spec.config.insert("maxmemory-policy".into(), "allkeys-lru".into());
            })
            .await;
        operator.until("tuned", |said| said.converged && said.record().spec.memory == Bytes::mib(96)).await
    };
    let seen = said.server().expect("a server");
    assert_eq!(seen.pid, server.pid, "no restart");
    assert_eq!(seen.config["maxmemory"], Bytes::mib(96).get().to_string());
    assert_eq!(seen.config["maxmemory-policy"], "allkeys-lru");
    let file = std::fs::read_to_string(node.file("server.conf")).expect("the file");
    assert!(file.contains("allkeys-lru"), "the next start has it, too");
}

#[tokio::test]
async fn what_needs_a_restart_gets_one_and_keeps_the_data() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    let server = node.noted_server().expect("a note");
    assert_eq!(node.redis(&["SET", "kept", "yes"]), "OK");
    operator.change(|record| drop(record.spec.config.insert("databases".into(), "1".into()))).await;
    let wanted = |said: &crate::operator::Said| {
        said.converged && said.server().is_some_and(|seen| seen.config.get("databases").is_some_and(|n| n == "1"))
    };
    let said = operator.until("restarted", wanted).await;
    assert_ne!(said.server().expect("a server").pid, server.pid);
    assert_eq!(said.record().grant, None, "the grant is given back");
    assert_eq!(node.redis(&["GET", "kept"]), "yes");
}

#[tokio::test]
async fn users_come_change_and_go() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    assert!(node.redis_as("late", "late-password", &["PING"]).contains("WRONGPASS"));
    let late = |password: &str| User {
        acl: "~late:* +get +ping".parse().expect("rules"),
        passwords: vec![secrets::hash(&Secret::new(password.to_owned())).into()],
        given: Default::default(),
    };
    let name = || "late".parse().expect("a name");
    let record = operator.change(|record| drop(record.users.insert(name(), late("late-password")))).await;
    let done = |said: &crate::operator::Said, generation| said.node.settled == Some(generation) && said.converged;
    operator.until("added", |said| done(said, record.generation)).await;
    assert_eq!(node.redis_as("late", "late-password", &["PING"]), "PONG");
    assert!(node.redis_as("late", "late-password", &["SET", "late:x", "1"]).contains("NOPERM"));

    let record = operator.change(|record| drop(record.users.insert(name(), late("another-password")))).await;
    operator.until("changed", |said| done(said, record.generation)).await;
    assert!(node.redis_as("late", "late-password", &["PING"]).contains("WRONGPASS"));
    assert_eq!(node.redis_as("late", "another-password", &["PING"]), "PONG");

    let record = operator.change(|record| drop(record.users.remove(&name()))).await;
    operator.until("removed", |said| done(said, record.generation)).await;
    assert!(node.redis_as("late", "another-password", &["PING"]).contains("WRONGPASS"));
    assert_eq!(node.redis(&["PING"]), "PONG", "the others stay");
}

/// A certificate of the cluster's authority with ten days left, as an agent that was away for long finds it.
fn old_pair(node: &Node, record: &Record) -> String {
    let secrets = secrets::Secrets::open(&Directory::new(&node.path), node.order.claim.node).expect("the sealing key");
    let authority = secrets.of(record).expect("sealed for this node").authority.key;
    let mut name = CertificateParams::new(Vec::new()).expect("parameters");
    name.distinguished_name.push(DnType::CommonName, format!("Just Manage cluster {}", node.order.claim.cluster));
    let issuer = Issuer::new(name, KeyPair::from_pem(authority.expose()).expect("a key"));
    let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    let last = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(10 * 24);
    let last = last.to_zoned(jiff::tz::TimeZone::UTC).date();
    let (month, day) = (last.month().unsigned_abs(), last.day().unsigned_abs());
    parameters.not_after = rcgen::date_time_ymd(last.year().into(), month, day);
    let key = KeyPair::generate().expect("a key");
    let certificate = parameters.signed_by(&key, &issuer).expect("a certificate");
    format!("{}{}", certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_certificate_that_runs_out_is_renewed_in_the_running_server() {
    let node = Node::new(&valkey());
    let (_, mut operator) = serving(&node).await;
    let record = operator.status().await.expect("a status").record();
    node.kill_agent();
    kill(&node.noted_server().expect("a note"));
    let old = old_pair(&node, &record);
    std::fs::write(node.file("tls/server.pem"), &old).expect("written");
    let mut operator = Operator::of(&node, &node.start());
    let in_days = |days: i64| jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let said = operator.converged().await;
    let seen = said.server().expect("a server");
    assert!(seen.certificate_expires > in_days(85), "{} is what the server shows", seen.certificate_expires);
    let pair = std::fs::read_to_string(node.file("tls/server.pem")).expect("a pair");
    assert!(pair != old && pair.contains("BEGIN CERTIFICATE") && pair.contains("BEGIN PRIVATE KEY"));
    assert_eq!(node.redis(&["PING"]), "PONG");
    let log = node.log();
    assert!(log.contains("RenewCertificate"), "it was not made at the start, but renewed while the server ran: {log}");
}
