//! Servers that end, hang, or have nothing worth keeping.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use justmanage_backup::{BackupError, write_part};
use justmanage_engine::acl::REPLICATION_USER;
use justmanage_engine::{CallError, SnapshotError};
use justmanage_model::Bytes;
use justmanage_model::backup::Compression;
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::data::{Place, script, serving, snapshot};
use crate::node::{Node, REPLICATION_PASSWORD};
use crate::servers::on_some_servers;
use crate::wait::until;

on_some_servers! {
    data_that_break_off_leave_nothing,
    a_server_that_hangs_is_given_up,
    a_replica_without_its_primary_gives_nothing,
    the_agents_own_user_reads_no_data,
}

/// A server that takes minutes to give its data: it rests after each key.
async fn slow(server: &std::path::Path) -> Node {
    let (node, mut connection) = serving(server).await;
    script(&node, "for i = 1, 20000 do redis.call('SET', i, string.rep('x', 1000) .. i) end");
    let delay = [("rdb-key-save-delay".to_owned(), "5000".to_owned()), ("rdbcompression".to_owned(), "no".to_owned())];
    connection.config_set(&delay.into()).await.unwrap();
    node
}

/// What becomes of a part when something happens to its server half-way.
async fn disturbed(place: &Place, node: &mut Node, patience: Duration, happens: impl FnOnce(&mut Node)) -> BackupError {
    let connection = node.open(REPLICATION_USER, REPLICATION_PASSWORD).await.unwrap();
    let snapshot = connection.snapshot(patience).await.unwrap();
    let order = place.order(node, Compression::Zstd);
    let (progress, mut read) = watch::channel(Bytes::new(0));
    let (written, ()) = tokio::join!(write_part(&place.store, order, snapshot, &progress), async {
        read.wait_for(|bytes| bytes.get() > 0).await.unwrap();
        assert_eq!(place.files(), [".shard-0000.rdb.zst.writing"], "it is not there under its name");
        happens(node);
    });
    written.unwrap_err()
}

/// A process that is stopped, and ends with this: one that was only stopped would be there for ever.
struct Stopped(String);

impl Stopped {
    /// The children of a process.
    fn children(parent: u32) -> Vec<Self> {
        let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        let stopped: Vec<Self> = listed.split_whitespace().map(|pid| Self(pid.to_owned())).collect();
        stopped.iter().for_each(|child| child.signal("-STOP"));
        assert!(!stopped.is_empty(), "somebody writes the data");
        stopped
    }

    fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.0]).status().unwrap();
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

async fn data_that_break_off_leave_nothing(server: PathBuf) {
    let (place, mut node) = (Place::new(), slow(&server).await);
    let error = disturbed(&place, &mut node, Duration::from_secs(60), Node::kill).await;
    assert!(matches!(error, BackupError::Source(_)), "{error:?}");
    assert_eq!(place.files(), [""; 0]);
}

/// The child that writes the data hangs as well: since Redis 8 it writes to the replica itself, and is not missed by its parent.
async fn a_server_that_hangs_is_given_up(server: PathBuf) {
    let (place, mut node) = (Place::new(), slow(&server).await);
    let mut children = Vec::new();
    let error = disturbed(&place, &mut node, Duration::from_secs(3), |node| {
        node.signal("-STOP");
        children.extend(Stopped::children(node.pid()));
    });
    let error = error.await;
    let BackupError::Source(source) = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::TimedOut, "{source:?}");
    assert_eq!(place.files(), [""; 0]);
    let error = node.open(REPLICATION_USER, REPLICATION_PASSWORD).await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
}

async fn a_replica_without_its_primary_gives_nothing(server: PathBuf) {
    let mut cluster = Cluster::formed(&server, 1, 1).await;
    snapshot(&cluster.nodes[1]).await.unwrap();
    cluster.nodes[0].signal("-STOP");
    cluster.server(1).sever_primary_link().await.unwrap();
    let mut last = None;
    until("it has no primary", async || {
        last = Some(snapshot(&cluster.nodes[1]).await);
        last.as_ref().is_some_and(Result::is_err)
    })
    .await;
    assert!(matches!(last, Some(Err(SnapshotError::OutOfSync))), "{last:?}");
}

/// Who may read everything is the user of replicas, and nobody else of ours.
async fn the_agents_own_user_reads_no_data(server: PathBuf) {
    let (node, connection) = Node::started(&server, &[]).await;
    let error = connection.snapshot(Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Call(CallError::Denied { .. })), "{error:?}");
    snapshot(&node).await.unwrap();
}
