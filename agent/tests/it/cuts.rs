//! Primaries that the network cuts off from everybody else, while clients beside them go on writing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::healing::{fenced, first_primary, is_replica, led_by};
use crate::network::Network;
use crate::servers::{redis, valkey};
use crate::writer::{Writer, around, open};

/// A client that knows nothing but the server beside it, until it is stopped: when that took a write last, and how many it
/// refused since.
async fn insist(endpoint: String, ca: Vec<u8>, key: String, stop: Arc<AtomicBool>) -> (Option<Instant>, u64) {
    let (mut last, mut refused) = (None, 0);
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut connection) = open(&endpoint, &ca).await else { continue };
        while !stop.load(Ordering::SeqCst) {
            match redis::cmd("INCR").arg(&key).query_async::<u64>(&mut connection).await {
                Ok(_) => (last, refused) = (Some(Instant::now()), 0),
                Err(error) => {
                    refused += 1;
                    if error.is_io_error() {
                        break;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    (last, refused)
}

async fn primary_is_cut_off(server: &Path, shards: u16, replicas: u16) {
    let network = Network::new();
    let cluster = Cluster::started_on(server, shards, replicas, |seat| Some(network.host(seat)));
    let cluster = cluster.form(shards, replicas, |_| {}).await;
    let (old, position, other) = first_primary(&cluster).await;
    fenced(&cluster, other, shards).await;
    let writer = Writer::begin(&cluster, 0).await;
    let host = cluster.nodes[position].host.clone().expect("a host");
    let stop = Arc::new(AtomicBool::new(false));
    let beside =
        insist(cluster.endpoint(old), cluster.authority(), format!("{{{}}}:beside", writer.key()), stop.clone());
    let beside = host.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(beside)
    });
    writer.goes_on(50).await;

    host.cable(false);
    let cut = Instant::now();
    writer.goes_on(100).await;
    stop.store(true, Ordering::SeqCst);
    let (last, refused) = beside.join().expect("the client beside the old primary");
    host.cable(true);
    let said = led_by(&cluster, other, 0, |node| node != old).await;
    assert!(is_replica(&said, old), "who was cut off comes back as a replica");
    assert!(said.record().takeovers.is_empty());
    let report = writer.end().await;
    let (last, resumed) = (last.expect("writes before"), report.resumed.expect("a gap"));
    eprintln!(
        "{shards} x {replicas} cut off: writes resumed after {:?}, {:?} after the last that the old primary took",
        report.gap,
        resumed.checked_duration_since(last)
    );
    assert!(last < resumed, "two primaries took writes at the same time, for {:?}", last - resumed);
    assert!(refused > 0, "the client beside it was still there, and was refused");
    report.lost_only_in(&[around(cut)]);
}

#[tokio::test]
async fn another_takes_over_when_the_old_primary_takes_nothing_more() {
    primary_is_cut_off(&redis(), 3, 1).await;
}

#[tokio::test]
async fn so_it_is_in_a_cluster_of_one_shard() {
    primary_is_cut_off(&valkey(), 1, 2).await;
}

#[tokio::test]
async fn so_it_is_in_a_cluster_of_two_shards() {
    primary_is_cut_off(&redis(), 2, 1).await;
}
