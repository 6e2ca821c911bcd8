//! Clients are told names of servers, while the servers run.

use std::collections::BTreeMap;
use std::path::Path;

use justmanage_model::{HostName, NodeId};

use crate::cluster::{Cluster, server};
use crate::node::Node;
use crate::servers::{redis, valkey};
use crate::wait::until;
use crate::writer::Writer;

/// Where a node's server sends clients, one server after the other.
fn told(node: &Node) -> Vec<String> {
    let answer = node.redis(&["CLUSTER", "SLOTS"]);
    // A shard is two slots, and then for each server its place, its port, and its id on the bus.
    let lines: Vec<&str> = answer.lines().map(str::trim).collect();
    let is_id = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut places: Vec<String> =
        lines.windows(3).filter(|three| is_id(three[2])).map(|three| three[0].to_owned()).collect();
    places.sort();
    places
}

fn names(cluster: &Cluster) -> BTreeMap<NodeId, HostName> {
    let nodes = cluster.nodes.iter().map(|node| node.order.claim.node);
    nodes.zip(1..).map(|(node, number)| (node, format!("db{number}.example.com").parse().expect("a name"))).collect()
}

async fn names_are_told_and_no_more(program: &Path) {
    let cluster = Cluster::formed(program, 3, 1, |_| ()).await;
    let before = cluster.operator(0).converged().await;
    // A replica is listed when it has told how far it is.
    let addresses = until("all servers are listed", || Some(told(&cluster.nodes[0])).filter(|told| told.len() == 6));
    let writers = Writer::at_each(&cluster, 3).await;
    let names = names(&cluster);
    let mut all: Vec<String> = names.values().map(ToString::to_string).collect();
    all.sort();
    cluster
        .operator(0)
        .change(|record| {
            record.announce(&names);
            record.raise_layout();
        })
        .await;
    let said = cluster.operator(0).converged().await;
    assert!(said.record().tells_names());
    for node in &cluster.nodes {
        until("names", || (told(node) == all).then_some(()));
        let id = node.order.claim.node;
        let [then, now] = [&before, &said].map(|said| server(said, id).expect("a server"));
        assert_eq!(then.pid, now.pid, "no restart");
        let issued = |server: &justmanage_model::ServerObservation| server.tls.as_ref().expect("TLS").issued;
        assert!(issued(then) < issued(now), "a certificate with its name");
    }

    cluster.operator(0).change(|record| record.announce(&BTreeMap::new())).await;
    cluster.operator(0).converged().await;
    for node in &cluster.nodes {
        until("addresses", || (told(node) == addresses).then_some(()));
    }
    for writer in writers {
        writer.end().await.lost_nothing();
    }
}

#[tokio::test]
async fn names_are_told_and_no_more_redis() {
    names_are_told_and_no_more(&redis()).await;
}

#[tokio::test]
async fn names_are_told_and_no_more_valkey() {
    names_are_told_and_no_more(&valkey()).await;
}
