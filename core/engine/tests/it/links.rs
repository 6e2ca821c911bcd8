//! Links between servers: forgotten, severed, silent; and what a primary does without its replica.

use std::path::PathBuf;

use justmanage_engine::{BUS_FILE, CallError, mend_bus_file};
use justmanage_model::{BusId, Engine, Line, Role};

use crate::cluster::Cluster;
use crate::servers::on_every_server;
use crate::wait::until;

on_every_server! {
    who_is_forgotten_by_all_stays_forgotten,
    a_severed_link_comes_back_by_itself,
    a_server_is_found_again_at_another_address,
    a_fenced_primary_takes_no_writes_without_its_replica,
    a_replica_in_another_shard_than_its_primary_is_put_right_in_the_file,
}

async fn who_is_forgotten_by_all_stays_forgotten(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 2).await;
    let gone = cluster.ids[2];
    cluster.kill(2);
    for position in [0, 1] {
        cluster.server(position).cluster_forget(gone).await.unwrap();
        cluster.server(position).cluster_forget(gone).await.unwrap();
        cluster.server(position).cluster_forget(BusId::new([7; 20])).await.unwrap();
    }
    cluster.settled(|views| views.iter().all(|view| view.peers.len() == 1)).await;
    // They have told each other of whom they know since.
    let (primary, own) = (cluster.ids[0], cluster.ids[1]);
    let before = received(&mut cluster, 1).await;
    until("news have come", async || received(&mut cluster, 1).await > before + 1).await;
    assert!(cluster.views().await.unwrap().iter().all(|view| view.peer(gone).is_none()));

    let error = cluster.server(1).cluster_forget(primary).await.unwrap_err();
    assert!(matches!(error, CallError::NotNow { .. }), "{error:?}");
    let error = cluster.server(1).cluster_forget(own).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
}

/// How many messages came over the bus.
async fn received(cluster: &mut Cluster, position: usize) -> u64 {
    cluster.server(position).cluster_info().await.unwrap().number("cluster_stats_messages_received").unwrap()
}

async fn a_severed_link_comes_back_by_itself(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 1).await;
    let before = resumed(&mut cluster).await;
    cluster.server(1).sever_primary_link().await.unwrap();
    until("the link was made anew", async || resumed(&mut cluster).await == before + 1).await;
    cluster.settled(|_| true).await;
    // A primary has no such link.
    cluster.server(0).sever_primary_link().await.unwrap();
    assert_eq!(resumed(&mut cluster).await, before + 1);
}

/// How many replicas went on where they had stopped.
async fn resumed(cluster: &mut Cluster) -> u64 {
    cluster.server(0).info().await.unwrap().number("sync_partial_ok").unwrap()
}

async fn a_fenced_primary_takes_no_writes_without_its_replica(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 1).await;
    let fence = [("min-replicas-to-write", "1"), ("min-replicas-max-lag", "3")];
    let fence = fence.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    cluster.server(0).config_set(&fence).await.unwrap();
    assert_eq!(cluster.write(0), "OK");

    // The replica is silent: the primary goes on for the lag, and then no longer.
    cluster.nodes[1].signal("-STOP");
    until("writes are refused", async || cluster.write(0).starts_with("NOREPLICAS")).await;
    let view = cluster.view(0).await.unwrap();
    let Role::Primary { replicas } = view.role else { panic!("{view:?}") };
    assert!(replicas.iter().all(|replica| replica.lag_s > 3), "{replicas:?}");
    cluster.nodes[1].signal("-CONT");
    until("writes go on", async || cluster.write(0) == "OK").await;

    // The replica is gone: the primary refuses at once.
    cluster.kill(1);
    until("writes are refused", async || cluster.write(0).starts_with("NOREPLICAS")).await;
    cluster.start(1).await;
    until("writes go on", async || cluster.write(0) == "OK").await;
}

/// The others know it by its id. (A change of `bind` while it runs moves only the port for clients: nobody would reach its bus.)
async fn a_server_is_found_again_at_another_address(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 1).await;
    cluster.kill(1);
    cluster.nodes[1].address.set_ip([127, 0, 0, 2].into());
    cluster.start(1).await;
    let (at, id) = (cluster.nodes[1].address, cluster.ids[1]);
    let moved = cluster.settled(|views| views[0].peer(id).is_some_and(|peer| peer.at == Some(at))).await;
    assert!(
        matches!(&moved[0].role, Role::Primary { replicas } if replicas.len() == 1 && replicas[0].at == at),
        "{moved:#?}"
    );
}

async fn a_replica_in_another_shard_than_its_primary_is_put_right_in_the_file(path: PathBuf) {
    let mut cluster = Cluster::formed(&path, 1, 1).await;
    let file = cluster.nodes[1].files.data.join(BUS_FILE);
    // They have told each other the names of their shards.
    let is_right = || std::fs::read_to_string(&file).is_ok_and(|text| mend_bus_file(&text).is_none());
    until("the replica is in its primary's shard", async || is_right()).await;
    cluster.kill(1);
    let good = std::fs::read_to_string(&file).unwrap();
    let own = good.lines().find(|line| line.contains("myself")).unwrap();
    let shard = own.split([' ', ',']).find_map(|part| part.strip_prefix("shard-id="));
    let (engine, line) = (cluster.nodes[1].release.engine, cluster.nodes[1].release.version.line());
    assert_eq!(shard.is_some(), engine == Engine::Valkey || line >= Line::new(7, 2), "{own}");
    let Some(shard) = shard else { return };
    std::fs::write(&file, good.replace(own, &own.replace(shard, &"5".repeat(40)))).unwrap();
    let mended = mend_bus_file(&std::fs::read_to_string(&file).unwrap());
    assert_eq!(mended.as_ref(), Some(&good));
    if line == Line::new(8, 0) && engine == Engine::Valkey {
        let said = cluster.nodes[1].try_start().await.err().unwrap();
        assert!(said.contains("corrupted cluster config file"), "{said}");
        cluster.nodes[1].ended().await;
    }
    std::fs::write(&file, good).unwrap();
    cluster.start(1).await;
    cluster.settled(|_| true).await;
}
