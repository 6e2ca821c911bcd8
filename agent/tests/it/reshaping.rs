//! A cluster gets another number of shards while clients write: slots move, whoever dies meanwhile, and no write is lost.

use std::time::{Duration, Instant};

use justmanage_model::{ClusterSpec, MoveTally, NodeId, Record, Role, Seen};

use crate::cluster::{Cluster, primary, server};
use crate::counters::{Counters, Data, Heavy, Ways};
use crate::node::kill;
use crate::operator::{Said, record_of};
use crate::servers::find;

/// How many keys there are. Few: each slot that has one costs a write to the disk at both servers, and disks may be slow.
const KEYS: usize = 1500;
/// Longest time for the whole of it, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(150);

/// Agents of so many shards, of which only the first ones are members.
async fn formed(line: &str, (shards, all): (u16, u16), replicas: u16) -> Cluster {
    let cluster = Cluster::started(&find(line), all, replicas);
    let members = usize::from(shards) * (1 + usize::from(replicas));
    let pairs: Vec<_> =
        cluster.nodes[..members].iter().map(|node| (node, &cluster.agents[&node.order.claim.node])).collect();
    let record = record_of(&pairs, shards, replicas);
    for position in 0..members {
        cluster.operator(position).invite(&record).await.expect("an invitation");
    }
    cluster.operator(0).found_group(record.epoch).await.expect("founded");
    cluster.operator(0).converged().await;
    cluster
}

/// Asks for so many shards; the nodes of new ones become members, as an apply does it.
async fn ask_for(cluster: &Cluster, shards: u16) -> Record {
    let record = cluster
        .operator(0)
        .change(|record| {
            record.set_spec(ClusterSpec { shards, ..record.spec.clone() });
            for agent in
                cluster.agents.values().filter(|agent| agent.claim.seat.is_some_and(|seat| seat.shard < shards))
            {
                record
                    .members
                    .entry(agent.claim.node)
                    .or_insert_with(|| agent.member(agent.claim.seat.expect("a seat")));
            }
            record.raise_layout();
        })
        .await;
    let new = cluster.nodes.iter().enumerate();
    for (position, _) in new.filter(|(_, node)| node.seat().shard >= record.least_shape().shards) {
        if cluster.nodes[position].seat().shard < shards {
            cluster.operator(position).invite(&record).await.expect("an invitation");
        }
    }
    record
}

/// Slots that the primary of a shard owns, as whoever leads sees it.
fn owned(said: &Said, shard: u16) -> u16 {
    let head = primary(said, shard).and_then(|node| server(said, node)?.bus.as_ref());
    head.map_or(0, |bus| bus.slots.len())
}

fn tally(said: &Said, node: NodeId) -> Option<MoveTally> {
    match said.cluster.nodes.get(&node)? {
        Seen::Known(seen) => seen.moving.clone(),
        Seen::Unknown { .. } => None,
    }
}

/// Waits, for longer than one look, as long as it takes to get another shape.
async fn until(cluster: &Cluster, position: usize, what: &str, wanted: impl Fn(&Said) -> bool) -> Said {
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < LIMIT {
        match cluster.operator(position).status().await {
            Ok(said) if wanted(&said) => return said,
            Ok(said) => last = Some(said),
            // Its agent is being started again.
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not in time; now {last:#?}");
}

/// It has this shape, everybody agrees, and nothing goes on.
async fn settled(cluster: &Cluster, position: usize, shards: u16) -> Said {
    let done = |said: &Said| said.converged && said.record().reshaping.is_none() && said.record().grant.is_none();
    let said = until(cluster, position, "it has another shape", done).await;
    let each = 16384 / shards;
    for shard in 0..shards {
        let slots = owned(&said, shard);
        assert!((each..=each + 1).contains(&slots), "shard {shard} has {slots} slots");
    }
    assert_eq!(said.record().halt, None);
    for node in said.record().members.keys() {
        let server = server(&said, *node).expect("a server that runs");
        assert_eq!(server.config["appendfsync"], "everysec", "it is put back");
        assert!(server.bus.as_ref().is_some_and(|bus| bus.astray.is_empty()));
    }
    said
}

/// Who is killed in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Nobody,
    SourceAgent,
    SourceServer,
    TargetAgent,
    TargetServer,
}

async fn grow(line: &str, (from, to): (u16, u16), victim: Victim) {
    let mut cluster = formed(line, (from, to), 1).await;
    let ways = Ways::to(&cluster);
    let data = Data::write(&ways, KEYS).await;
    let counters = Counters::begin(&ways, 3).await;
    let before = cluster.operator(0).converged().await;
    ask_for(&cluster, to).await;
    if victim != Victim::Nobody {
        let last = to - 1;
        // All of them, perhaps, where the machine is fast.
        let under_way = |said: &Said| owned(said, last) > 0;
        let said = until(&cluster, 2, "slots are on their way", under_way).await;
        // Whoever has most left to give, and whoever gets it.
        let source = (0..from).max_by_key(|shard| owned(&said, *shard)).and_then(|shard| primary(&before, shard));
        let (source, target) = (source.expect("a primary"), primary(&said, last).expect("a primary"));
        eprintln!("{victim:?} is killed: {} slots have moved", owned(&said, last));
        match victim {
            Victim::SourceAgent | Victim::TargetAgent => {
                let position = cluster.position(if victim == Victim::SourceAgent { source } else { target });
                cluster.nodes[position].kill_agent();
                counters.go_on(50).await;
                cluster.restart_agent(position);
            }
            Victim::SourceServer | Victim::TargetServer => {
                let position = cluster.position(if victim == Victim::SourceServer { source } else { target });
                kill(&cluster.nodes[position].noted_server().expect("a server"));
            }
            Victim::Nobody => {}
        }
    }
    let said = settled(&cluster, 0, to).await;
    counters.go_on(100).await;
    let (gap, acknowledged) = counters.end().await;
    eprintln!("{line}, {victim:?}: longest pause {gap:?}, {acknowledged} acknowledged");
    data.check(&ways).await;
    if victim == Victim::Nobody {
        let moved: u64 =
            (0..from).filter_map(|shard| tally(&said, primary(&said, shard)?)).map(|tally| tally.slots).sum();
        assert_eq!(moved, u64::from(16384 / to * (to - from)));
    }
    let replica = |node: &NodeId| {
        let bus = server(&said, *node).and_then(|server| server.bus.as_ref());
        bus.is_some_and(|bus| matches!(bus.role, Role::Replica { .. }))
    };
    assert_eq!(
        said.record().members.keys().filter(|node| replica(node)).count(),
        usize::from(to),
        "each shard has its replica"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_shard_by_parcels() {
    grow("redis-7.2.", (3, 4), Victim::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_shard_at_one_moment() {
    grow("valkey-9.1.", (3, 4), Victim::Nobody).await;
}

/// From where a majority of agents decides on failovers to where a majority of primaries does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_shard_becomes_three() {
    grow("redis-7.2.", (1, 3), Victim::Nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_of_a_source_is_killed() {
    grow("redis-7.2.", (3, 4), Victim::SourceAgent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_of_a_source_is_killed() {
    grow("redis-7.2.", (3, 4), Victim::SourceServer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_of_the_target_is_killed() {
    grow("redis-7.2.", (3, 4), Victim::TargetAgent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_of_the_target_is_killed() {
    grow("redis-7.2.", (3, 4), Victim::TargetServer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_of_the_target_is_killed_where_slots_move_whole() {
    grow("valkey-9.1.", (3, 4), Victim::TargetServer).await;
}

/// Where data lie in a run of slots at one end, shards with as many slots each would be far from having as much data each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_shard_gets_its_share_of_the_bytes_and_not_of_the_slots_alone() {
    let cluster = formed("redis-7.2.", (2, 3), 0).await;
    let ways = Ways::to(&cluster);
    // The first slots of either shard: by their number alone, slots are given away from the other end.
    let heavy = Heavy::write(&ways, &[0..1024, 8192..9216]).await;
    let bytes = heavy.at_each(&ways, &cluster).await;
    assert_eq!(bytes.iter().filter(|bytes| **bytes > 0).count(), 2, "{bytes:?}");
    ask_for(&cluster, 3).await;
    let done = |said: &Said| said.converged && said.record().reshaping.is_none() && said.record().grant.is_none();
    let said = until(&cluster, 0, "it has another shape", done).await;
    for shard in 0..3 {
        assert!((5461..=5462).contains(&owned(&said, shard)), "shard {shard} has {} slots", owned(&said, shard));
    }
    let bytes = heavy.at_each(&ways, &cluster).await;
    let share = bytes.iter().sum::<usize>() / 3;
    let even = |bytes: &usize| (share * 85 / 100..=share * 115 / 100).contains(bytes);
    assert!(bytes.iter().filter(|bytes| even(bytes)).count() == 3, "{bytes:?}: not {share} each");
}
