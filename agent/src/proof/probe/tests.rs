//! A probe at servers that count as servers do, and end or go over to another stream when a test says so.

use std::sync::Mutex;

use justmanage_model::Secret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::samples::{self, next_call};
use crate::secrets::{AuthorityKey, ClusterSecrets};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a moment")
}

fn clock() -> Timestamp {
    at(1000)
}

/// What a server does with a write.
#[derive(Clone, Copy)]
enum Does {
    /// Counts and answers.
    Counts,
    /// Counts, and closes the connection instead of answering.
    CountsAndIsSilent,
    /// Says that it does not see the cluster.
    Refuses,
}

/// A server: how far its key has come, and which stream it writes.
#[derive(Clone)]
struct Server {
    at: SocketAddr,
    state: Arc<Mutex<(Does, u64, &'static str)>>,
    /// Closes all connections.
    restarts: Arc<tokio::sync::Notify>,
}

impl Server {
    async fn begin(number: u64, stream: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new((Does::Counts, number, stream)));
        let server = Self { at, state, restarts: Arc::default() };
        let serves = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serves.clone().serve(stream));
            }
        });
        server
    }

    async fn serve(self, stream: TcpStream) {
        let mut lines = BufReader::new(stream).lines();
        loop {
            let call = tokio::select! {
                call = next_call(&mut lines) => call,
                () = self.restarts.notified() => return,
            };
            let Some(call) = call else { return };
            let Some(answer) = self.answer(&call) else { return };
            lines.get_mut().write_all(answer.as_bytes()).await.expect("an answer");
        }
    }

    fn answer(&self, call: &[String]) -> Option<String> {
        let mut state = self.state.lock().expect("a state");
        let (does, number, stream) = &mut *state;
        match call.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["INCR", _] if matches!(does, Does::Refuses) => Some("-CLUSTERDOWN The cluster is down\r\n".to_owned()),
            ["INCR", _] => {
                *number += 1;
                matches!(does, Does::Counts).then(|| format!(":{number}\r\n"))
            }
            ["EXPIRE", _, "0"] => {
                *number = 0;
                Some(":1\r\n".to_owned())
            }
            ["EXPIRE", ..] => Some(":1\r\n".to_owned()),
            ["INFO", ..] => {
                let text = format!("role:master\r\nmaster_replid:{stream}\r\nmaxmemory_policy:noeviction\r\n");
                Some(format!("${}\r\n{text}\r\n", text.len()))
            }
            _ => Some("+OK\r\n".to_owned()),
        }
    }

    fn is_to(&self, does: Does) {
        self.state.lock().expect("a state").0 = does;
    }

    fn comes_to(&self, number: u64) {
        self.state.lock().expect("a state").1 = number;
    }

    fn number(&self) -> u64 {
        self.state.lock().expect("a state").1
    }
}

fn wish(servers: &[&Server]) -> Arc<Wish> {
    let mut record = samples::record(1, 1);
    record.spec.testing.plaintext = true;
    let secret = || Secret::new("a secret".to_owned());
    let authority = AuthorityKey { named: None, key: secret() };
    let secrets =
        ClusterSecrets { authority, next_authority: None, replication_password: secret(), other_password: None };
    Arc::new(Wish {
        began: at(0),
        generation: Generation::new(5),
        ours: servers.iter().map(|server| server.at).collect(),
        others: BTreeSet::new(),
        names: BTreeMap::new(),
        by: "jmn1".to_owned(),
        access: Access::to(&record, &secrets),
    })
}

/// (acknowledged, lost, unproven)
fn counts(work: &Work) -> (u64, u64, u64) {
    let proof = work.judge.proof(Instant::now());
    (proof.acknowledged, proof.lost, proof.unproven)
}

/// What was told when numbers from 1 to 100 were acknowledged in stream `a`.
fn hundred(ended: Option<i64>, renewed: i64) -> Told {
    let proof = Proof { acknowledged: 100, ..Proof::default() };
    let tally = ProbeTally { began: at(0), ended: ended.map(at), ready: true, checked: None, proof };
    let key = Key { tag: 7, runs: vec![(1, 100)], stream: Some("a".to_owned()), renewed: Some(at(renewed)) };
    Told { tally, key: Some(key) }
}

#[tokio::test]
async fn what_an_earlier_probe_counted_is_looked_for() {
    let died = || hundred(None, 990);
    let ended = |renewed| hundred(Some(995), renewed);
    let unknown = || Told { key: None, ..died() };
    let another = || Told { tally: ProbeTally { began: at(-1), ..died().tally }, ..died() };
    for (what, before, number, stream, expected) in [
        ("the primary is the same", died(), 130, "a", (101, 0, 0)),
        ("the primary is the same, and the key was removed", died(), 0, "a", (101, 0, 1)),
        ("another primary, and nobody knows what came last", died(), 130, "b", (101, 0, 1)),
        ("another primary, which lacks some", died(), 95, "b", (101, 5, 1)),
        ("nothing came last", ended(990), 100, "b", (101, 0, 0)),
        ("nothing came last, and some is lost", ended(990), 95, "b", (101, 5, 0)),
        ("another primary, which has nothing", ended(990), 0, "b", (101, 100, 0)),
        ("the key may have come to its end", ended(500), 0, "b", (101, 0, 1)),
        ("nobody wrote the key down", unknown(), 130, "a", (101, 0, 100)),
        ("it was another operation's", another(), 3, "b", (1, 0, 0)),
    ] {
        let server = Server::begin(number, stream).await;
        let mut work = Work::begin(wish(&[&server]), Some(&before), clock);
        work.once().await;
        assert_eq!(counts(&work), expected, "{what}");
        assert_eq!(work.checked, Some(Generation::new(5)), "{what}");
    }
}

#[tokio::test]
async fn what_is_told_is_enough_to_go_on_with() {
    let server = Server::begin(41, "a").await;
    let told = watch::Sender::new(None);
    let mut work = Work::begin(wish(&[&server]), None, clock);
    work.once().await;
    work.tell(&told);
    let key = Key { tag: 0, runs: vec![(42, 42)], stream: Some("a".to_owned()), renewed: Some(clock()) };
    assert_eq!(told.borrow().as_ref().and_then(|told| told.key.clone()), Some(key.clone()));
    let next = Work::begin(wish(&[&server]), told.borrow().as_ref(), clock);
    assert_eq!((next.known(), counts(&next)), (key, (1, 0, 0)));
}

#[tokio::test]
async fn what_another_server_did_without_an_answer_does_not_stand_for_what_is_lost() {
    for (what, silent, copied, expected) in [
        ("by the one that acknowledged: it stands behind", 0, 3, (4, 0, 0)),
        ("by the one that takes over, which has all", 2, 3, (4, 0, 0)),
        ("by the one that takes over, which lacks one", 2, 2, (4, 0, 1)),
        ("by the one that takes over, which lacks two", 2, 1, (4, 0, 2)),
        ("by the one that takes over, which lacks three", 2, 0, (4, 1, 2)),
    ] {
        let (old, new) = (Server::begin(0, "a").await, Server::begin(0, "b").await);
        let mut work = Work::begin(wish(&[&old, &new]), None, clock);
        work.at = old.at;
        for _ in 0..3 {
            work.once().await;
        }
        old.is_to(if silent == 0 { Does::CountsAndIsSilent } else { Does::Refuses });
        new.comes_to(copied);
        new.is_to(Does::CountsAndIsSilent);
        work.once().await;
        assert_eq!(work.at, new.at, "{what}");
        old.is_to(Does::Refuses);
        for _ in 0..silent {
            work.once().await;
            work.once().await;
        }
        new.is_to(Does::Counts);
        work.once().await;
        assert_eq!(counts(&work), expected, "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_another_server_took_the_writes_is_no_doubt() {
    let (one, other) = (Server::begin(0, "a").await, Server::begin(0, "b").await);
    let mut work = Work::begin(wish(&[&one, &other]), None, clock);
    // Both are known; then the other one is started again, and takes over with all that there is.
    work.link(other.at).await.expect("a connection");
    work.at = one.at;
    work.once().await;
    other.restarts.notify_waiters();
    other.comes_to(1);
    one.is_to(Does::Refuses);
    while work.at != other.at {
        work.once().await;
    }
    work.once().await;
    assert_eq!(counts(&work), (2, 0, 0));
}

#[tokio::test]
async fn a_key_is_removed_when_all_of_it_was_seen_to_be_there_and_not_before() {
    let (server, told) = (Server::begin(0, "a").await, watch::Sender::new(None));
    for (does, number, runs) in [(Does::Refuses, 1, vec![(1, 1)]), (Does::Counts, 0, Vec::new())] {
        server.comes_to(0);
        server.is_to(Does::Counts);
        let mut work = Work::begin(wish(&[&server]), None, clock);
        work.once().await;
        server.is_to(does);
        work.end(&told, at(1001)).await;
        let end: Told = told.borrow().clone().expect("it was told");
        assert_eq!((end.tally.ended, server.number()), (Some(at(1001)), number));
        assert_eq!(end.key.map(|key| key.runs), Some(runs));
    }
}
