//! Forming clusters of several nodes.

use std::time::Instant;

use justmanage_model::Phase;

use crate::cluster::Cluster;
use crate::servers::redis;

#[tokio::test]
async fn three_shards_with_a_replica_each() {
    let begun = Instant::now();
    let cluster = Cluster::formed(&redis(), 3, 1, |_| {}).await;
    eprintln!("formed after {:?}", begun.elapsed());
    for node in &cluster.nodes {
        eprintln!("=== {:?}\n{}", node.order.claim.seat, node.log());
    }
    let said = cluster.operator(3).converged().await;
    assert_eq!(said.record().phase, Phase::Formed);
}
