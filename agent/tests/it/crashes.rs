//! The agent is killed at any moment of a node's making: the next start goes on.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::node::{AGENT, Node, signal};
use crate::operator::{Operator, first_record};
use crate::servers::{redis, valkey};

/// How many moments are tried. A node is made within some 100 ms; moments are spread over that, denser at the beginning.
const MOMENTS: u32 = 24;
/// How many nodes are made at the same time.
const AT_ONCE: usize = 6;

/// Kills the agent so long after the founding, and starts it again; then the node must be whole.
async fn killed_after(node: &Node, moment: Duration) {
    let agent = node.start();
    let mut operator = Operator::of(node, &agent);
    operator.found(&first_record(node, &agent)).await.expect("founded");
    // The moment itself is what is tried.
    tokio::time::sleep(moment).await;
    signal(agent.process.pid, "-KILL");
    let mut operator = Operator::of(node, &node.start());
    let said = operator.converged().await;
    let server = said.server().expect("a server");
    assert_eq!(node.servers(), [server.pid], "exactly one server, after {moment:?}");
    assert_eq!(node.redis(&["SET", "k", "v"]), "OK", "after {moment:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_agent_that_is_killed_while_it_makes_the_node_goes_on() {
    let mut tries = JoinSet::new();
    for number in 0..MOMENTS {
        // Most of each node's time is the two seconds after which a server calls a new cluster writable.
        if tries.len() >= AT_ONCE {
            tries.join_next().await.expect("one of them").expect("a node that is whole");
        }
        let server = if number % 2 == 0 { redis() } else { valkey() };
        let moment = Duration::from_millis(u64::from(number * number) / 2);
        tries.spawn(async move { killed_after(&Node::new(&server), moment).await });
    }
    while let Some(tried) = tries.join_next().await {
        tried.expect("a node that is whole");
    }
}

#[tokio::test]
async fn an_agent_that_is_killed_again_and_again_gets_there() {
    let node = Node::new(&redis());
    let agent = node.start();
    Operator::of(&node, &agent).found(&first_record(&node, &agent)).await.expect("founded");
    for round in 0..30 {
        node.kill_agent();
        let agent = node.start();
        tokio::time::sleep(Duration::from_millis(round)).await;
        assert!(node.servers().len() <= 1);
        assert_eq!(node.status().agent.map(|agent| agent.process), Some(agent.process));
    }
    let said = Operator::of(&node, &node.start()).converged().await;
    assert_eq!(node.servers(), [said.server().expect("a server").pid]);
}

#[tokio::test]
async fn an_agent_that_is_killed_before_it_listens_is_in_nobodys_way() {
    for moment in 0..20 {
        let node = Node::new(&redis());
        let mut starting = Command::new(AGENT)
            .args(["run", "--dir"])
            .arg(&node.path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        tokio::time::sleep(Duration::from_micros(moment * 1500)).await;
        starting.kill().expect("killed");
        starting.wait().expect("gone");
        let agent = node.start();
        assert_eq!(node.start(), agent);
        Operator::of(&node, &agent).status().await.expect("a status");
    }
}
