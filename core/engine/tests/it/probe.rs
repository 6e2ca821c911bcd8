//! The probe's user: what it may, and that its count goes on through a handover.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use justmanage_engine::probe::{PROBE_USER, key};
use justmanage_engine::{Connection, Emptying, ProbeAnswer};
use justmanage_model::SlotSet;

use crate::cluster::{Cluster, USER};
use crate::node::{DEADLINE, Node, PROBE_PASSWORD, own};
use crate::servers::{on_every_server, on_some_servers};

on_every_server! { it_may_count_and_nothing_else }

on_some_servers! {
    it_counts_through_a_handover,
    why_its_key_is_gone_is_told,
}

/// A server with all slots, which serves.
async fn serving(path: &Path, config: &[(&str, &str)]) -> (Node, Connection) {
    let (node, mut server) = Node::started(path, config).await;
    server.assign_slots(&SlotSet::all()).await.unwrap();
    let started = Instant::now();
    while !server.bus_view().await.unwrap().ok {
        assert!(started.elapsed() < DEADLINE, "it does not serve");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    (node, server)
}

async fn it_may_count_and_nothing_else(path: PathBuf) {
    let (node, mut server) = serving(&path, &[]).await;
    // As it is made in a server that runs, too.
    server.apply_users(&node.users, &node.release, &own("replication")).await.unwrap();
    let mut probe = node.open(PROBE_USER, PROBE_PASSWORD).await.unwrap();
    let own_key = key(7, "jmn1");
    for number in 1..=3 {
        assert_eq!(probe.probe(&own_key, false).await.unwrap(), ProbeAnswer::Number(number));
    }
    assert_eq!(probe.probe(&own_key, true).await.unwrap(), ProbeAnswer::Number(4));
    assert!(!probe.emptying().await.unwrap().evicts);
    probe.let_probe_go(&own_key, 60).await.unwrap();
    assert_eq!(probe.probe(&own_key, false).await.unwrap(), ProbeAnswer::Number(5));
    probe.let_probe_go(&own_key, 0).await.unwrap();
    assert_eq!(probe.probe(&own_key, false).await.unwrap(), ProbeAnswer::Number(1), "it was let go");
    let denied: [&[&str]; 9] = [
        &["INCR", "orders"],
        &["INCR", "justmanage:other"],
        &["EXPIRE", "orders", "0"],
        &["GET", &own_key],
        &["SET", &own_key, "x"],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["ACL", "LIST"],
        &["CLUSTER", "NODES"],
    ];
    for command in denied {
        let said = node.client(PROBE_USER, PROBE_PASSWORD, command);
        assert!(said.starts_with("NOPERM"), "{command:?}: {said}");
    }
}

async fn why_its_key_is_gone_is_told(path: PathBuf) {
    let (mut node, mut server) = serving(&path, &[]).await;
    node.users.insert(USER.0.parse().unwrap(), crate::node::user("+flushall +config|set", &[USER.1]));
    server.apply_users(&node.users, &node.release, &own("replication")).await.unwrap();
    let mut probe = node.open(PROBE_USER, PROBE_PASSWORD).await.unwrap();
    assert_eq!(probe.emptying().await.unwrap(), Emptying { flushes: 0, evicts: false });
    assert_eq!(node.client(USER.0, USER.1, &["FLUSHALL"]), "OK");
    assert_eq!(probe.emptying().await.unwrap(), Emptying { flushes: 1, evicts: false });
    assert_eq!(node.client(USER.0, USER.1, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "OK");
    assert_eq!(probe.emptying().await.unwrap(), Emptying { flushes: 1, evicts: true });
    assert_eq!(node.client(USER.0, USER.1, &["CONFIG", "SET", "maxmemory-policy", "noeviction"]), "OK");
    assert_eq!(node.client(USER.0, USER.1, &["CONFIG", "SET", "maxmemory", "1"]), "OK");
    assert_eq!(probe.probe(&key(1, "jmn1"), false).await.unwrap(), ProbeAnswer::Full);
}

/// Counts up wherever the servers of the only shard say, until one takes it.
async fn count(cluster: &Cluster, at: &mut SocketAddr) -> u64 {
    let started = Instant::now();
    loop {
        let node = cluster.nodes.iter().find(|node| node.address == *at).unwrap();
        let mut probe = node.open(PROBE_USER, PROBE_PASSWORD).await.unwrap();
        match probe.probe(&key(1, "jmn1"), false).await {
            Ok(ProbeAnswer::Number(number)) => return number,
            Ok(ProbeAnswer::Moved(to)) => *at = to.address().expect("an address"),
            other => assert!(started.elapsed() < DEADLINE, "{other:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

async fn it_counts_through_a_handover(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 3, 1).await;
    let mut at = cluster.nodes[0].address;
    for number in 1..=5 {
        assert_eq!(count(&cluster, &mut at).await, number);
    }
    let old = cluster.nodes.iter().position(|node| node.address == at).unwrap();
    cluster.server(old + 1).cluster_failover().await.unwrap();
    cluster.settled(|views| views[old + 1].is_primary() && !views[old].is_primary()).await;
    assert_eq!(count(&cluster, &mut at).await, 6, "nothing was lost");
    assert_eq!(at, cluster.nodes[old + 1].address, "it was followed");
}
