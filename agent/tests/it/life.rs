//! The life of a node: made, served, killed in every combination, and gone without a trace.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use justmanage_model::{Phase, ServerState, SlotSet};

use crate::node::{Node, kill, lives, signal};
use crate::operator::{Operator, first_record, serving};
use crate::servers::{redis, valkey};
use crate::wait::until;

async fn whole_life(server: &Path) {
    let node = Node::new(server);
    let agent = node.start();
    assert_eq!(agent.claim, node.order.claim);
    assert!(!node.status().server_running, "nothing runs before anybody founded the cluster");

    let mut operator = Operator::of(&node, &agent);
    let before = operator.status().await.expect("a status");
    assert_eq!((before.record, before.node.server, before.converged), (None, ServerState::Stopped, false));
    operator.found(&first_record(&node, &agent)).await.expect("founded");
    let said = operator.converged().await;
    let record = said.record();
    assert_eq!((record.phase, said.node.settled), (Phase::Formed, Some(record.generation)));
    let seen = said.server().expect("a server that runs");
    let bus = seen.bus.as_ref().expect("its view of the cluster");
    assert_eq!((bus.slots.clone(), bus.ok), (SlotSet::all(), true));
    assert!(seen.release.agrees_with(&node.program.release));
    assert_eq!(node.redis(&["SET", "kept", "yes"]), "OK");
    let first = node.noted_server().expect("a note");
    assert_eq!(node.servers(), [first.pid]);

    // The agent dies: the server does not, and the next agent takes it over.
    node.kill_agent();
    assert!(lives(&first));
    assert_eq!(node.redis(&["GET", "kept"]), "yes");
    let again = node.start();
    assert_eq!((again.agent, again.client, again.pin), (agent.agent, agent.client, agent.pin), "the same for life");
    let mut operator = Operator::of(&node, &again);
    let said = operator.converged().await;
    assert_eq!(said.server().expect("a server").pid, first.pid, "adopted, not started again");
    assert_eq!(said.record().generation, record.generation);

    // The server dies: seen at once, and started again.
    kill(&first);
    let running = |said: &crate::operator::Said| said.converged && said.server().is_some_and(|s| s.pid != first.pid);
    operator.until("another server", running).await;
    assert_eq!(node.redis(&["GET", "kept"]), "yes");
    let second = node.noted_server().expect("a note");
    assert_eq!(node.servers(), [second.pid]);

    // Both die.
    node.kill_agent();
    kill(&second);
    Operator::of(&node, &node.start()).converged().await;
    assert_eq!(node.redis(&["GET", "kept"]), "yes");

    node.remove();
    gone(&node, &[agent.agent.port(), agent.client.port(), agent.bus_port]);
}

/// Nothing is left: no file, no process, no port.
fn gone(node: &Node, ports: &[u16]) {
    assert!(!node.path.exists());
    let parent = node.path.parent().expect("the cluster's directory");
    assert_eq!(std::fs::read_dir(parent).expect("it stays").count(), 0, "nothing beside it either");
    assert_eq!(node.processes(), [0_u32; 0]);
    for port in ports {
        TcpListener::bind(("127.0.0.1", *port)).unwrap_or_else(|error| panic!("port {port}: {error}"));
    }
}

#[tokio::test]
async fn redis_from_its_start_to_its_end() {
    whole_life(&redis()).await;
}

#[tokio::test]
async fn valkey_from_its_start_to_its_end() {
    whole_life(&valkey()).await;
}

#[tokio::test]
async fn the_end_of_the_server_is_seen_at_once() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    let server = node.noted_server().expect("a note");
    signal(server.pid, "-KILL");
    let killed = Instant::now();
    operator.until("down", |said| matches!(said.node.server, ServerState::Down { .. })).await;
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}: an idle agent looks every 5 s", killed.elapsed());
    let said = operator.converged().await;
    assert_ne!(said.server().expect("a server").pid, server.pid);
}

#[tokio::test]
async fn a_server_that_hangs_is_said_to_hang_and_left_alone() {
    let node = Node::new(&valkey());
    let (_, mut operator) = serving(&node).await;
    assert_eq!(node.redis(&["SET", "kept", "yes"]), "OK");
    let server = node.noted_server().expect("a note");
    signal(server.pid, "-STOP");
    let said = operator.until("hung", |said| matches!(said.node.server, ServerState::Hung { .. })).await;
    assert!(!said.converged && !said.waiting.is_empty(), "{said:?}");
    signal(server.pid, "-CONT");
    let said = operator.converged().await;
    assert_eq!(said.server().expect("a server").pid, server.pid, "the same process, with its data");
    assert_eq!(node.redis(&["GET", "kept"]), "yes");
}

#[tokio::test]
async fn the_server_outlives_an_agent_that_is_told_to_end() {
    let node = Node::new(&redis());
    let (agent, _) = serving(&node).await;
    let server = node.noted_server().expect("a note");
    signal(agent.process.pid, "-TERM");
    until("the agent ends", || (!lives(&agent.process)).then_some(()));
    let status = node.status();
    assert_eq!((status.agent, status.server_running), (None, true));
    assert!(lives(&server));
    let said = Operator::of(&node, &node.start()).converged().await;
    assert_eq!(said.server().expect("a server").pid, server.pid);
}
