//! Server programs that an operator has a machine keep: sent or fetched, verified, and nothing of what was broken off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use justmanage_agent::programs::{ArrivalError, Programs, Progress};
use justmanage_agent_proto::v1::{JournalRequest, ProgramPart};
use justmanage_identity::KeyPair;
use justmanage_model::journal::{Entry, Event, Outcome, Who};
use justmanage_model::node::AgentInfo;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::machine::{Machine, head, last, sent, sha256};
use crate::mirror::{Manner, Mirror};
use crate::node::{AGENT, Node, answer, lives};
use crate::operator::Operator;
use crate::servers::{find, program, redis};
use crate::wait::until;

/// A server that is one file, with everything in it.
fn server() -> (Vec<u8>, String) {
    let content = fs::read(program(&find("redis-6.2."))).expect("a program");
    let digest = sha256(&content);
    (content, digest)
}

fn begun() -> (Node, Machine) {
    let node = Node::new(&redis());
    let agent = node.start();
    let machine = Machine::of(&node, &agent);
    (node, machine)
}

/// What is unfinished where programs are kept, by name.
fn unfinished(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

#[tokio::test]
async fn a_program_is_kept_by_its_digest_and_taken_once() {
    let (node, mut machine) = begun();
    let (content, digest) = server();
    let kept = machine.keep(sent(&content, &digest)).await.expect("kept");
    assert_eq!(kept.path, node.file("artifacts").join(&digest).join("redis-server"));
    assert_eq!((kept.release.to_string().as_str(), &kept.sha256), ("redis 6.2.14", &digest));
    assert_eq!(fs::read(&kept.path).expect("a file"), content);
    assert_eq!(unfinished(&node.file("artifacts")), [""; 0]);
    // Who did that can be read for as long as other deeds.
    let request = JournalRequest { after: 0, limit: 0 };
    let agent = node.agent().expect("an agent");
    let entries = Operator::of(&node, &agent).client.journal(request).await.expect("a journal").into_inner().entries;
    let entries: Vec<Entry> = serde_json::from_slice(&entries).expect("JSON");
    let deed = Event::Step(format!("keep redis-server of SHA-256 {digest}"));
    let entry = entries.iter().find(|entry| entry.what == deed).unwrap_or_else(|| panic!("{entries:?}"));
    assert_eq!((&entry.who, &entry.outcome), (&Who::Operator(node.operator.pin()), &Outcome::Done));
    // It need not be sent again, nor even be had.
    assert_eq!(machine.keep(vec![head(&digest, "http://127.0.0.1:1/nowhere")]).await.expect("kept"), kept);
    assert_eq!(machine.programs().await.expect("a list").0, std::slice::from_ref(&kept));
    // Another machine can have it from here.
    assert!(machine.read("redis-server", &digest).await.expect("its content") == content);
    for (file_name, sha256, code) in [
        ("valkey-server", digest.as_str(), Code::NotFound),
        ("redis-server", &sha256(b"something else"), Code::NotFound),
        ("../redis-server", &digest, Code::InvalidArgument),
        ("redis-server", "../../../etc/passwd", Code::InvalidArgument),
    ] {
        assert_eq!(machine.read(file_name, sha256).await.expect_err("not kept").code(), code, "{file_name} {sha256}");
    }
    // One that was spoilt is none, and is replaced.
    fs::write(&kept.path, "spoilt").expect("written");
    assert_eq!(machine.programs().await.expect("a list").0, []);
    assert_eq!(machine.keep(sent(&content, &digest)).await.expect("kept"), kept);
    assert_eq!(fs::read(&kept.path).expect("a file"), content);
}

#[tokio::test]
async fn what_is_no_such_program_is_refused_and_leaves_nothing() {
    let (node, mut machine) = begun();
    let (content, digest) = server();
    let script = b"#!/bin/sh\necho I am no server\n".to_vec();
    let text = b"not even a program".to_vec();
    let other = sha256(b"something else");
    let named = |name: &str| vec![ProgramPart { file_name: name.to_owned(), ..head(&digest, "") }];
    for (parts, code, says) in [
        (sent(&content, &other), Code::FailedPrecondition, digest.as_str()),
        (sent(&content[..1000], &digest), Code::FailedPrecondition, digest.as_str()),
        (sent(&script, &sha256(&script)), Code::FailedPrecondition, "no server program that runs"),
        (sent(&text, &sha256(&text)), Code::FailedPrecondition, "no server program that runs"),
        (named("../redis-server"), Code::InvalidArgument, "redis-server"),
        (named(""), Code::InvalidArgument, "redis-server"),
        (vec![head("../../x", "")], Code::InvalidArgument, "64"),
        (vec![head(&digest.to_uppercase(), "")], Code::InvalidArgument, "64"),
        (vec![head(&digest, "file:///etc/passwd")], Code::InvalidArgument, "http"),
        (Vec::new(), Code::InvalidArgument, "which program"),
    ] {
        let refused = machine.keep(parts).await.expect_err("refused");
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().contains(says), "{refused:?}");
    }
    assert_eq!(machine.programs().await.expect("a list").0, []);
    let left = fs::read_dir(node.file("artifacts")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing is left");
}

#[tokio::test]
async fn a_mirror_is_asked_with_credentials_that_nobody_sees() {
    let (node, mut machine) = begun();
    let (content, digest) = server();
    let mirror = Mirror::open(Manner::Gives(content.clone()));
    let front = Mirror::open(Manner::Leads(mirror.url()));
    let url = |mirror: &Mirror| format!("http://user:hidden-word@{}/redis-server?token=hidden-mark", mirror.address);
    let refuses = Mirror::open(Manner::Refuses(403));
    let refused = machine.keep(vec![head(&digest, &url(&refuses))]).await.expect_err("refused");
    let said = refused.message();
    assert!(said.contains(&refuses.url()) && said.contains("403"), "{said}");
    let kept = machine.keep(vec![head(&digest, &url(&front))]).await.expect("kept");
    assert_eq!(fs::read(&kept.path).expect("a file"), content);
    let asked = front.asked().join("\n").to_lowercase();
    assert!(
        asked.contains("authorization: basic dxnlcjpoawrkzw4td29yza==") && asked.contains("?token=hidden-mark"),
        "{asked}"
    );
    let beyond = mirror.asked().join("\n").to_lowercase();
    assert!(beyond.contains("get /redis-server ") && !beyond.contains("authorization"), "{beyond}");
    for text in [node.log(), format!("{refused:?}")] {
        assert!(!text.contains("hidden") && !text.contains("user:"), "{text}");
    }
}

#[tokio::test]
async fn a_mirror_that_does_not_give_it_is_named_with_what_happened() {
    let (node, mut machine) = begun();
    let (content, digest) = server();
    for (manner, says) in [
        (Manner::Refuses(404), "status 404"),
        (Manner::Refuses(500), "status 500"),
        (Manner::BreaksOff(content.clone()), ""),
        (Manner::Gives(content[1..].to_vec()), "not kept"),
    ] {
        let mirror = Mirror::open(manner);
        let refused = machine.keep(vec![head(&digest, &mirror.url())]).await.expect_err("refused");
        assert!(refused.message().starts_with(&mirror.url()) && refused.message().contains(says), "{refused:?}");
    }
    for (url, says) in [("http://127.0.0.1:1/x", "refused"), ("http://no-such-host.invalid/x", "no-such-host.invalid")]
    {
        let refused = machine.keep(vec![head(&digest, url)]).await.expect_err("refused");
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
        assert!(refused.message().contains(says), "{refused:?}");
    }
    assert_eq!(unfinished(&node.file("artifacts")), [""; 0]);
}

/// An operator who sends the half of a program, and waits.
async fn half_sent(node: &Node, machine: &Machine) -> mpsc::Sender<ProgramPart> {
    let (content, digest) = server();
    let (send, parts) = mpsc::channel(100);
    for part in sent(&content[..content.len() / 2], &digest) {
        send.send(part).await.expect("room");
    }
    let mut client = machine.client.clone();
    tokio::spawn(async move {
        let replies = client.keep(ReceiverStream::new(parts)).await;
        if let Ok(replies) = replies {
            let _ = last(replies.into_inner()).await;
        }
    });
    let place = node.file("artifacts");
    tokio::task::spawn_blocking(move || {
        until("half of it is there", || {
            let files = unfinished(&place).into_iter().map(|name| place.join(name).join("redis-server"));
            files.filter_map(|file| fs::metadata(file).ok()).find(|file| file.len() > 100_000)
        })
    })
    .await
    .expect("no panic");
    send
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_arrives_at_a_time_and_whoever_goes_away_leaves_nothing() {
    let (node, mut machine) = begun();
    let (content, digest) = server();
    let first = half_sent(&node, &machine).await;
    let refused = machine.keep(sent(&content, &digest)).await.expect_err("another is on its way");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    drop(first);
    let place = node.file("artifacts");
    until("nothing is left of it", || unfinished(&place).is_empty().then_some(()));
    machine.keep(sent(&content, &digest)).await.expect("kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_was_killed_meanwhile_begins_anew() {
    let (node, machine) = begun();
    let _first = half_sent(&node, &machine).await;
    node.kill_agent();
    // The half, and the lock of who was at it.
    assert_eq!(unfinished(&node.file("artifacts")).len(), 2);
    let agent = node.start();
    assert_eq!(unfinished(&node.file("artifacts")), [""; 0], "it tidies up first");
    let (content, digest) = server();
    Machine::of(&node, &agent).keep(sent(&content, &digest)).await.expect("kept");
}

#[tokio::test]
async fn an_agent_that_dies_at_a_step_has_kept_it_or_nothing() {
    let (content, digest) = server();
    for (step, keeps) in [("program: a part of it", false), ("program: whole", false), ("program: in place", true)] {
        let node = Node::new(&redis());
        let steps = tempfile::tempdir().expect("a directory");
        fs::write(steps.path().join("kill"), format!("self 1 run: {step}\n")).expect("written");
        let mut start = Command::new(AGENT);
        start.arg("start").arg("--dir").arg(&node.path).env("JUSTMANAGE_STEPS", steps.path());
        let agent: AgentInfo = answer(&start.output().expect("the program"));
        Machine::of(&node, &agent).keep(sent(&content, &digest)).await.expect_err("it dies");
        until("it is dead", || (!lives(&agent.process)).then_some(()));
        assert!(steps.path().join("killed").exists(), "{step}");
        let mut machine = Machine::of(&node, &node.start());
        assert_eq!(unfinished(&node.file("artifacts")), [""; 0], "{step}");
        assert_eq!(machine.programs().await.expect("a list").0.len(), usize::from(keeps), "{step}");
        machine.keep(sent(&content, &digest)).await.expect("kept");
    }
}

#[tokio::test]
async fn strangers_keep_nothing_here() {
    let node = Node::new(&redis());
    let agent = node.start();
    let stranger = KeyPair::generate().expect("a key");
    let channel = justmanage_identity::connect(agent.agent, agent.pin, &stranger).expect("a channel");
    let mut machine = Machine { client: justmanage_agent_proto::v1::machine_client::MachineClient::new(channel) };
    let (content, digest) = server();
    machine.keep(sent(&content, &digest)).await.expect_err("refused");
    machine.programs().await.expect_err("refused");
    assert!(!node.file("artifacts").exists());
    Operator::of(&node, &agent).status().await.expect("the agent lives");
}

/// Another disk, small, below a directory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        fs::create_dir_all(at).expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(at).status();
        assert!(mounted.expect("mount").success(), "this test mounts a small disk, and needs root");
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_disk_without_room_is_said_and_left_as_it_was() {
    let (node, mut machine) = begun();
    let disk = SmallDisk::mount(&node.file("artifacts"));
    let (content, digest) = server();
    let refused = machine.keep(sent(&content, &digest)).await.expect_err("no room");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.message().contains("no room") && refused.message().contains(&digest), "{refused:?}");
    assert_eq!(unfinished(&disk.0), [""; 0]);
    drop(disk);
    machine.keep(sent(&content, &digest)).await.expect("there is room now");
}

/// On a thread that may wait, as the agent does it.
async fn fetched(programs: Programs, url: String, digest: String) -> Result<(), ArrivalError> {
    let work = move || {
        let mut content = programs.fetch(&url.parse()?)?;
        programs.keep(("redis-server", &digest), &mut *content, &Progress::default()).map(drop)
    };
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

#[tokio::test]
async fn a_source_that_comes_no_further_or_never_ends_is_given_up() {
    let place = tempfile::tempdir().expect("a directory");
    let (content, digest) = server();
    let stalls = Mirror::open(Manner::Stalls(content.clone()));
    let quick = Programs::at(place.path().to_owned(), u64::MAX, Duration::from_millis(200));
    let error = fetched(quick, stalls.url(), digest.clone()).await.expect_err("it stalls");
    assert!(
        matches!(&error, ArrivalError::Source { from, why } if *from == stalls.url() && why.contains("too long")),
        "{error}"
    );
    let endless = Mirror::open(Manner::Gives(content.clone()));
    let narrow = Programs::at(place.path().to_owned(), content.len() as u64 - 1, Duration::from_secs(20));
    let error = fetched(narrow, endless.url(), digest).await.expect_err("it is too large");
    assert!(matches!(error, ArrivalError::TooLarge { .. }), "{error}");
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
}
