//! Files that are missing, stale, torn or damaged, and data that are gone.

use std::fs;

use justmanage_model::Waiting;

use crate::node::{Node, kill, lives};
use crate::operator::{Operator, serving};
use crate::servers::{redis, valkey};

#[tokio::test]
async fn a_server_without_a_note_is_found_by_where_it_works() {
    let node = Node::new(&redis());
    serving(&node).await;
    let server = node.noted_server().expect("a note");
    // Killed between the start of the server and the note of its identity; before any note; and with half of one.
    let wish = r#"{"intent":"run","process":null,"since":"2026-11-21T00:00:00Z"}"#;
    for note in [None, Some(wish), Some("{\"intent\":"), Some("")] {
        node.kill_agent();
        match note {
            None => fs::remove_file(node.file("server.json")).expect("removed"),
            Some(text) => fs::write(node.file("server.json"), text).expect("written"),
        }
        let said = Operator::of(&node, &node.start()).converged().await;
        assert_eq!(said.server().expect("a server").pid, server.pid, "after {note:?}");
        assert_eq!(node.servers(), [server.pid]);
        assert_eq!(node.noted_server(), Some(server.clone()), "noted again");
    }
}

#[tokio::test]
async fn a_note_of_another_process_deceives_nobody() {
    let node = Node::new(&valkey());
    serving(&node).await;
    let server = node.noted_server().expect("a note");
    for (from, to) in [
        // The pid was given to another (ours here), or the machine was started anew.
        (format!("\"pid\": {}", server.pid), format!("\"pid\": {}", std::process::id())),
        (server.boot_id.clone(), "00000000-0000-0000-0000-000000000000".to_owned()),
        (server.start_time.to_string(), "1".to_owned()),
    ] {
        node.kill_agent();
        let note = fs::read_to_string(node.file("server.json")).expect("a note");
        assert!(note.contains(&from), "{note}");
        fs::write(node.file("server.json"), note.replace(&from, &to)).expect("written");
        let said = Operator::of(&node, &node.start()).converged().await;
        assert_eq!(said.server().expect("a server").pid, server.pid);
        assert_eq!(node.servers(), [server.pid]);
    }
}

#[tokio::test]
async fn unfinished_files_of_a_crash_are_in_nobodys_way() {
    let node = Node::new(&redis());
    serving(&node).await;
    node.kill_agent();
    kill(&node.noted_server().expect("a note"));
    for name in ["last.json", "server.json", "agent.json", "ports.json", "server.conf", "users.acl", "tls/server.pem"] {
        fs::write(node.file(&format!("{name}.new")), "{\"torn").expect("written");
    }
    Operator::of(&node, &node.start()).converged().await;
    assert_eq!(node.redis(&["PING"]), "PONG");
}

#[tokio::test]
async fn what_the_agent_can_make_again_is_made_again() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    assert_eq!(node.redis(&["SET", "kept", "yes"]), "OK");
    let before = operator.converged().await.record();
    node.kill_agent();
    kill(&node.noted_server().expect("a note"));
    for name in ["server.conf", "users.acl", "agent.json", "server.json", "started.json"] {
        fs::remove_file(node.file(name)).expect("removed");
    }
    fs::remove_dir_all(node.file("tls")).expect("removed");
    let said = Operator::of(&node, &node.start()).converged().await;
    assert_eq!(said.record(), before);
    assert_eq!(node.redis(&["GET", "kept"]), "yes");
}

#[tokio::test]
async fn lost_data_are_never_replaced_by_an_empty_server_that_calls_itself_well() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    assert_eq!(node.redis(&["SET", "kept", "yes"]), "OK");
    operator.converged().await;
    node.kill_agent();
    kill(&node.noted_server().expect("a note"));
    fs::remove_dir_all(node.file("data")).expect("removed");
    let mut operator = Operator::of(&node, &node.start());
    let stuck = |said: &crate::operator::Said| {
        said.waiting
            .iter()
            .any(|reason| matches!(reason, Waiting::Stuck { what, .. } if what.contains("data directory")))
    };
    let said = operator.until("stuck", stuck).await;
    assert!(!said.converged);
    assert!(!node.redis(&["SET", "new", "x"]).contains("OK"), "it takes no writes");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_not_guessed() {
    let node = Node::new(&redis());
    serving(&node).await;
    let server = node.noted_server().expect("a note");
    node.kill_agent();
    let file = node.file("record/record.redb");
    let good = fs::read(&file).expect("the file");
    for damaged in [vec![0; good.len()], good[..good.len() / 3].to_vec(), Vec::new()] {
        fs::write(&file, damaged).expect("written");
        let mut operator = Operator::of(&node, &node.start());
        let why = operator.refused(tonic::Code::DataLoss).await;
        assert!(why.contains("copy of the Record"), "{why}");
        assert!(lives(&server), "the server is left as it is");
        node.kill_agent();
    }
    fs::write(&file, good).expect("written");
    Operator::of(&node, &node.start()).converged().await;
    assert_eq!(node.noted_server(), Some(server));
}

#[tokio::test]
async fn a_server_that_cannot_start_is_tried_ever_more_slowly_and_says_why() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    // An append-only file that no server can read.
    let directory = node.file("data/appendonlydir");
    let manifest = fs::read_dir(&directory).expect("a directory").flatten().map(|entry| entry.path());
    let manifest =
        manifest.into_iter().find(|path| path.extension().is_some_and(|e| e == "manifest")).expect("a manifest");
    let good = fs::read(&manifest).expect("a file");
    fs::write(&manifest, "nonsense\n").expect("written");
    kill(&node.noted_server().expect("a note"));
    let failing = |said: &crate::operator::Said| {
        matches!(&said.node.server, justmanage_model::ServerState::Down { failures, why, .. } if *failures >= 3
            && why.to_lowercase().contains("manifest"))
    };
    operator.until("failing", failing).await;
    fs::write(&manifest, good).expect("written");
    operator.converged().await;
}
