//! A handover that fails, because nobody votes for it: what it was for does not go on, the cluster is whole, and no write is lost.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use justmanage_model::record::{NODE_TIMEOUT, Operation};
use justmanage_model::{Handover, NodeId, Record, Waiting};
use tempfile::TempDir;

use crate::cluster::{Cluster, primary, server};
use crate::forming::is_whole;
use crate::operator::Said;
use crate::rolling::{io_threads, until_all_have};
use crate::servers::{self, redis, valkey};
use crate::writer::Writer;

/// So many primaries that no majority is without both of the others.
const SHARDS: u16 = 3;
/// The message by which a replica asks for a vote, in the servers' protocol (`CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST`).
const VOTE_REQUEST: &str = "5";
/// No message at all.
const NOTHING: &str = "-1";

/// The same server with its `DEBUG` command, which no Record can ask for: a script that becomes the server.
fn debuggable(home: &Path, server: &Path) -> PathBuf {
    let place = home.join(server.file_name().expect("a name"));
    std::fs::create_dir_all(place.join("bin")).expect("a directory");
    let (real, script) = (servers::program(server), servers::program(&place));
    let real = real.display();
    // Whether a program knows TLS is asked of its file, so it has to be in this one.
    let text = format!(
        "#!/bin/sh\n# SSL_CTX_new\ncase \"$1\" in --version) exec '{real}' --version;; esac\n\
         exec '{real}' \"$@\" --enable-debug-command local\n"
    );
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("a program");
    symlink(servers::client(server), servers::client(&place)).expect("a link");
    place
}

/// What became of a handover to a node.
fn told(said: &Said, node: NodeId) -> Option<&Handover> {
    said.cluster.known(node)?.handover.as_ref()
}

/// A roll through a cluster under writers, in which nobody votes for the replica that is to take the first shard over.
struct Roll {
    cluster: Cluster,
    before: Said,
    /// That replica.
    heir: NodeId,
    /// The positions of the primaries of the other shards.
    voters: Vec<usize>,
    /// One for each shard.
    writers: Vec<Writer>,
    /// Where the server program is.
    _home: TempDir,
}

impl Roll {
    async fn begin(server: &Path) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let may_debug = |record: &mut Record| {
            for user in record.users.values_mut() {
                user.acl = format!("{} +debug", user.acl).parse().expect("rules");
            }
        };
        let cluster = Cluster::formed(&debuggable(home.path(), server), SHARDS, 1, may_debug).await;
        let before = cluster.operator(0).converged().await;
        let leads = |shard: u16| primary(&before, shard).expect("a primary");
        let (record, first) = (before.record(), leads(0));
        let follows = |node: &&NodeId| record.shard_of(**node) == Some(0) && **node != first;
        let heir = *record.members.keys().find(follows).expect("a replica");
        let voters = (1..SHARDS).map(|shard| cluster.position(leads(shard))).collect();
        let writers = Writer::at_each(&cluster, SHARDS).await;
        let roll = Self { cluster, before, heir, voters, writers, _home: home };
        roll.voters_drop(VOTE_REQUEST);
        let wanted = |record: &mut Record| drop(record.spec.config.insert("io-threads".into(), "2".into()));
        roll.cluster.operator(0).change(wanted).await;
        roll
    }

    /// Which messages the voters' servers drop from now on.
    fn voters_drop(&self, message: &str) {
        for voter in &self.voters {
            let answer = self.cluster.nodes[*voter].redis(&["DEBUG", "DROP-CLUSTER-PACKET-FILTER", message]);
            assert_eq!(answer, "OK");
        }
    }

    /// Each voter was asked for its vote so often at least, and did not hear it.
    fn was_not_heard(&self, times: usize) {
        for voter in &self.voters {
            let log = self.log(*voter);
            assert!(log.matches("matches debug drop filter").count() >= times, "it was not asked for votes:\n{log}");
        }
    }

    /// What the server of a node says in its log.
    fn log(&self, position: usize) -> String {
        std::fs::read_to_string(self.cluster.nodes[position].file("server.log")).expect("the server's log")
    }

    /// The cluster is whole, every shard has the primary that it had, and nobody but the replica was restarted.
    fn is_as_it_was(&self, said: &Said) {
        is_whole(said, SHARDS, 1);
        for shard in 0..SHARDS {
            assert_eq!(primary(said, shard), primary(&self.before, shard), "shard {shard} has changed hands");
        }
        let pid = |said: &Said, node: NodeId| server(said, node).map(|server| server.pid);
        for node in said.record().members.keys() {
            let is_heir = *node == self.heir;
            assert_eq!(pid(said, *node) != pid(&self.before, *node), is_heir, "the roll went on: node {node}");
            assert_eq!(io_threads(said, *node) == Some("2"), is_heir, "the roll went on: node {node}");
        }
    }

    /// Every shard takes writes.
    async fn is_written_to(&self) {
        for writer in &self.writers {
            writer.goes_on(50).await;
        }
    }

    /// The roll goes through all shards after all, and all that was ever acknowledged is there.
    async fn ends(self) -> Said {
        let after = until_all_have(&self.cluster, "2", SHARDS).await;
        assert_eq!(after.record().halt, None);
        for (shard, writer) in (0..SHARDS).zip(self.writers) {
            writer.goes_on(20).await;
            let report = writer.end().await;
            eprintln!("shard {shard}: longest pause {:?}, {} acknowledged", report.gap, report.acknowledged);
            report.lost_nothing();
            assert_ne!(primary(&after, shard), primary(&self.before, shard), "it has handed over");
        }
        after
    }
}

#[tokio::test]
async fn a_handover_that_gets_no_votes_stops_the_roll_and_the_cluster_stays_whole() {
    let roll = Roll::begin(&redis()).await;
    let heir = roll.heir;
    let mut operator = roll.cluster.operator(0);
    let waits = Waiting::HandingOver { shard: 0, to: heir };
    operator.until("it says what it waits for", |said| said.waiting.contains(&waits)).await;
    for tries in 1..=3 {
        let so_often = |said: &Said| told(said, heir).is_some_and(|told| told.tries >= tries);
        operator.until(&format!("the replica was told {tries} times"), so_often).await;
    }
    let halted = |said: &Said| said.record().halt.is_some();
    let said = operator.until("nothing goes on", halted).await;
    let what = said.record().halt.expect("a reason").what;
    let failed = format!("Node {heir} did not take shard 0 over in 3 tries: it did not get the votes");
    assert!(what.starts_with(&failed), "{what}");
    assert!(said.record().grant.is_none());
    roll.was_not_heard(3);
    roll.is_as_it_was(&said);

    let halted = |said: &Said| said.report.as_ref().is_some_and(|report| report.halted.is_some());
    let report = operator.until("it is told", halted).await.report.expect("a report");
    eprintln!("{report}");
    let steps: Vec<_> = report.steps.iter().map(|step| (step.node, step.operation)).collect();
    assert_eq!(steps, [(heir, Operation::Restart), (heir, Operation::Handover)], "{report}");
    assert!(report.is_proof() && report.outcome().starts_with(&format!("halted: {failed}")), "{report}");

    // Nobody tries again by himself, also when there would be votes.
    roll.is_written_to().await;
    roll.voters_drop(NOTHING);
    roll.is_written_to().await;
    let said = operator.status().await.expect("a status");
    assert!(said.record().halt.is_some() && said.record().grant.is_none());
    roll.is_as_it_was(&said);

    // Another apply.
    operator.change(|record| record.halt = None).await;
    roll.ends().await;
}

#[tokio::test]
async fn a_handover_that_failed_once_is_tried_again_and_the_roll_goes_on_by_itself() {
    let roll = Roll::begin(&valkey()).await;
    let (heir, position) = (roll.heir, roll.cluster.position(roll.heir));
    let mut operator = roll.cluster.operator(0);
    // By the server's word: that of its agent says only that it was told to.
    let failed = |_: &Said| roll.log(position).contains("Manual failover timed out");
    let said = operator.until("the handover has failed", failed).await;
    roll.was_not_heard(1);
    roll.is_as_it_was(&said);
    assert_eq!(said.record().halt, None);
    roll.is_written_to().await;
    roll.voters_drop(NOTHING);
    let after = roll.ends().await;
    assert!(told(&after, heir).is_some_and(|told| told.tries > 1), "{:?}", told(&after, heir));
}

/// Asks for a setting that only a start brings, or takes it back.
async fn want_io_threads(cluster: &Cluster, value: Option<&str>) {
    let change = |record: &mut Record| match value {
        Some(value) => drop(record.spec.config.insert("io-threads".into(), value.into())),
        None => drop(record.spec.config.remove("io-threads")),
    };
    cluster.operator(0).change(change).await;
}

/// A server that has won an election counts its votes once more for four node timeouts (Redis, and Valkey before 8.1): a second handover to
/// it would look like one to itself, and hold its writers back for five seconds.
#[tokio::test]
async fn a_shard_that_goes_to_and_fro_goes_by_no_votes_of_an_earlier_election() {
    let cluster = Cluster::formed(&redis(), SHARDS, 1, |_| {}).await;
    let mut operator = cluster.operator(0);
    let before = operator.converged().await;
    let first = primary(&before, 0).expect("a primary");
    let follows = |node: &&NodeId| before.record().shard_of(**node) == Some(0) && **node != first;
    let members = before.record().members;
    let heir = *members.keys().find(follows).expect("a replica");
    let promoted = |said: &Said| said.cluster.known(heir)?.promoted;
    let writers = Writer::at_each(&cluster, SHARDS).await;

    want_io_threads(&cluster, Some("2")).await;
    let leads = |said: &Said| primary(said, 0) == Some(heir) && promoted(said).is_some();
    let said = operator.until("it is handed over", leads).await;
    let (won, pid) = (promoted(&said).expect("a moment"), server(&said, heir).map(|server| server.pid));
    // Who handed over needs no start any more, and who has been started does.
    want_io_threads(&cluster, None).await;
    operator.until("it is handed back", |said| primary(said, 0) == Some(first)).await;
    want_io_threads(&cluster, Some("2")).await;
    let stale =
        |said: &Said| said.waiting.iter().any(|why| matches!(why, Waiting::VotesStale { node, .. } if *node == heir));
    operator.until("the votes are let go stale", stale).await;

    let after = until_all_have(&cluster, "2", SHARDS).await;
    assert_eq!(server(&after, heir).map(|server| server.pid), pid, "its votes would have died with its process");
    let again = promoted(&after).expect("it has the shard again");
    assert!(
        again.duration_since(won) >= jiff::SignedDuration::try_from(NODE_TIMEOUT * 4).expect("a time"),
        "{won}, {again}"
    );
    let log = std::fs::read_to_string(cluster.nodes[cluster.position(heir)].file("server.log")).expect("its log");
    let times = |words: &str| log.matches(words).count();
    assert_eq!((times("Starting a failover election"), times("Failover election won")), (2, 2), "{log}");
    for (shard, writer) in (0..SHARDS).zip(writers) {
        writer.goes_on(20).await;
        let report = writer.end().await;
        eprintln!("shard {shard}: longest pause {:?}, {} acknowledged", report.gap, report.acknowledged);
        report.lost_nothing();
    }
}
