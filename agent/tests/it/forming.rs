//! Forming clusters, of every release line that can be had, in shapes of all kinds.

use std::collections::BTreeSet;
use std::net::TcpStream;

use justmanage_model::{Fence, Phase, Record, Role};

use crate::cluster::{Cluster, server};
use crate::operator::Said;
use crate::servers::find;
use crate::writer::Writer;

/// What a cluster of several nodes is when it says that it is formed.
pub(crate) fn is_whole(said: &Said, shards: u16, replicas: u16) {
    let record = said.record();
    let nodes = record.members.len();
    let servers: Vec<_> = record.members.keys().map(|node| server(said, *node).expect("a server that runs")).collect();
    let views: Vec<_> = servers.iter().map(|server| server.bus.as_ref().expect("a view")).collect();
    assert_eq!(views.iter().map(|view| &view.view).collect::<BTreeSet<_>>().len(), 1, "all see the same");
    let mut owned = 0;
    for view in &views {
        assert!(view.ok, "{view:#?}");
        assert_eq!(view.peers.len(), nodes - 1, "everybody knows everybody, and nobody else");
        assert!(view.peers.iter().all(|peer| peer.linked_to && peer.linked_from && !peer.handshake), "{view:#?}");
        owned += view.slots.len();
        match &view.role {
            Role::Primary { replicas: known } => {
                assert_eq!(known.len(), usize::from(replicas));
                assert!(known.iter().all(|replica| replica.online), "{known:#?}");
            }
            Role::Replica { link, .. } => assert!(link.up && !link.syncing, "{link:?}"),
        }
    }
    assert_eq!(owned, 16384);
    assert_eq!(views.iter().filter(|view| view.is_primary()).count(), usize::from(shards));
    let epochs: BTreeSet<u64> = views.iter().filter(|view| view.is_primary()).map(|view| view.config_epoch).collect();
    assert_eq!(epochs.len(), usize::from(shards), "each primary has an epoch of its own");
    assert!(servers.iter().all(|server| server.persistent), "an append-only file, and snapshots");
    let patience = |key: &str| servers.iter().all(|server| server.config.get(key).is_some_and(|value| value == "5000"));
    assert!(patience("cluster-node-timeout"), "the haste is over: {:#?}", servers[0].config);
    let fenced = if shards < 3 && replicas > 0 { shards } else { 0 };
    assert_eq!(record.fences.values().filter(|fence| **fence == Fence::Closed).count(), usize::from(fenced));
}

async fn forms(line: &str, shards: u16, replicas: u16) {
    let started = Cluster::started(&find(line), shards, replicas);
    let program = started.nodes[0].program.clone();
    let old = program.release.version.line() < justmanage_model::Line::new(7, 0);
    let cluster = started
        .form(shards, replicas, |record: &mut Record| {
            // Without them such servers are refused before any of this.
            (record.spec.testing.plaintext, record.spec.testing.old_releases) = (!program.tls, old);
        })
        .await;
    let said = cluster.operator(cluster.nodes.len() - 1).converged().await;
    assert_eq!(said.record().phase, Phase::Formed);
    is_whole(&said, shards, replicas);
    for shard in 0..shards {
        let writer = Writer::begin(&cluster, shard).await;
        let report = writer.end().await;
        report.lost_nothing();
        assert_eq!(report.servers, 1);
    }
    if program.tls {
        for agent in cluster.agents.values() {
            assert!(!answers_plainly(agent.client), "it speaks without TLS");
        }
    }
}

/// Whether a server answers a client without TLS.
fn answers_plainly(server: std::net::SocketAddr) -> bool {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(server).expect("a server");
    stream.write_all(b"PING\r\n").expect("sent");
    let mut said = Vec::new();
    // It ends the connection: with an alert of TLS, or without a word.
    let _ = stream.read_to_end(&mut said);
    said.starts_with(b"+") || said.starts_with(b"-")
}

macro_rules! formed {
    ($($test:ident: $line:literal $shards:literal x $replicas:literal;)*) => {
        $(#[tokio::test] async fn $test() { forms($line, $shards, $replicas).await; })*
    };
}

formed! {
    redis_6_2_three_shards_with_a_replica_each: "redis-6.2." 3 x 1;
    redis_7_0_three_shards_with_a_replica_each: "redis-7.0." 3 x 1;
    redis_7_2_one_shard_with_five_replicas: "redis-7.2." 1 x 5;
    redis_7_4_two_shards_with_two_replicas_each: "redis-7.4." 2 x 2;
    redis_8_0_one_shard_with_a_replica: "redis-8.0." 1 x 1;
    redis_8_2_two_shards: "redis-8.2." 2 x 0;
    redis_8_6_three_shards_with_two_replicas_each: "redis-8.6." 3 x 2;
    valkey_8_0_four_shards_with_a_replica_each: "valkey-8.0." 4 x 1;
    valkey_8_1_one_shard_with_two_replicas: "valkey-8.1." 1 x 2;
    valkey_9_0_two_shards_with_a_replica_each: "valkey-9.0." 2 x 1;
    valkey_9_1_five_shards: "valkey-9.1." 5 x 0;
}
