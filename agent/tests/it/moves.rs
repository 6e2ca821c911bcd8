//! Clusters whose nodes get other addresses, on hosts that find each other by names.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use justmanage_model::{BusId, NodeId};

use crate::cluster::{Cluster, server};
use crate::network::Network;
use crate::operator::Said;
use crate::servers::{redis, valkey};
use crate::wait::DEADLINE;
use crate::writer::{Writer, key_of, open};

/// Keys that a shard is given.
const KEYS: u32 = 200;

/// Writes keys to a shard; the tag by which they are found again.
async fn fill(cluster: &Cluster, shard: u16) -> String {
    let (endpoints, ca) = (cluster.endpoints(shard), cluster.authority());
    let tag = key_of(&endpoints, &ca).await;
    for endpoint in &endpoints {
        let mut connection = open(endpoint, &ca).await.expect("a connection");
        for number in 0..KEYS {
            let set = redis::cmd("SET").arg(format!("{{{tag}}}:{number}")).arg(number).to_owned();
            if set.query_async::<()>(&mut connection).await.is_err() {
                // A replica; the other one it is.
                break;
            }
        }
    }
    tag
}

/// How many of the keys a shard has, each with its value.
async fn kept(cluster: &Cluster, shard: u16, tag: &str) -> u32 {
    let (endpoints, ca) = (cluster.endpoints(shard), cluster.authority());
    let mut most = 0;
    for endpoint in &endpoints {
        let mut connection = open(endpoint, &ca).await.expect("a connection");
        let mut kept = 0;
        for number in 0..KEYS {
            let get = redis::cmd("GET").arg(format!("{{{tag}}}:{number}")).to_owned();
            kept += u32::from(get.query_async::<u32>(&mut connection).await == Ok(number));
        }
        most = most.max(kept);
    }
    most
}

fn bus_ids(said: &Said) -> BTreeMap<NodeId, Option<BusId>> {
    let of = |node: &NodeId| server(said, *node).and_then(|server| server.bus.as_ref()).map(|bus| bus.id);
    said.record().members.keys().map(|node| (*node, of(node))).collect()
}

/// Gives every host another address at once, and waits until every agent says that it is there.
async fn move_everybody(network: &Network, cluster: &mut Cluster, range: u8) {
    let mut places = Vec::new();
    for node in &cluster.nodes {
        let host = node.host.as_ref().expect("a host");
        places.push((node.seat(), host.take_address(range)));
    }
    network.enter(&places);
    let begun = Instant::now();
    for node in &cluster.nodes {
        let address: IpAddr = node.host.as_ref().expect("a host").address().into();
        let agent = loop {
            assert!(begun.elapsed() < DEADLINE, "an agent did not follow its node: {}", node.log());
            match node.agent().filter(|agent| agent.agent.ip() == address) {
                Some(agent) => break agent,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        cluster.agents.insert(agent.claim.node, agent);
    }
}

async fn all_addresses_change_at_once(server: &Path, config: &[(&str, &str)]) {
    let network = Network::new();
    let cluster = Cluster::started_on(server, 3, 1, |seat| Some(network.host(seat)));
    let set = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut cluster = cluster.form(3, 1, |record| record.spec.config.extend(config.iter().map(set))).await;
    let mut tags = Vec::new();
    for shard in 0..3 {
        tags.push(fill(&cluster, shard).await);
    }
    let before = cluster.operator(0).converged().await;
    let processes: Vec<_> = cluster.agents.values().map(|agent| agent.process.clone()).collect();

    let begun = Instant::now();
    move_everybody(&network, &mut cluster, 2).await;
    eprintln!("every agent followed its node after {:?}", begun.elapsed());
    let there = |said: &Said| {
        let members = said.record().members;
        let arrived = members.iter().all(|(node, member)| member.addresses().agent == cluster.agents[node].agent);
        // Two that meet at once keep a handshake for a moment that leads nowhere.
        let settled = |node: &NodeId| {
            let bus = crate::cluster::server(said, *node).and_then(|server| server.bus.as_ref());
            bus.is_some_and(|bus| bus.peers.iter().all(|peer| !peer.handshake && peer.linked_to))
        };
        said.converged && arrived && members.keys().all(settled)
    };
    let said = cluster.operator(0).until("the cluster is at rest at its new addresses", there).await;
    eprintln!("converged after {:?}", begun.elapsed());

    for (node, member) in &said.record().members {
        let agent = &cluster.agents[node];
        assert_eq!((member.client, member.bus_port), (agent.client, agent.bus_port));
        let bus = crate::cluster::server(&said, *node).and_then(|server| server.bus.as_ref()).expect("a server");
        assert_eq!(bus.peers.len(), 5, "nobody twice, and no handshake that leads nowhere: {:#?}", bus.peers);
        assert!(bus.peers.iter().all(|peer| !peer.handshake && peer.linked_to), "{:#?}", bus.peers);
    }
    assert_eq!(bus_ids(&said), bus_ids(&before));
    assert_eq!(cluster.agents.values().map(|agent| agent.process.clone()).collect::<Vec<_>>(), processes);
    for (shard, tag) in (0..).zip(&tags) {
        assert_eq!(kept(&cluster, shard, tag).await, KEYS, "shard {shard} has what was written");
        let writer = Writer::begin(&cluster, shard).await;
        writer.goes_on(100).await;
        writer.end().await.lost_nothing();
    }
}

#[tokio::test]
async fn a_cluster_whose_addresses_all_change_at_once_heals_redis() {
    all_addresses_change_at_once(&redis(), &[]).await;
}

#[tokio::test]
async fn a_cluster_whose_addresses_all_change_at_once_heals_valkey() {
    all_addresses_change_at_once(&valkey(), &[]).await;
}

/// Nothing is written to disk but at the end: what is not saved then is gone.
#[tokio::test]
async fn so_does_one_that_keeps_its_data_in_memory_alone() {
    all_addresses_change_at_once(&redis(), &[("appendonly", "no"), ("save", "")]).await;
}
