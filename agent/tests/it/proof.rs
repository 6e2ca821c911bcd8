//! The report of an operation: what was disturbed, in which order, and that no write was lost by it.

use justmanage_agent_proto::v1::JournalRequest;
use justmanage_model::journal::{Entry, Event};
use justmanage_model::record::Operation::{Handover, Restart};
use justmanage_model::{NodeId, OperationReport, Record};

use crate::cluster::{Cluster, primary};
use crate::operator::Said;
use crate::servers::{redis, valkey};
use crate::wait::until;

fn io_threads(record: &mut Record, value: &str) {
    record.spec.config.insert("io-threads".into(), value.into());
}

/// The operation is over, and whoever leads says what it came to.
async fn reported(cluster: &Cluster, position: usize) -> (Said, OperationReport) {
    let done = |said: &Said| said.converged && said.report.is_some();
    let mut operator = cluster.operator(position);
    // Longer than one look waits: each step is news, but a roll of six takes its time on a busy machine.
    for _ in 0..20 {
        let generation = operator.status().await.expect("a status").record().generation;
        let moved = move |said: &Said| done(said) || said.record().generation > generation;
        let said = operator.until("it goes on", moved).await;
        if done(&said) {
            let report = said.report.clone().expect("a report");
            return (said, report);
        }
    }
    panic!("it is not over");
}

/// What was done in each shard, in its order.
fn in_order(before: &Said, report: &OperationReport, shards: u16) {
    let record = before.record();
    let expected: Vec<_> = (0..shards)
        .flat_map(|shard| {
            let old = primary(before, shard).expect("a primary");
            let mut members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
            let heir = members.find(|(node, _)| **node != old).map(|(node, _)| *node).expect("a replica");
            [(heir, Restart), (heir, Handover), (old, Restart)]
        })
        .collect();
    let steps: Vec<(NodeId, _)> = report.steps.iter().map(|step| (step.node, step.operation)).collect();
    assert_eq!(steps, expected, "{report}");
    assert!(report.steps.iter().all(|step| step.took_ms > 0 && step.began >= report.began), "{report}");
}

fn nothing_is_lost(report: &OperationReport, shards: u16) {
    assert!(report.is_proof(), "{report}");
    each_is_probed(report, shards);
}

fn each_is_probed(report: &OperationReport, shards: u16) {
    eprintln!("{report}");
    assert_eq!(report.shards.len(), usize::from(shards));
    for (shard, proof) in &report.shards {
        let proof = proof.expect("it was probed");
        assert!(proof.acknowledged > 20, "shard {shard}: {report}");
        // Somebody took over, so there was a pause; and writers are held back for five seconds only where that failed.
        assert!((1..5000).contains(&proof.longest_pause_ms), "shard {shard}: {report}");
    }
}

/// Nothing of the probe is left in the servers.
fn no_key_is_left(cluster: &Cluster) {
    for node in &cluster.nodes {
        until("the probe's key is gone", || node.redis(&["KEYS", "justmanage:*"]).is_empty().then_some(()));
    }
}

async fn journal(cluster: &Cluster) -> Vec<Entry> {
    let mut entries = Vec::new();
    for position in 0..cluster.nodes.len() {
        let request = JournalRequest { after: 0, limit: 0 };
        let reply = cluster.operator(position).client.journal(request).await.expect("a journal").into_inner();
        entries.extend(serde_json::from_slice::<Vec<Entry>>(&reply.entries).expect("entries"));
    }
    entries
}

#[tokio::test]
async fn a_rolling_restart_is_told_step_by_step() {
    let cluster = Cluster::formed(&redis(), 3, 1, |_| {}).await;
    let before = cluster.operator(0).converged().await;
    assert_eq!(before.report, None, "making a cluster disturbs nobody");
    cluster.operator(0).change(|record| io_threads(record, "2")).await;
    let (_, report) = reported(&cluster, 1).await;
    assert_eq!(report.what, "rolling restart for config io-threads");
    assert_eq!(report.outcome(), "done");
    in_order(&before, &report, 3);
    nothing_is_lost(&report, 3);
    let entries = journal(&cluster).await;
    let told: Vec<_> = entries.iter().filter(|entry| matches!(entry.what, Event::Operation(_))).collect();
    assert_eq!(told.len(), 1, "whoever led wrote it down");
    assert_eq!(told[0].what, Event::Operation(Box::new(report)));
    no_key_is_left(&cluster);
}

#[tokio::test]
async fn a_node_without_replicas_is_watched_from_before_it_stops() {
    let cluster = Cluster::formed(&valkey(), 1, 0, |_| {}).await;
    cluster.operator(0).converged().await;
    cluster.operator(0).change(|record| io_threads(record, "2")).await;
    let (after, report) = reported(&cluster, 0).await;
    eprintln!("{report}");
    assert!(report.is_proof(), "{report}");
    let steps: Vec<_> = report.steps.iter().map(|step| (step.node, step.operation)).collect();
    assert_eq!(steps, [(primary(&after, 0).expect("the node"), Restart)]);
    assert!(report.total().longest_pause_ms >= 20, "a server does not start within that: {report}");
    // Another one later is another report.
    cluster.operator(0).change(|record| io_threads(record, "3")).await;
    let newer = |said: &Said| said.converged && said.report.as_ref().is_some_and(|now| now.began > report.ended);
    let second = cluster.operator(0).until("the second is over", newer).await.report.expect("a report");
    assert!(second.is_proof() && second.steps.len() == 1, "{second}");
}

#[tokio::test]
async fn what_was_flushed_on_the_way_is_neither_lost_nor_proven() {
    let flushes = |record: &mut Record| {
        for user in record.users.values_mut() {
            user.acl = format!("{} +flushall", user.acl).parse().expect("rules");
        }
    };
    let cluster = Cluster::formed(&valkey(), 1, 1, flushes).await;
    let before = cluster.operator(0).converged().await;
    cluster.operator(0).change(|record| io_threads(record, "2")).await;
    let probed = |said: &Said| {
        let nodes = said.cluster.nodes.values().filter_map(|seen| seen.known()?.probe);
        nodes.into_iter().any(|tally| tally.ready && tally.proof.acknowledged > 0)
    };
    cluster.operator(0).until("the shard is probed", probed).await;
    let at = cluster.position(primary(&before, 0).expect("a primary"));
    until("it is flushed", || (cluster.nodes[at].redis(&["FLUSHALL"]) == "OK").then_some(()));
    let (_, report) = reported(&cluster, 0).await;
    eprintln!("{report}");
    let total = report.total();
    assert!(total.acknowledged > 0 && total.lost == 0 && total.unproven > 0, "{report}");
    assert!(!report.is_proof());
    assert_eq!(report.outcome(), "done");
}

#[tokio::test]
async fn whoever_leads_at_the_end_tells_the_whole_of_it() {
    let mut cluster = Cluster::formed(&valkey(), 3, 1, |_| {}).await;
    let before = cluster.operator(0).converged().await;
    cluster.operator(0).change(|record| io_threads(record, "2")).await;
    let handed_over = |said: &Said| primary(said, 0).is_some() && primary(said, 0) != primary(&before, 0);
    let said = cluster.operator(0).until("the first shard was handed over", handed_over).await;
    let leader = cluster.position(said.leader.expect("a leader"));
    cluster.nodes[leader].kill_agent();
    let other = (leader + 1) % cluster.nodes.len();
    let anew = |now: &Said| now.leader.is_some() && now.leader != said.leader;
    cluster.operator(other).until("another one leads", anew).await;
    cluster.restart_agent(leader);
    let (after, report) = reported(&cluster, other).await;
    assert_ne!(after.leader, said.leader);
    assert_eq!(report.what, "rolling restart for config io-threads");
    in_order(&before, &report, 3);
    each_is_probed(&report, 3);
    // A probe that is killed in the middle of a handover cannot say whether its last write was acknowledged.
    let total = report.total();
    assert!(total.lost == 0 && total.unproven <= 1, "{report}");
}
