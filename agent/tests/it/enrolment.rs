//! An agent on a machine that nobody can log in to: enrolled over the network by its token, once, and by nobody else.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::{Either, join_all, select};
use justmanage_agent_proto::v1::agent_client::AgentClient;
use justmanage_agent_proto::v1::enrolment_client::EnrolmentClient;
use justmanage_agent_proto::v1::group_client::GroupClient;
use justmanage_agent_proto::v1::{EnrolReply, EnrolRequest, PingRequest, StatusRequest};
use justmanage_identity::enrol::{Ends, token};
use justmanage_identity::{KeyPair, MeetError, Met, meet};
use justmanage_model::EnrolmentToken;
use justmanage_model::node::AgentInfo;
use tonic::{Code, Status};

use crate::metrics::{get_1, get_2};
use crate::node::{AGENT, Node, answer, kill, lives};
use crate::operator::{Operator, first_record, refused};
use crate::servers::redis;
use crate::wait::{DEADLINE, until};

/// A node whose order has the token of its operator, and names these operators: none, where anybody who knows the token may come.
fn born(named: &[&KeyPair]) -> Node {
    let mut node = Node::new(&redis());
    node.order.token = Some(own_token(&node));
    node.order.operators = named.iter().map(|key| key.pin()).collect();
    write_order(&node);
    node
}

fn write_order(node: &Node) {
    fs::write(node.file("order.json"), serde_json::to_vec(&node.order).expect("JSON")).expect("an order");
}

fn own_token(node: &Node) -> EnrolmentToken {
    let claim = &node.order.claim;
    token(&node.operator, claim.cluster, claim.node).expect("a token")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// Enrols an agent as an operator does who knows nothing but where it listens, and a token.
async fn enrol(agent: &AgentInfo, key: &KeyPair, token: &EnrolmentToken) -> Result<AgentInfo, Status> {
    let Met { channel, agent: pin } = meet(agent.agent, key).await.map_err(|error| match error {
        MeetError::Refused => Status::permission_denied("not let in"),
        other => Status::unavailable(other.to_string()),
    })?;
    let ends = Ends { operator: key.pin(), agent: pin };
    let proof = ends.operator_proof(token).to_vec();
    let EnrolReply { proof, agent } = EnrolmentClient::new(channel).enrol(EnrolRequest { proof }).await?.into_inner();
    assert!(ends.is_agent_proof(token, &proof), "the agent has not proven that it knows the token");
    let info: AgentInfo = serde_json::from_slice(&agent).expect("JSON");
    assert_eq!(info.pin, pin, "it is the key that was seen");
    Ok(info)
}

/// The code with which somebody is refused.
async fn refusal(agent: &AgentInfo, key: &KeyPair, token: &EnrolmentToken) -> Code {
    enrol(agent, key, token).await.expect_err("refused").code()
}

/// Founds the node's cluster in the name of an operator, and waits until it serves.
async fn serves(node: &Node, agent: &AgentInfo, key: &KeyPair) -> Operator {
    let mut record = first_record(node, agent);
    record.operators = [key.pin()].into();
    let mut operator = Operator::with(key, agent);
    operator.found(&record).await.expect("founded");
    operator.converged().await;
    operator
}

#[tokio::test]
async fn an_agent_is_enrolled_by_its_token_and_obeys_from_then_on() {
    let node = born(&[]);
    let agent = node.start();
    let stranger = Operator::of(&node, &agent).status().await.expect_err("nobody is known yet");
    assert_eq!(stranger.code(), Code::Unimplemented);
    assert_eq!(enrol(&agent, &node.operator, &own_token(&node)).await.expect("enrolled"), agent);
    Operator::of(&node, &agent).status().await.expect("known at once");

    node.kill_agent();
    let agent = node.start();
    serves(&node, &agent, &node.operator).await;
    assert_eq!(node.redis(&["SET", "k", "v"]), "OK");
}

#[tokio::test]
async fn the_same_operator_is_answered_again_also_by_the_next_agent_and_in_a_cluster() {
    let node = born(&[]);
    let (agent, token) = (node.start(), own_token(&node));
    for _ in 0..3 {
        assert_eq!(enrol(&agent, &node.operator, &token).await.expect("enrolled"), agent);
    }
    node.kill_agent();
    let agent = node.start();
    assert_eq!(enrol(&agent, &node.operator, &token).await.expect("enrolled"), agent);
    serves(&node, &agent, &node.operator).await;
    assert_eq!(enrol(&agent, &node.operator, &token).await.expect("enrolled"), agent, "its key can be found again");
    // The token stays the operator's alone: the same key with another one is a stranger's guess.
    assert_eq!(refusal(&agent, &node.operator, &EnrolmentToken::new([0; 32])).await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_second_operator_is_refused_although_they_know_the_token() {
    let node = born(&[]);
    let (agent, token, second) = (node.start(), own_token(&node), key());
    enrol(&agent, &node.operator, &token).await.expect("enrolled");
    assert_eq!(refusal(&agent, &second, &token).await, Code::PermissionDenied, "not even let in");
    node.kill_agent();
    let agent = node.start();
    assert_eq!(refusal(&agent, &second, &token).await, Code::PermissionDenied, "nor by the next agent");
    assert!(refused(&Operator::with(&second, &agent).status().await.expect_err("a stranger")));
    Operator::of(&node, &agent).status().await.expect("the first one is still known");
}

#[tokio::test]
async fn of_many_who_know_the_token_and_come_at_once_one_is_the_operator() {
    let node = born(&[]);
    let (agent, token) = (node.start(), own_token(&node));
    let keys: Vec<KeyPair> = (0..8).map(|_| key()).collect();
    let tries = keys.iter().map(|key| enrol(&agent, key, &token));
    let tries = join_all(tries).await;
    let won: Vec<&KeyPair> = keys.iter().zip(&tries).filter(|(_, tried)| tried.is_ok()).map(|(key, _)| key).collect();
    let [won] = won[..] else { panic!("{tries:?}") };
    for key in &keys {
        let known = Operator::with(key, &agent).status().await.is_ok();
        assert_eq!(known, key.pin() == won.pin());
    }
}

#[tokio::test]
async fn where_the_order_names_operators_nobody_else_is_let_in_and_one_of_them_enrols() {
    let (one, other) = (key(), key());
    let node = born(&[&one, &other]);
    let (agent, token) = (node.start(), own_token(&node));
    assert_eq!(refusal(&agent, &key(), &token).await, Code::PermissionDenied, "who has read the token, and no more");
    assert_eq!(refusal(&agent, &other, &EnrolmentToken::new([0; 32])).await, Code::Unauthenticated);
    assert_eq!(enrol(&agent, &one, &token).await.expect("enrolled"), agent);
    assert_eq!(refusal(&agent, &other, &token).await, Code::FailedPrecondition, "it was used");
    for key in [&one, &other] {
        Operator::with(key, &agent).status().await.expect("both are its operators");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_late_and_locks_nobody_out() {
    let node = born(&[]);
    let (agent, stranger) = (node.start(), key());
    let begun = Instant::now();
    assert_eq!(refusal(&agent, &stranger, &EnrolmentToken::new([7; 32])).await, Code::Unauthenticated);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    // They were wrong, and may be right.
    assert_eq!(enrol(&agent, &stranger, &own_token(&node)).await.expect("enrolled"), agent);
}

/// Waits until the agent has logged something, while others go on.
async fn logged(node: &Node, what: &str) {
    let begun = Instant::now();
    while !node.log().contains(what) {
        assert!(begun.elapsed() < DEADLINE, "{what} is not logged");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn who_is_right_does_not_wait_for_who_is_wrong() {
    // Three times as many as may wait for their refusal at the same time: they are at it for three seconds.
    let (guessers, knows): (Vec<KeyPair>, KeyPair) = ((0..12).map(|_| key()).collect(), key());
    let named: Vec<&KeyPair> = guessers.iter().chain([&knows]).collect();
    let node = born(&named);
    let (agent, token, wrong) = (node.start(), own_token(&node), EnrolmentToken::new([7; 32]));
    let guesses = pin!(join_all(guessers.iter().map(|key| refusal(&agent, key, &wrong))));
    let right = pin!(async {
        logged(&node, "wrong=4").await;
        enrol(&agent, &knows, &token).await.expect("enrolled")
    });
    let Either::Left((info, guesses)) = select(right, guesses).await else { panic!("it was answered last") };
    assert_eq!(info, agent);
    assert_eq!(guesses.await, [Code::Unauthenticated; 12], "each is answered in the end");
}

#[tokio::test]
async fn the_log_says_who_came_and_nothing_of_the_token_or_the_proofs() {
    let node = born(&[]);
    let (agent, token, stranger) = (node.start(), own_token(&node), key());
    assert_eq!(refusal(&agent, &stranger, &EnrolmentToken::new([7; 32])).await, Code::Unauthenticated);
    enrol(&agent, &node.operator, &token).await.expect("enrolled");
    let log = node.log();
    assert!(log.contains(&format!("caller={}", stranger.pin())) && log.contains("wrong=1"), "{log}");
    assert!(log.contains(&format!("operator={}", node.operator.pin())), "{log}");
    let ends = Ends { operator: node.operator.pin(), agent: agent.pin };
    for secret in [*token.expose(), ends.operator_proof(&token), ends.agent_proof(&token)] {
        let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!log.contains(&digits[..16]), "{log}");
        for file in ["enrolled.json", "agent.json"] {
            let text = fs::read_to_string(node.file(file)).expect("a file");
            assert!(!text.contains(&digits[..16]), "{file}: {text}");
        }
    }
}

/// An agent of the node that dies when it comes to a step the first time.
fn start_doomed(node: &Node, steps: &Path, step: &str) -> AgentInfo {
    fs::write(steps.join("kill"), format!("self 1 run: {step}")).expect("an order");
    let mut start = Command::new(AGENT);
    start.arg("start").arg("--dir").arg(&node.path).env("JUSTMANAGE_STEPS", steps);
    answer(&start.output().expect("the program"))
}

#[tokio::test]
async fn an_agent_that_is_killed_while_it_is_enrolled_can_be_enrolled_again() {
    for (step, used) in
        [("file enrolled.json: written", false), ("file enrolled.json: in place", true), ("agent told: enrolled", true)]
    {
        let node = born(&[]);
        let steps = tempfile::tempdir().expect("a directory");
        let (agent, token, second) = (start_doomed(&node, steps.path(), step), own_token(&node), key());
        let lost = enrol(&agent, &node.operator, &token).await.expect_err("it dies");
        assert!(refused(&lost), "{step}: {lost:?}");
        until("the agent is dead", || (!lives(&agent.process)).then_some(()));

        let agent = node.start();
        if used {
            assert_eq!(refusal(&agent, &second, &token).await, Code::PermissionDenied, "{step}: it was used");
        }
        assert_eq!(enrol(&agent, &node.operator, &token).await.expect("enrolled"), agent, "{step}");
        assert_eq!(refusal(&agent, &second, &token).await, Code::PermissionDenied, "{step}");
        Operator::of(&node, &agent).status().await.expect("an operator");
    }
}

#[tokio::test]
async fn an_agent_without_a_token_enrols_nobody() {
    let mut node = Node::new(&redis());
    let token = own_token(&node);
    let agent = node.start();
    assert_eq!(refusal(&agent, &key(), &token).await, Code::PermissionDenied);
    assert_eq!(refusal(&agent, &node.operator, &token).await, Code::Unimplemented, "also not its own operator");
    // Nor one that knows nobody at all.
    kill(&agent.process);
    node.order.operators.clear();
    write_order(&node);
    let agent = node.start();
    for key in [&key(), &*node.operator] {
        assert_eq!(refusal(&agent, key, &token).await, Code::PermissionDenied);
    }
    assert!(!node.file("enrolled.json").exists());
}

/// What somebody is told who tries everything else than to enrol the agent, over connections by which they do not ask who it is.
async fn try_all(agent: &AgentInfo, key: &KeyPair) -> Vec<Code> {
    let mut codes = Vec::new();
    let Ok(Met { channel, .. }) = meet(agent.agent, key).await else { return codes };
    codes.push(AgentClient::new(channel).status(StatusRequest::default()).await.expect_err("refused").code());
    let Ok(Met { channel, .. }) = meet(agent.agent, key).await else { return codes };
    codes.push(GroupClient::new(channel).ping(PingRequest::default()).await.expect_err("refused").code());
    codes
}

#[tokio::test]
async fn a_stranger_gets_to_nothing_but_enrolment_and_not_even_to_that_afterwards() {
    let node = born(&[]);
    let (agent, token, stranger) = (node.start(), own_token(&node), key());
    assert_eq!(try_all(&agent, &stranger).await, [Code::Unimplemented; 2], "there is nothing else behind their door");
    get_1(&agent, &stranger, "/metrics").await.expect_err("hung up");
    assert_eq!(get_2(&agent, &stranger, "/metrics").await.2, "", "no figures either");

    enrol(&agent, &node.operator, &token).await.expect("enrolled");
    assert_eq!(try_all(&agent, &stranger).await, [Code::Ok; 0], "not let in");
    get_1(&agent, &stranger, "/metrics").await.expect_err("not let in");
    let (head, _) = get_1(&agent, &node.operator, "/metrics").await.expect("figures");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}
