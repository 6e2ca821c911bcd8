//! Primaries die, and replicas take their place: by vote, and without one.

use std::path::PathBuf;

use justmanage_engine::CallError;
use justmanage_model::{BusView, Role, SlotSet};

use crate::cluster::Cluster;
use crate::node::Node;
use crate::servers::{on_every_server, on_some_servers};

on_every_server! {
    a_replica_wins_the_vote_when_its_primary_is_killed,
    the_only_shard_is_taken_over_without_a_vote,
}

on_some_servers! { who_is_no_replica_does_not_fail_over }

fn owns(view: &BusView, slots: &SlotSet) -> bool {
    view.is_primary() && view.slots == *slots
}

async fn a_replica_wins_the_vote_when_its_primary_is_killed(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 3, 1).await;
    let before = cluster.view(0).await.unwrap();
    cluster.kill(0);
    cluster.server(1).cluster_failover_force().await.unwrap();
    let views = cluster.until(|views| owns(&views[0], &before.slots)).await;
    assert!(views[0].epoch > before.epoch && views[0].config_epoch > before.epoch, "{views:#?}");
    cluster.server(1).cluster_failover_force().await.unwrap();
    cluster.settled(|views| views.len() == 5 && views[1].peer(before.id).is_some_and(|dead| dead.slots == 0)).await;

    // It comes back as a replica of who was its replica.
    cluster.start(0).await;
    let views = cluster.settled(|views| views.len() == 6 && !views[0].is_primary()).await;
    assert!(matches!(views[0].role, Role::Replica { of, .. } if of == cluster.ids[1]));
}

async fn the_only_shard_is_taken_over_without_a_vote(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 1).await;
    assert_eq!(cluster.write(0), "OK");
    let before = cluster.settled(|_| true).await;
    cluster.kill(0);
    cluster.server(1).cluster_failover_takeover().await.unwrap();
    let views = cluster.until(|views| owns(&views[0], &SlotSet::all()) && views[0].ok).await;
    assert!(views[0].config_epoch > before[0].config_epoch, "its word counts for more than the old primary's");
    assert_eq!(cluster.write(1), "OK");
    cluster.server(1).cluster_failover_takeover().await.unwrap();

    cluster.start(0).await;
    let views = cluster.settled(|views| views.len() == 2 && !views[0].is_primary()).await;
    assert!(owns(&views[1], &SlotSet::all()));
    // Once more, the other way: the primary lives, and is told by the bus.
    cluster.server(0).cluster_failover_takeover().await.unwrap();
    cluster.settled(|views| owns(&views[0], &SlotSet::all()) && !views[1].is_primary()).await;
}

async fn who_is_no_replica_does_not_fail_over(path: PathBuf) {
    let (_node, mut server) = Node::started(&path, &[]).await;
    for error in [server.cluster_failover_force().await, server.cluster_failover_takeover().await] {
        assert!(matches!(error, Err(CallError::NotNow { .. })), "{error:?}");
    }
    server.assign_slots(&"7".parse().unwrap()).await.unwrap();
    server.cluster_failover_force().await.unwrap();
    server.cluster_failover_takeover().await.unwrap();
}
