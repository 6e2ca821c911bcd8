//! A cluster of three shards with a replica each is made by the engine's calls, and every server sees the same.

use std::path::PathBuf;

use justmanage_engine::{CallError, Connection};
use justmanage_model::{BusId, Role, SlotSet};

use crate::cluster::Cluster;
use crate::node::{Node, REPLICATION_PASSWORD, own};
use crate::ports::Ports;
use crate::servers::{on_every_server, on_some_servers};

on_every_server! { a_cluster_is_formed, replicas_log_in_as_a_user_of_their_own }

on_some_servers! {
    what_forms_a_cluster_can_be_done_again,
    what_a_server_cannot_do_now_is_told_apart,
    a_handshake_that_nobody_answers_is_dropped,
}

const SHARDS: usize = 3;

async fn a_cluster_is_formed(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, SHARDS, 1).await;
    let views = cluster.settled(|_| true).await;
    assert_eq!(views.len(), 2 * SHARDS);
    assert_eq!(views.iter().fold(SlotSet::empty(), |all, view| all.union(&view.slots)), SlotSet::all());
    for (position, view) in views.iter().enumerate() {
        assert_eq!(view.id, cluster.ids[position]);
        assert_eq!((view.epoch, view.peers.len()), (2 * SHARDS as u64, 2 * SHARDS - 1));
        let (shard, first) = cluster.shard(position);
        assert_eq!(view.config_epoch, cluster.epoch(first), "a replica says its primary's");
        match &view.role {
            Role::Primary { replicas } => {
                assert_eq!(position, first);
                assert_eq!(view.slots, SlotSet::share(u16::try_from(shard).unwrap(), 3));
                let [replica] = &replicas[..] else { panic!("{replicas:?}") };
                assert!(replica.online && replica.at == cluster.nodes[position + 1].address, "{replica:?}");
            }
            Role::Replica { of, link } => {
                assert_eq!((position, *of), (first + 1, cluster.ids[first]));
                assert!(link.up && !link.syncing && link.silent_s.is_some_and(|silent| silent < 5), "{link:?}");
                assert!(view.slots.is_empty());
            }
        }
        for (other, node) in cluster.nodes.iter().enumerate().filter(|(other, _)| *other != position) {
            let peer = view.peer_at(node.address).unwrap();
            assert_eq!((peer.id, peer.bus_port), (cluster.ids[other], node.bus_port()));
            let (_, first) = cluster.shard(other);
            assert_eq!(peer.replica_of, (other != first).then(|| cluster.ids[first]));
            assert_eq!(peer.slots, views[other].slots.len());
        }
    }
    // The copy first: the primary writes into the stream each second.
    let copy = cluster.see(1).await.offset;
    let primary = cluster.see(0).await;
    assert!(primary.persistent && primary.offset >= copy);
    assert_eq!(cluster.write(4), "OK", "the key's slot is the third shard's");
}

async fn what_forms_a_cluster_can_be_done_again(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, SHARDS, 1).await;
    let copies = copies(cluster.server(0)).await;
    for shard in 0..SHARDS {
        let epoch = cluster.epoch(2 * shard);
        cluster.server(2 * shard).cluster_set_config_epoch(epoch).await.unwrap();
    }
    cluster.meet_all().await;
    cluster.replicate_all().await;
    let views = cluster.settled(|views| views.iter().all(|view| view.peers.len() == 2 * SHARDS - 1)).await;
    assert_eq!(views[0].epoch, 2 * SHARDS as u64);
    assert_eq!(copies, self::copies(cluster.server(0)).await, "nobody copied anew");
}

/// How many copies a primary has sent, whole and in part.
async fn copies(server: &mut Connection) -> [Option<u64>; 2] {
    let info = server.info().await.unwrap();
    let copies = ["sync_full", "sync_partial_ok"].map(|field| info.number(field));
    assert!(copies[0].is_some_and(|whole| whole > 0), "{copies:?}");
    copies
}

async fn what_a_server_cannot_do_now_is_told_apart(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, SHARDS, 1).await;
    let (own, replica, primary) = (cluster.ids[1], cluster.ids[3], cluster.ids[4]);
    for of in [BusId::new([7; 20]), own, replica] {
        let error = cluster.server(1).cluster_replicate(of).await.unwrap_err();
        assert!(matches!(error, CallError::NotNow { .. }), "{error:?}");
    }
    let error = cluster.server(0).cluster_replicate(primary).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "a primary with slots stays one: {error:?}");
    let error = cluster.server(0).cluster_set_config_epoch(99).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
    let error = cluster.server(0).assign_slots(&SlotSet::all()).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "others own some: {error:?}");
}

async fn a_handshake_that_nobody_answers_is_dropped(path: PathBuf) {
    let (_node, mut server) = Node::started(&path, &[("cluster-node-timeout", "1000")]).await;
    let nobody = Ports::free();
    let at = ([127, 0, 0, 1], nobody.client).into();
    server.cluster_meet(at, nobody.bus()).await.unwrap();
    let view = server.bus_view().await.unwrap();
    let peer = view.peer_at(at).unwrap();
    assert!(peer.handshake && !peer.linked_to && peer.replica_of.is_none(), "{peer:?}");
    assert_eq!(peer.bus_port, nobody.bus());
    let alone = view.view;
    crate::wait::until("it is dropped", async || server.bus_view().await.unwrap().peers.is_empty()).await;
    assert_eq!(server.bus_view().await.unwrap().view, alone, "it was no part of the view");
}

async fn replicas_log_in_as_a_user_of_their_own(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 1).await;
    let node = &cluster.nodes[0];
    let client = |command: &[&str]| node.client("justmanage-replication", REPLICATION_PASSWORD, command);
    assert_eq!(client(&["PING"]), "PONG");
    for command in
        [&["GET", "key"][..], &["SET", "key", "value"], &["INFO"], &["CONFIG", "GET", "dir"], &["ACL", "LIST"]]
    {
        let said = client(command);
        assert!(said.starts_with("NOPERM"), "{command:?}: {said}");
    }
    // Users are made so while replicas are logged in; nobody is cut off, and with another password nobody comes in.
    let (users, release) = (node.users.clone(), node.release.clone());
    let before = copies(cluster.server(0)).await;
    cluster.server(0).apply_users(&users, &release, &own(REPLICATION_PASSWORD)).await.unwrap();
    cluster.server(0).apply_users(&users, &release, &own("another")).await.unwrap();
    let views = cluster.settled(|_| true).await;
    assert!(matches!(&views[0].role, Role::Primary { replicas } if replicas.len() == 1));
    assert_eq!(before, copies(cluster.server(0)).await);
    cluster.server(1).sever_primary_link().await.unwrap();
    cluster.until(|views| matches!(&views[0].role, Role::Primary { replicas } if replicas.is_empty())).await;
    cluster.server(0).apply_users(&users, &release, &own(REPLICATION_PASSWORD)).await.unwrap();
    cluster.settled(|_| true).await;
}
