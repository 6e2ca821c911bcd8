//! What platforms rely on: commands that may come twice, at once, too late, and to the wrong place.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::node::{AGENT, Node, error, kill, lives, signal};
use crate::operator::{Operator, serving};
use crate::servers::redis;
use justmanage_model::node::AgentInfo;

#[test]
fn the_agent_is_nobodys_child() {
    let node = Node::new(&redis());
    let agent = node.start();
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.process.pid)).expect("the agent");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    assert_eq!(fields[3], agent.process.pid.to_string(), "it leads a session of its own");
    assert_eq!(fields[4], "0", "it has no terminal");
    let open = fs::read_dir(format!("/proc/{}/fd", agent.process.pid)).expect("descriptors").flatten();
    let open: Vec<String> =
        open.filter_map(|fd| Some(fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned())).collect();
    assert!(!open.iter().any(|file| file.starts_with("pipe:")), "a pipe of its starter is held: {open:?}");
}

#[tokio::test]
async fn secrets_are_for_their_owner_and_in_no_argument_environment_or_log() {
    let node = Node::new(&redis());
    let (agent, _) = serving(&node).await;
    let mut secrets = Vec::new();
    for entry in fs::read_dir(node.file("secrets")).expect("secrets").flatten() {
        secrets.push(entry.path());
    }
    assert!(secrets.len() >= 2, "the sealing key and the agent's password: {secrets:?}");
    secrets.push(node.file("agent.key"));
    let server = node.noted_server().expect("a note");
    for secret in &secrets {
        assert_eq!(fs::metadata(secret).expect("a file").mode() & 0o777, 0o600, "{secret:?}");
        let text = fs::read_to_string(secret).expect("text");
        let word = text.lines().max_by_key(|line| line.len()).expect("a line");
        for pid in [agent.process.pid, server.pid] {
            for place in ["cmdline", "environ"] {
                let there = fs::read(format!("/proc/{pid}/{place}")).expect("the process");
                assert!(!String::from_utf8_lossy(&there).contains(word), "{secret:?} in {place} of {pid}");
            }
        }
        for log in ["agent.log", "server.log", "agent.json", "record/record.redb", "server.conf", "users.acl"] {
            let text = fs::read(node.file(log)).expect("a file");
            assert!(!String::from_utf8_lossy(&text).contains(word), "{secret:?} in {log}");
        }
    }
    open_to_nobody(&node.path);
}

/// No file and no directory of a node is for anybody but its owner.
fn open_to_nobody(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let metadata = entry.metadata().expect("metadata");
        // A link has no bits of its own that anybody heeds.
        if metadata.is_symlink() {
            continue;
        }
        let mode = metadata.mode();
        // Inside of a directory that nobody else may enter, a file's own bits matter to nobody but auditors.
        assert_eq!(mode & 0o077, 0, "{:?} has mode {:o}", entry.path(), mode & 0o777);
        if entry.path().is_dir() {
            open_to_nobody(&entry.path());
        }
    }
}

#[tokio::test]
async fn remove_works_in_every_state_and_twice() {
    // Never started.
    let node = Node::new(&redis());
    node.remove();
    node.remove();
    assert!(!node.path.exists());

    // The agent is dead, the server lives.
    let node = Node::new(&redis());
    serving(&node).await;
    let server = node.noted_server().expect("a note");
    node.kill_agent();
    node.remove();
    assert!(!node.path.exists() && !lives(&server));
    assert_eq!(node.processes(), [0_u32; 0]);

    // Both are dead.
    let node = Node::new(&redis());
    serving(&node).await;
    let server = node.noted_server().expect("a note");
    node.kill_agent();
    kill(&server);
    node.remove();
    assert!(!node.path.exists());

    // Somebody deleted the directory under a running node.
    let node = Node::new(&redis());
    serving(&node).await;
    fs::remove_dir_all(&node.path).expect("deleted");
    node.remove();
    assert_eq!(node.processes(), [0_u32; 0], "neither agent nor server is left");
}

#[tokio::test]
async fn a_server_that_hangs_is_removed_all_the_same() {
    let node = Node::new(&redis());
    serving(&node).await;
    let server = node.noted_server().expect("a note");
    signal(server.pid, "-STOP");
    let begun = Instant::now();
    node.remove();
    assert!(!lives(&server) && !node.path.exists());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}: it was woken, not waited for", begun.elapsed());
}

#[test]
fn what_is_no_node_is_not_touched() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let treasure = elsewhere.path().join("thesis.tex");
    fs::write(&treasure, "years").expect("a file");
    for verb in ["start", "run", "status", "remove"] {
        let output = Command::new(AGENT).args([verb, "--dir"]).arg(elsewhere.path()).output().expect("the program");
        let (error, hint) = error(&output);
        assert!(error.contains("order.json") && !hint.is_empty(), "{verb}: {error}: {hint}");
    }
    assert_eq!(fs::read_to_string(&treasure).expect("still there"), "years");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a directory").count(), 1, "and nothing was added");
}

#[test]
fn nodes_of_one_machine_take_different_ports() {
    let nodes: Vec<Node> = (0..6).map(|_| Node::new(&redis())).collect();
    let agents: Vec<AgentInfo> = std::thread::scope(|scope| {
        let starts: Vec<_> = nodes.iter().map(|node| scope.spawn(|| node.start())).collect();
        starts.into_iter().map(|start| start.join().expect("a start")).collect()
    });
    let mut ports: Vec<u16> =
        agents.iter().flat_map(|agent| [agent.agent.port(), agent.client.port(), agent.bus_port]).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 18);
    for agent in &agents {
        let berth = agent.agent.port() - 19_000;
        assert_eq!((agent.client.port(), agent.bus_port), (21_000 + berth, 31_000 + berth));
    }
}

#[tokio::test]
async fn a_stopped_agent_that_is_removed_takes_no_other_with_it() {
    let (one, other) = (Node::new(&redis()), Node::new(&redis()));
    let (_, mut operator) = serving(&other).await;
    serving(&one).await;
    one.remove();
    assert!(!one.path.exists());
    assert!(operator.status().await.expect("a status").converged);
    let info = other.status().agent.expect("an agent");
    Operator::of(&other, &info).converged().await;
}
