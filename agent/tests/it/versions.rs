//! From one release to another, with clients that write all the while.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use justmanage_model::record::Operation;
use justmanage_model::{NodeId, Program, Record, ReleaseTarget};

use crate::cluster::{Cluster, primary, server};
use crate::node::{inspect, kill};
use crate::operator::Said;
use crate::servers::{self, find, patch};
use crate::writer::{Writer, around};

fn program(server: &Path) -> Program {
    let found = inspect(&servers::program(server));
    let artefact = justmanage_model::Artefact::new(&found.path, &found.sha256).expect("an artefact");
    Program { release: found.release, artefact }
}

/// As the core does it.
fn go_over(record: &mut Record, to: &Program) {
    record.spec.engine = to.release.engine;
    record.spec.version = ReleaseTarget::Exactly(to.release.version);
    record.halt = None;
    record.go_over_to(to.clone());
}

fn release(said: &Said, node: NodeId) -> Option<String> {
    Some(server(said, node)?.release.to_string())
}

async fn until_all_run(cluster: &Cluster, to: &Program, shards: u16) -> Said {
    let wanted = to.release.to_string().split(" (").next().expect("a word").to_owned();
    for shard in 0..shards {
        let runs = |said: &Said| {
            let record = said.record();
            let mut members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
            members.all(|(node, _)| release(said, *node).as_ref() == Some(&wanted))
        };
        cluster.operator(0).until(&format!("shard {shard} runs {wanted}"), runs).await;
    }
    cluster
        .operator(0)
        .until("where they came from is forgotten", |said| {
            said.converged && said.record().grant.is_none() && said.record().previous.is_none()
        })
        .await
}

/// Without TLS where the servers that are there before have none.
async fn go(from: &Path, to: &Path, shards: u16, replicas: u16) {
    let to = program(to);
    let started = Cluster::started(from, shards, replicas);
    let plaintext = !started.nodes[0].program.tls;
    let cluster = started.form(shards, replicas, |record| record.spec.testing.plaintext = plaintext).await;
    let before = cluster.operator(0).converged().await;
    let writers = Writer::at_each(&cluster, shards).await;
    let began = std::time::Instant::now();
    cluster.operator(0).change(|record| go_over(record, &to)).await;
    let after = until_all_run(&cluster, &to, shards).await;
    eprintln!("{} -> {}: {:?}", before.record().release, to.release, began.elapsed());
    assert_eq!(after.record().halt, None);
    let report = after.report.clone().expect("a report");
    eprintln!("{report}");
    assert!(report.is_proof() && report.what.ends_with(&to.release.to_string()), "{report}");
    for (shard, writer) in (0..shards).zip(writers) {
        writer.goes_on(20).await;
        let report = writer.end().await;
        eprintln!("shard {shard}: longest pause {:?}, {} acknowledged", report.gap, report.acknowledged);
        report.lost_nothing();
        assert_ne!(primary(&after, shard), primary(&before, shard), "it has handed over");
    }
}

#[tokio::test]
async fn redis_to_the_next_line() {
    go(&find("redis-7.0."), &find("redis-7.2."), 3, 1).await;
}

#[tokio::test]
async fn redis_to_valkey() {
    go(&find("redis-7.2."), &find("valkey-8.1."), 3, 1).await;
}

#[tokio::test]
async fn valkey_down_again() {
    go(&find("valkey-9.1.2"), &find("valkey-8.1."), 3, 1).await;
}

#[tokio::test]
async fn valkey_without_tls_to_the_next_patch() {
    go(&patch("valkey-9.1.1"), &find("valkey-9.1.2"), 3, 1).await;
}

#[tokio::test]
async fn valkey_without_tls_over_several_lines() {
    go(&patch("valkey-8.1.8"), &patch("valkey-9.1.1"), 3, 1).await;
}

#[tokio::test]
async fn one_shard_over_several_lines() {
    go(&find("redis-7.0."), &find("valkey-9.1.2"), 1, 2).await;
}

/// What the file says that it is, it is, and it does not start; which it knows after so many seconds.
fn unfit(home: &Path, seconds: u8) -> Program {
    let path = home.join("redis-server");
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) echo 'Redis server v=7.2.99 sha=00000000:0 malloc=jemalloc bits=64 build=0';; \
         *) sleep {seconds}; echo 'no such thing as a server'; exit 3;; esac\n"
    );
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
    let found = inspect(&path);
    let artefact = justmanage_model::Artefact::new(&found.path, &found.sha256).expect("an artefact");
    Program { release: found.release, artefact }
}

#[tokio::test]
async fn a_release_that_does_not_start_ends_after_one_replica_and_all_is_as_before() {
    let home = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::formed(&servers::redis(), 3, 1, |_| {}).await;
    let before = cluster.operator(0).converged().await;
    let old = before.record().program();
    let writer = Writer::begin(&cluster, 0).await;
    let bad = unfit(home.path(), 0);
    cluster.operator(0).change(|record| go_over(record, &bad)).await;
    let halted = |said: &Said| {
        let record = said.record();
        record.halt.is_some() && record.grant.is_none()
    };
    let after = cluster.operator(0).until("it is halted, and the replica is back", halted).await;
    let what = after.record().halt.expect("a reason").what;
    assert!(what.contains("redis 7.2.99 is not fit") && what.contains("no such thing as a server"), "{what}");
    let halted = |said: &Said| said.report.as_ref().is_some_and(|report| report.halted.is_some());
    let report = cluster.operator(0).until("it is told", halted).await.report.expect("a report");
    let steps: Vec<_> = report.steps.iter().map(|step| step.operation).collect();
    assert_eq!(steps, [Operation::Restart, Operation::PutBack], "{report}");
    assert!(report.is_proof() && report.outcome().starts_with("halted: redis 7.2.99 is not fit"), "{report}");
    let all = |said: &Said| {
        let record = said.record();
        record
            .members
            .keys()
            .all(|node| server(said, *node).is_some_and(|server| old.release.agrees_with(&server.release)))
    };
    let after = cluster.operator(0).until("every server runs the old release", all).await;
    for shard in 0..3 {
        assert_eq!(primary(&after, shard), primary(&before, shard), "nobody was disturbed but one replica");
    }
    // Back, at an operator's word: nothing is left to do.
    cluster.operator(0).change(|record| go_over(record, &old)).await;
    let forgotten = |said: &Said| said.converged && said.record().previous.is_none() && said.record().halt.is_none();
    cluster.operator(0).until("it is as if nothing had been", forgotten).await;
    writer.end().await.lost_nothing();
}

#[tokio::test]
async fn what_a_replica_saved_when_it_was_stopped_is_there_when_its_primary_dies_before_it_runs_again() {
    let home = tempfile::tempdir().expect("a directory");
    let unpersisted = |record: &mut Record| {
        for (key, value) in [("appendonly", "no"), ("save", "")] {
            record.spec.config.insert(key.to_owned(), value.to_owned());
        }
    };
    let cluster = Cluster::formed(&servers::redis(), 3, 1, unpersisted).await;
    let before = cluster.operator(0).converged().await;
    let old = before.record().program();
    let writers = Writer::at_each(&cluster, 3).await;
    let (asked, bad) = (Instant::now(), unfit(home.path(), 5));
    cluster.operator(0).change(|record| go_over(record, &bad)).await;
    let granted = |said: &Said| said.record().grant.as_ref().and_then(|grant| grant.nodes.iter().next().copied());
    let stopped = |said: &Said| granted(said).is_some_and(|node| server(said, node).is_none());
    let said = cluster.operator(0).until("the first replica is stopped", stopped).await;
    let heir = granted(&said).expect("a node");
    let shard = said.record().shard_of(heir).expect("its shard");
    let dead = primary(&before, shard).expect("a primary");
    kill(&cluster.nodes[cluster.position(dead)].noted_server().expect("a server"));
    let killed = Instant::now();
    let leads = |said: &Said| primary(said, shard) == Some(heir) && said.record().halt.is_some();
    cluster.operator(0).until("it is put back, and leads with what it saved", leads).await;
    for writer in &writers {
        writer.goes_on(20).await;
    }
    cluster.operator(0).change(|record| go_over(record, &old)).await;
    let whole = |said: &Said| said.converged && said.record().previous.is_none() && said.record().halt.is_none();
    cluster.operator(0).until("who died follows it, and all is as it was", whole).await;
    for (one, writer) in (0..3).zip(writers) {
        let report = writer.end().await;
        // What was acknowledged after the replica had ended was nowhere else.
        if one == shard { report.lost_only_in(&[asked..around(killed).end]) } else { report.lost_nothing() }
    }
}

#[tokio::test]
async fn a_release_that_ends_by_itself_after_its_start_ends_the_roll_and_that_node_is_put_back() {
    let cluster = Cluster::formed(&find("redis-7.0."), 3, 1, |_| {}).await;
    let old = cluster.operator(0).converged().await.record().program();
    let to = program(&find("redis-7.2."));
    let writers = Writer::at_each(&cluster, 3).await;
    cluster.operator(0).change(|record| go_over(record, &to)).await;
    let has_gone =
        |said: &Said, node: NodeId| server(said, node).is_some_and(|one| to.release.agrees_with(&one.release));
    let first = |said: &Said| said.record().members.keys().copied().find(|node| has_gone(said, *node));
    let said = cluster.operator(0).until("the first has gone over", |said| first(said).is_some()).await;
    let node = first(&said).expect("a node");
    crate::node::signal(server(&said, node).expect("its server").pid, "-SEGV");
    let ended = Instant::now();
    let back = |said: &Said| {
        let record = said.record();
        let runs_old = server(said, node).is_some_and(|one| old.release.agrees_with(&one.release));
        record.halt.is_some() && record.grant.is_none() && runs_old
    };
    let after = cluster.operator(0).until("it is put back, and nothing goes on", back).await;
    let what = after.record().halt.expect("a reason").what;
    assert!(what.contains("redis 7.2") && what.contains(&format!("is not fit: on node {node}")), "{what}");
    // To the old release again, wherever it had come: nothing is left of it.
    cluster.operator(0).change(|record| go_over(record, &old)).await;
    let whole = |said: &Said| said.converged && said.record().previous.is_none() && said.record().halt.is_none();
    let after = cluster.operator(0).until("all run the old release", whole).await;
    assert!(after.record().members.keys().all(|node| !has_gone(&after, *node)));
    for (shard, writer) in (0..3).zip(writers) {
        let own = after.record().shard_of(node) == Some(shard);
        let report = writer.end().await;
        if own { report.lost_only_in(&[around(ended)]) } else { report.lost_nothing() }
    }
}

#[tokio::test]
async fn a_program_with_another_content_than_was_agreed_on_is_never_started() {
    let home = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::formed(&servers::redis(), 1, 1, |_| {}).await;
    let before = cluster.operator(0).converged().await;
    let path = home.path().join("redis-server");
    std::fs::write(&path, "something else").expect("written");
    let agreed = program(&find("redis-7.2."));
    let artefact = justmanage_model::Artefact::new(&path, agreed.artefact.sha256()).expect("an artefact");
    let to = Program { artefact, ..agreed };
    cluster.operator(0).change(|record| go_over(record, &to)).await;
    let says = |said: &Said| said.waiting.iter().any(|why| why.to_string().contains("its SHA-256 is"));
    let after = cluster.operator(0).until("it says why it does not go on", says).await;
    let pids = |said: &Said| -> Vec<Option<u32>> {
        said.record().members.keys().map(|node| Some(server(said, *node)?.pid)).collect()
    };
    assert_eq!(pids(&after), pids(&before), "nobody was stopped for it");
}
