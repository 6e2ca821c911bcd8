//! What heals without anybody: processes that die, machines that freeze, agents that are killed, one or all at once.

use std::path::Path;
use std::time::{Duration, Instant};

use justmanage_model::{Fence, NodeId, OnCrash, Record, Role};

use crate::cluster::{Cluster, primary, server};
use crate::node::{kill, signal};
use crate::operator::Said;
use crate::servers::{redis, valkey};
use crate::writer::{Writer, around, unsynced};

/// The servers alone need longer to see that a primary is gone: cluster-node-timeout is 5 s.
const ALONE: Duration = Duration::from_secs(4);

/// Waits until a node is the primary of a shard, and everything is at rest.
pub(crate) async fn led_by(cluster: &Cluster, from: usize, shard: u16, wanted: impl Fn(NodeId) -> bool) -> Said {
    let at_rest = |said: &Said| said.converged && primary(said, shard).is_some_and(&wanted);
    cluster.operator(from).until("another primary, and everything at rest", at_rest).await
}

pub(crate) fn is_replica(said: &Said, node: NodeId) -> bool {
    let bus = server(said, node).and_then(|server| server.bus.as_ref());
    bus.is_some_and(|bus| matches!(bus.role, Role::Replica { .. }))
}

/// The position of the primary of shard 0, and of another node to ask.
pub(crate) async fn first_primary(cluster: &Cluster) -> (NodeId, usize, usize) {
    let said = cluster.operator(0).converged().await;
    let node = primary(&said, 0).expect("a primary");
    let position = cluster.position(node);
    (node, position, (position + 1) % cluster.nodes.len())
}

/// Waits until the fences are closed, in a cluster that has them.
pub(crate) async fn fenced(cluster: &Cluster, from: usize, shards: u16) {
    let closed = |fence: &&Fence| **fence == Fence::Closed;
    let all = |said: &Said| said.record().fences.values().filter(closed).count() == usize::from(shards);
    if shards < 3 {
        cluster.operator(from).until("the fences are closed", all).await;
    }
}

async fn process_of_a_primary_dies(server: &Path, shards: u16, replicas: u16) {
    let cluster = Cluster::formed(server, shards, replicas, |_| {}).await;
    let (old, position, other) = first_primary(&cluster).await;
    fenced(&cluster, other, shards).await;
    let writer = Writer::begin(&cluster, 0).await;
    kill(&cluster.nodes[position].noted_server().expect("a server"));
    let killed = Instant::now();
    writer.goes_on(100).await;
    let said = led_by(&cluster, other, 0, |node| node != old).await;
    assert!(is_replica(&said, old), "who was dead comes back as a replica");
    assert!(said.record().takeovers.is_empty());
    let report = writer.end().await;
    eprintln!("{shards} x {replicas}: writes resumed after {:?}", report.gap);
    report.lost_only_in(&[around(killed)]);
    assert!(report.gap < ALONE, "the servers alone would have been as fast: {:?}", report.gap);
}

#[tokio::test]
async fn a_replica_takes_over_at_once_when_its_primarys_process_dies_redis() {
    process_of_a_primary_dies(&redis(), 3, 1).await;
}

#[tokio::test]
async fn a_replica_takes_over_at_once_when_its_primarys_process_dies_valkey() {
    process_of_a_primary_dies(&valkey(), 3, 1).await;
}

#[tokio::test]
async fn so_it_does_in_a_cluster_of_one_shard() {
    process_of_a_primary_dies(&redis(), 1, 2).await;
}

#[tokio::test]
async fn so_it_does_in_a_cluster_of_two_shards() {
    process_of_a_primary_dies(&valkey(), 2, 1).await;
}

#[tokio::test]
async fn on_crash_restart_starts_it_where_it_is() {
    let wanted = |record: &mut Record| record.spec.on_crash = OnCrash::Restart;
    let cluster = Cluster::formed(&redis(), 3, 1, wanted).await;
    let (old, position, other) = first_primary(&cluster).await;
    let writer = Writer::begin(&cluster, 0).await;
    let dead = cluster.nodes[position].noted_server().expect("a server");
    kill(&dead);
    let killed = Instant::now();
    writer.goes_on(100).await;
    let said = led_by(&cluster, other, 0, |node| node == old).await;
    assert_ne!(server(&said, old).expect("a server").pid, dead.pid);
    writer.end().await.lost_only_in(&[unsynced(killed)]);
}

#[tokio::test]
async fn a_primary_without_persistence_never_comes_back_empty() {
    let unpersisted = |record: &mut Record| {
        record.spec.on_crash = OnCrash::Restart;
        record.spec.config.insert("appendonly".to_owned(), "no".to_owned());
        record.spec.config.insert("save".to_owned(), String::new());
    };
    let cluster = Cluster::formed(&redis(), 3, 1, unpersisted).await;
    let (old, position, other) = first_primary(&cluster).await;
    let writer = Writer::begin(&cluster, 0).await;
    kill(&cluster.nodes[position].noted_server().expect("a server"));
    let killed = Instant::now();
    writer.goes_on(100).await;
    let said = led_by(&cluster, other, 0, |node| node != old).await;
    assert!(is_replica(&said, old));
    writer.end().await.lost_only_in(&[around(killed)]);
}

/// The machine of a primary stands still, and goes on later.
async fn machine_freezes(server: &Path, shards: u16, replicas: u16) {
    let cluster = Cluster::formed(server, shards, replicas, |_| {}).await;
    let (old, position, other) = first_primary(&cluster).await;
    fenced(&cluster, other, shards).await;
    let writer = Writer::begin(&cluster, 0).await;
    let beside = if shards > 1 { Some(Writer::begin(&cluster, 1).await) } else { None };
    let server = cluster.nodes[position].noted_server().expect("a server").pid;
    let agent = cluster.agents[&old].process.pid;
    signal(server, "-STOP");
    let frozen = Instant::now();
    signal(agent, "-STOP");
    writer.goes_on(100).await;
    if let Some(beside) = beside {
        beside.goes_on(100).await;
        let report = beside.end().await;
        eprintln!("{shards} x {replicas} frozen: the other shard took no writes for {:?}", report.gap);
        report.lost_nothing();
        assert_eq!(report.servers, 1);
    }
    signal(agent, "-CONT");
    signal(server, "-CONT");
    let said = led_by(&cluster, other, 0, |node| node != old).await;
    assert!(is_replica(&said, old), "who stood still comes back as a replica");
    let report = writer.end().await;
    eprintln!("{shards} x {replicas} frozen: writes resumed after {:?}", report.gap);
    report.lost_only_in(&[around(frozen)]);
}

#[tokio::test]
async fn another_takes_over_from_a_machine_that_stands_still() {
    machine_freezes(&redis(), 3, 1).await;
}

#[tokio::test]
async fn also_in_a_cluster_of_one_shard() {
    machine_freezes(&valkey(), 1, 2).await;
}

#[tokio::test]
async fn also_in_a_cluster_of_two_shards() {
    machine_freezes(&redis(), 2, 1).await;
}

#[tokio::test]
async fn agent_and_server_of_a_primary_die_together() {
    let mut cluster = Cluster::formed(&valkey(), 3, 1, |_| {}).await;
    let (old, position, other) = first_primary(&cluster).await;
    let writer = Writer::begin(&cluster, 0).await;
    let server = cluster.nodes[position].noted_server().expect("a server");
    cluster.nodes[position].kill_agent();
    kill(&server);
    let killed = Instant::now();
    // The servers' own election; nobody was there to ask for one.
    writer.goes_on(100).await;
    cluster.restart_agent(position);
    let said = led_by(&cluster, other, 0, |node| node != old).await;
    assert!(is_replica(&said, old));
    writer.end().await.lost_only_in(&[around(killed)]);
}

#[tokio::test]
async fn everything_dies_at_once_and_comes_back_with_its_data() {
    let mut cluster = Cluster::formed(&redis(), 3, 1, |_| {}).await;
    let (_, position, _) = first_primary(&cluster).await;
    let writer = Writer::begin(&cluster, 0).await;
    // An append-only file is synced once a second; what was written a moment ago may be lost with a machine, but not with
    // its processes.
    let servers: Vec<_> = cluster.nodes.iter().map(|node| node.noted_server().expect("a server")).collect();
    for node in &cluster.nodes {
        node.kill_agent();
    }
    for server in &servers {
        kill(server);
    }
    let killed = Instant::now();
    for position in 0..cluster.nodes.len() {
        cluster.restart_agent(position);
    }
    cluster.operator(position).converged().await;
    writer.goes_on(10).await;
    writer.end().await.lost_only_in(&[unsynced(killed)]);
}

#[tokio::test]
async fn the_agent_that_leads_is_killed_and_another_leads() {
    let mut cluster = Cluster::formed(&redis(), 3, 1, |_| {}).await;
    let said = cluster.operator(0).converged().await;
    let leader = said.leader.expect("a leader");
    let position = cluster.position(leader);
    let other = (position + 1) % cluster.nodes.len();
    let generation = said.record().generation;
    let server = cluster.nodes[position].noted_server().expect("a server");
    cluster.nodes[position].kill_agent();
    let led = |said: &Said| said.leader.is_some_and(|now| now != leader);
    cluster.operator(other).until("another leader", led).await;
    let taken = cluster.operator(other).change(|record| record.unclaimed = false).await;
    assert!(taken.generation > generation, "the others can still decide");
    cluster.restart_agent(position);
    let said = cluster.operator(position).converged().await;
    assert!(said.record().generation >= taken.generation);
    assert_eq!(cluster.nodes[position].noted_server(), Some(server), "its server was never disturbed");
}

#[tokio::test]
async fn a_primary_whose_agent_does_not_lead_comes_back_as_a_replica_too() {
    let cluster = Cluster::formed(&redis(), 1, 2, |_| {}).await;
    let (first, position, _) = first_primary(&cluster).await;
    fenced(&cluster, position, 1).await;
    kill(&cluster.nodes[position].noted_server().expect("a server"));
    let said = led_by(&cluster, position, 0, |node| node != first).await;
    // Now the agent that leads is not the primary's own.
    let second = primary(&said, 0).expect("a primary");
    assert_ne!(said.leader, Some(second));
    fenced(&cluster, position, 1).await;
    kill(&cluster.nodes[cluster.position(second)].noted_server().expect("a server"));
    let said = led_by(&cluster, position, 0, |node| node != second).await;
    assert!(is_replica(&said, second));
}

#[tokio::test]
async fn a_primary_whose_agent_is_dead_goes_on_as_it_is() {
    let mut cluster = Cluster::formed(&redis(), 1, 2, |_| {}).await;
    let (node, position, other) = first_primary(&cluster).await;
    fenced(&cluster, other, 1).await;
    let writer = Writer::begin(&cluster, 0).await;
    cluster.nodes[position].kill_agent();
    let led = |said: &Said| said.leader.is_some_and(|leader| leader != node) && !said.waiting.is_empty();
    let before = cluster.operator(other).until("another agent leads", led).await.record().generation;
    // As long as a takeover by mistake would need, and more.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        writer.goes_on(20).await;
    }
    let said = cluster.operator(other).status().await.expect("a status");
    assert!(said.record().takeovers.is_empty(), "its replicas hear from it");
    assert!(said.record().generation.get() <= before.get() + 1, "nothing was decided over and over");
    cluster.restart_agent(position);
    let said = cluster.operator(other).converged().await;
    assert_eq!(primary(&said, 0), Some(node));
    let report = writer.end().await;
    report.lost_nothing();
    assert_eq!(report.servers, 1);
}

#[tokio::test]
async fn a_node_that_lost_its_data_gets_them_from_another() {
    let cluster = Cluster::formed(&valkey(), 3, 1, |_| {}).await;
    let writer = Writer::begin(&cluster, 0).await;
    let (first, position, _) = first_primary(&cluster).await;
    let replica = (position + 1..cluster.nodes.len()).find(|at| cluster.nodes[*at].seat().shard == 0);
    let mut kills = Vec::new();
    for position in [replica.expect("its replica"), position] {
        let node = &cluster.nodes[position];
        let earlier = node.noted_server().expect("a server");
        std::fs::remove_dir_all(node.file("data")).expect("lost");
        kill(&earlier);
        kills.push(Instant::now());
        writer.goes_on(50).await;
        // Not what was seen before it died.
        let anew = |said: &Said| server(said, node.order.claim.node).is_some_and(|server| server.pid != earlier.pid);
        let back = |said: &Said| said.converged && anew(said);
        cluster.operator(4).until("everything is at rest", back).await;
    }
    let said = cluster.operator(4).converged().await;
    assert!(is_replica(&said, first), "whose data were lost is no primary any more");
    writer.end().await.lost_only_in(&kills.into_iter().map(around).collect::<Vec<_>>());
}
