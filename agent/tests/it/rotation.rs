//! Certificates and their authority are replaced under clients that are connected, and stay so.

use std::path::Path;
use std::time::Instant;

use justmanage_model::{Interval, Record, Succession};
use redis::aio::MultiplexedConnection;

use crate::cluster::{Cluster, server};
use crate::operator::Said;
use crate::servers::{redis, valkey};
use crate::wait::DEADLINE;
use crate::writer::{Report, Writer, open};

/// Sessions that were opened before, one at each node, and are to live on.
struct Sessions(Vec<MultiplexedConnection>);

impl Sessions {
    async fn open(cluster: &Cluster) -> Self {
        let mut sessions = Vec::new();
        for node in &cluster.nodes {
            let endpoint = cluster.endpoint(node.order.claim.node);
            let begun = Instant::now();
            sessions.push(loop {
                match open(&endpoint, &cluster.authority()).await {
                    Ok(session) => break session,
                    Err(error) => assert!(begun.elapsed() < DEADLINE, "{error}"),
                }
            });
        }
        Self(sessions)
    }

    /// None of them connects anew by itself.
    async fn live(&mut self) {
        for session in &mut self.0 {
            assert_eq!(redis::cmd("PING").query_async::<String>(session).await.expect("it lives"), "PONG");
        }
    }
}

/// All that was written is there, and one server took all of it.
fn stayed(report: &Report) {
    report.lost_nothing();
    assert_eq!(report.servers, 1);
}

/// Whether a new client that trusts these authorities, and no others, gets in everywhere; or nowhere.
async fn gets_in(cluster: &Cluster, authorities: &str) -> bool {
    let mut answers = Vec::new();
    for node in &cluster.nodes {
        answers.push(is_let_in(&cluster.endpoint(node.order.claim.node), authorities).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers[0]
}

/// By the certificate alone: a machine that is slow says nothing of it.
async fn is_let_in(endpoint: &str, authorities: &str) -> bool {
    let begun = Instant::now();
    loop {
        match open(endpoint, authorities.as_bytes()).await {
            Ok(_) => return true,
            Err(error) if error.to_string().contains("certificate") => return false,
            Err(error) => assert!(begun.elapsed() < DEADLINE, "{error}"),
        }
    }
}

/// All is done that a Record wants.
fn done(said: &Said, record: &Record) -> bool {
    said.converged && said.record().generation >= record.generation && said.record().rotation.succession.is_none()
}

/// The links between servers, as they are open now: how often replicas had to connect anew is in their logs.
fn reconnections(cluster: &Cluster) -> usize {
    let logs = cluster.nodes.iter().map(|node| std::fs::read_to_string(node.file("server.log")).expect("a log"));
    logs.map(|log| log.matches("Connecting to ").count() + log.matches("Connection with ").count()).sum()
}

async fn servers_get_new_certificates_and_no_connection_ends(program: &Path, shards: u16) {
    let cluster = Cluster::formed(program, shards, 1, |_| ()).await;
    let mut sessions = Sessions::open(&cluster).await;
    let writers = Writer::at_each(&cluster, shards).await;
    let before = cluster.operator(0).converged().await;
    let links = reconnections(&cluster);
    let asked = cluster
        .operator(0)
        .change(|record| {
            record.spec.rotate.certificates = Some("2026-11".to_owned());
            record.raise_layout();
        })
        .await;
    let said = cluster.operator(0).until("renewed", |said| done(said, &asked) && renewed(said, &asked)).await;
    for node in said.record().members.keys() {
        let [then, now] = [&before, &said].map(|said| server(said, *node).expect("a server"));
        assert_eq!(then.pid, now.pid, "no restart");
        let issued = |tls: &Option<justmanage_model::TlsSeen>| tls.as_ref().expect("TLS").issued;
        assert!(issued(&then.tls) < issued(&now.tls), "{:?} {:?}", then.tls, now.tls);
    }
    sessions.live().await;
    assert!(gets_in(&cluster, &said.record().ca_certificate.expect("an authority")).await);
    assert_eq!(reconnections(&cluster), links, "replication and bus live on");
    for writer in writers {
        stayed(&writer.end().await);
    }

    // Once, and by the word: an agent that begins anew has nothing to do.
    let mut operator = cluster.operator(0);
    let generation = operator.converged().await.record().generation;
    operator.change(|record| record.unclaimed = !record.unclaimed).await;
    assert_eq!(operator.converged().await.record().generation, generation.next());
}

/// Every server shows a certificate of a Record since that one.
fn renewed(said: &Said, asked: &Record) -> bool {
    let record = said.record();
    record.members.keys().all(|node| {
        let tls = server(said, *node).and_then(|server| server.tls.as_ref());
        tls.is_some_and(|tls| tls.issued > Some(asked.generation))
    })
}

async fn an_authority_follows_another_and_no_connection_ends(program: &Path, shards: u16) {
    let cluster = Cluster::formed(program, shards, 1, |_| ()).await;
    let mut sessions = Sessions::open(&cluster).await;
    let old = cluster.operator(0).converged().await.record().ca_certificate.expect("an authority");
    let links = reconnections(&cluster);
    let writers = Writer::at_each(&cluster, shards).await;
    cluster
        .operator(0)
        .change(|record| {
            record.spec.rotate.authority = Some("2026-11".to_owned());
            record.raise_layout();
        })
        .await;
    let announced = |said: &Said| {
        let record = said.record();
        said.converged && matches!(record.rotation.succession, Some(Succession::Announced { asked: true, .. }))
    };
    let said = cluster.operator(0).until("announced", announced).await;
    let both = said.record().ca_certificate.expect("authorities");
    let new = both.strip_prefix(&old).expect("the old one, and another").to_owned();
    assert_eq!(said.record().authorities().count(), 2);
    assert!(gets_in(&cluster, &old).await, "whoever does not know yet");
    assert!(gets_in(&cluster, &both).await, "whoever knows");
    assert!(!gets_in(&cluster, &new).await, "nobody shows one of these yet");
    sessions.live().await;

    // With the agents begun anew in the middle of it.
    cluster.nodes[1].kill_agent();
    let mut cluster = cluster;
    cluster.restart_agent(1);
    let asked =
        cluster.operator(0).change(|record| record.spec.rotate.authority_grace = Some(Interval::seconds(0))).await;
    let said = cluster.operator(0).until("followed", |said| done(said, &asked)).await;
    assert_eq!(said.record().ca_certificate.as_deref(), Some(new.as_str()));
    assert!(gets_in(&cluster, &both).await, "whoever has learnt it in time");
    assert!(gets_in(&cluster, &new).await, "whoever comes later");
    assert!(!gets_in(&cluster, &old).await, "the old one is over");
    sessions.live().await;
    assert_eq!(reconnections(&cluster), links, "replication and bus live on");
    for writer in writers {
        stayed(&writer.end_trusting(new.as_bytes()).await);
    }
    for node in &cluster.nodes {
        let files = std::fs::read_dir(node.file("tls")).expect("a directory").count();
        assert_eq!(files, 2, "the pair, and one file of authorities");
    }
    // Servers that link anew do so with the new one alone.
    let replica = cluster.nodes.iter().find(|node| node.seat().ordinal == 1).expect("a replica");
    let (node, killed) = (replica.order.claim.node, replica.noted_server().expect("a note"));
    crate::node::kill(&killed);
    let back = |said: &Said| said.converged && server(said, node).is_some_and(|server| server.pid != killed.pid);
    cluster.operator(0).until("back", back).await;
}

#[tokio::test]
async fn servers_get_new_certificates_and_no_connection_ends_redis_three_shards() {
    servers_get_new_certificates_and_no_connection_ends(&redis(), 3).await;
}

#[tokio::test]
async fn servers_get_new_certificates_and_no_connection_ends_valkey() {
    servers_get_new_certificates_and_no_connection_ends(&valkey(), 1).await;
}

#[tokio::test]
async fn an_authority_follows_another_and_no_connection_ends_redis() {
    an_authority_follows_another_and_no_connection_ends(&redis(), 1).await;
}

#[tokio::test]
async fn an_authority_follows_another_and_no_connection_ends_valkey_three_shards() {
    an_authority_follows_another_and_no_connection_ends(&valkey(), 3).await;
}

/// What a node's server logs in to its primary with, by its file.
fn replication_password(node: &crate::node::Node) -> String {
    let text = std::fs::read_to_string(node.file("server.conf")).expect("the file");
    let line = text.lines().find_map(|line| line.strip_prefix("masterauth ")).expect("a password");
    line.to_owned()
}

/// Whether a server lets replicas in with this password.
fn lets_replicas_in(node: &crate::node::Node, password: &str) -> bool {
    match node.redis_as("justmanage-replication", password, &["PING"]).as_str() {
        "PONG" => true,
        said if said.contains("WRONGPASS") => false,
        said => panic!("{said}"),
    }
}

async fn a_replication_password_follows_another_and_no_link_is_cut(program: &Path) {
    let cluster = Cluster::formed(program, 1, 1, |_| ()).await;
    let mut sessions = Sessions::open(&cluster).await;
    let writer = Writer::begin(&cluster, 0).await;
    let old = replication_password(&cluster.nodes[0]);
    let links = reconnections(&cluster);
    let asked = cluster
        .operator(0)
        .change(|record| {
            record.spec.rotate.replication_password = Some("2026-11".to_owned());
            record.raise_layout();
        })
        .await;
    let done = |said: &Said| {
        let rotation = said.record().rotation;
        said.converged && rotation.password_change.is_none() && rotation.passwords_since > Some(asked.generation)
    };
    cluster.operator(0).until("changed", done).await;
    let new = replication_password(&cluster.nodes[0]);
    assert_ne!(new, old);
    for node in &cluster.nodes {
        assert_eq!(replication_password(node), new);
        assert!(lets_replicas_in(node, &new) && !lets_replicas_in(node, &old));
    }
    sessions.live().await;
    assert_eq!(reconnections(&cluster), links, "replication lives on");
    stayed(&writer.end().await);

    // A replica that links anew does so with the new one.
    let replica = cluster.nodes.iter().find(|node| node.seat().ordinal == 1).expect("a replica");
    let (node, killed) = (replica.order.claim.node, replica.noted_server().expect("a note"));
    crate::node::kill(&killed);
    let back = |said: &Said| said.converged && server(said, node).is_some_and(|server| server.pid != killed.pid);
    cluster.operator(0).until("back", back).await;
}

#[tokio::test]
async fn a_replication_password_follows_another_and_no_link_is_cut_redis() {
    a_replication_password_follows_another_and_no_link_is_cut(&redis()).await;
}

#[tokio::test]
async fn a_replication_password_follows_another_and_no_link_is_cut_valkey() {
    a_replication_password_follows_another_and_no_link_is_cut(&valkey()).await;
}
