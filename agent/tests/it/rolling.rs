//! What needs a restart of every node goes through the cluster without losing a write: replicas first, and primaries only after
//! they have handed over.

use std::path::Path;

use justmanage_model::{NodeId, Record};

use crate::cluster::{Cluster, primary, server};
use crate::healing::fenced;
use crate::operator::Said;
use crate::servers::{redis, valkey};
use crate::writer::Writer;

pub(crate) fn io_threads(said: &Said, node: NodeId) -> Option<&str> {
    server(said, node)?.config.get("io-threads").map(String::as_str)
}

/// Shard by shard, every server has the value; then nothing is left to do.
pub(crate) async fn until_all_have(cluster: &Cluster, value: &str, shards: u16) -> Said {
    for shard in 0..shards {
        let have = |said: &Said| {
            let record = said.record();
            let mut members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
            members.all(|(node, _)| io_threads(said, *node) == Some(value))
        };
        cluster.operator(0).until(&format!("the servers of shard {shard} have been restarted"), have).await;
    }
    cluster.operator(0).until("the grant is given back", |said| said.converged && said.record().grant.is_none()).await
}

async fn roll(binary: &Path, shards: u16, replicas: u16) {
    let cluster = Cluster::formed(binary, shards, replicas, |_| {}).await;
    let before = cluster.operator(0).converged().await;
    fenced(&cluster, 0, shards).await;
    let writers = Writer::at_each(&cluster, shards).await;
    let wanted = |record: &mut Record| drop(record.spec.config.insert("io-threads".into(), "2".into()));
    cluster.operator(0).change(wanted).await;
    let after = until_all_have(&cluster, "2", shards).await;
    assert_eq!(after.record().halt, None);
    for (shard, writer) in (0..shards).zip(writers) {
        writer.goes_on(20).await;
        let report = writer.end().await;
        eprintln!("shard {shard}: longest pause {:?}, {} acknowledged", report.gap, report.acknowledged);
        report.lost_nothing();
        assert_eq!(
            report.refused, 0,
            "shard {shard}: a fence was closed while its last replica went, or before the next one came"
        );
        assert_ne!(
            primary(&after, shard),
            primary(&before, shard),
            "it has handed over, and does not get its place back"
        );
    }
    let pid = |said: &Said, node: NodeId| server(said, node).map(|server| server.pid);
    for node in after.record().members.keys() {
        assert_ne!(pid(&after, *node), pid(&before, *node), "every server is another process");
    }
}

#[tokio::test]
async fn three_shards_redis() {
    roll(&redis(), 3, 1).await;
}

#[tokio::test]
async fn three_shards_valkey() {
    roll(&valkey(), 3, 1).await;
}

#[tokio::test]
async fn one_shard_with_one_replica() {
    roll(&redis(), 1, 1).await;
}

#[tokio::test]
async fn one_shard_behind_its_fence() {
    roll(&redis(), 1, 2).await;
}

#[tokio::test]
async fn two_shards_behind_their_fences() {
    roll(&valkey(), 2, 1).await;
}

/// A replica that has copied all of its primary's data writes a new append-only file, and no server ends before its first one is whole.
#[tokio::test]
async fn a_replica_may_write_its_first_file_before_it_is_restarted() {
    let may_set = |record: &mut Record| {
        for user in record.users.values_mut() {
            user.acl = format!("{} +config", user.acl).parse().expect("rules");
        }
    };
    let cluster = Cluster::formed(&valkey(), 1, 1, may_set).await;
    let before = cluster.operator(0).converged().await;
    let old = primary(&before, 0).expect("a primary");
    let replica = *before.record().members.keys().find(|node| **node != old).expect("a replica");
    for key in 0..20 {
        let key = format!("app:{key}");
        assert_eq!(cluster.nodes[cluster.position(old)].redis(&["SET", &key, "value"]), "OK");
    }
    let slow = &cluster.nodes[cluster.position(replica)];
    for (key, value) in [("rdb-key-save-delay", "100000"), ("appendonly", "no"), ("appendonly", "yes")] {
        assert_eq!(slow.redis(&["CONFIG", "SET", key, value]), "OK", "{key}");
    }
    let wanted = |record: &mut Record| drop(record.spec.config.insert("io-threads".into(), "2".into()));
    cluster.operator(0).change(wanted).await;
    until_all_have(&cluster, "2", 1).await;
    let said = std::fs::read_to_string(slow.file("server.log")).expect("the server's log");
    assert!(said.contains("Writing initial AOF, can't exit"), "it was whole already:\n{said}");
    assert!(!slow.log().contains("step failed"), "{}", slow.log());
}
