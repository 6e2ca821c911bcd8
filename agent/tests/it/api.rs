//! The API: founding, compare-and-set, and everything that is refused.

use justmanage_agent_proto::v1::{InviteRequest, ProposeRequest};
use justmanage_model::record::LAYOUT;
use justmanage_model::{ClusterId, Epoch, Generation, Phase, Record};
use tonic::Code;

use crate::node::{Node, random};
use crate::operator::{Answer, Operator, first_record, serving};
use crate::servers::redis;

fn code(answer: Result<Answer, tonic::Status>) -> Code {
    answer.expect_err("refused").code()
}

#[tokio::test]
async fn a_cluster_is_founded_once() {
    let node = Node::new(&redis());
    let agent = node.start();
    let mut operator = Operator::of(&node, &agent);
    let (mine, theirs) = (first_record(&node, &agent), first_record(&node, &agent));
    assert!(matches!(operator.found(&mine).await.expect("an answer"), Answer::Applied(record) if record == mine));
    let Answer::Conflict(Some(there)) = operator.found(&theirs).await.expect("an answer") else { panic!("twice") };
    assert_eq!(there.epoch, mine.epoch, "the loser learns who was first");
    operator.converged().await;
}

#[tokio::test]
async fn a_record_that_is_not_for_this_node_is_refused() {
    let node = Node::new(&redis());
    let agent = node.start();
    let mut operator = Operator::of(&node, &agent);
    let wrongs: [fn(&mut Record); 7] = [
        |record| record.cluster = ClusterId::from_entropy(random()),
        |record| record.name = "other".parse().expect("a name"),
        |record| record.members.clear(),
        |record| {
            record.members.values_mut().for_each(|member| member.pin = justmanage_model::Pin::from_digest([7; 32]))
        },
        |record| record.members.values_mut().for_each(|member| member.client.set_port(1)),
        |record| record.generation = Generation::new(2),
        |record| record.layout = LAYOUT + 1,
    ];
    for (number, wrong) in wrongs.into_iter().enumerate() {
        let mut record = first_record(&node, &agent);
        wrong(&mut record);
        assert_eq!(code(operator.found(&record).await), Code::InvalidArgument, "wrong number {number}");
    }
    for garbage in [&b""[..], b"{}", b"null", b"\xff\xfe"] {
        let call = operator.client.invite(InviteRequest { record: garbage.to_vec() }).await;
        assert_eq!(call.expect_err("refused").code(), Code::InvalidArgument);
    }
    assert_eq!(operator.status().await.expect("a status").record, None);
}

#[tokio::test]
async fn of_two_who_change_the_same_generation_one_is_told() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    let before = operator.status().await.expect("a status").record();
    let mut next = before.clone();
    next.generation = before.generation.next();
    next.unclaimed = false;
    let answers = futures_util::future::join_all((0..8).map(|_| {
        let (mut operator, before, next) = (operator.clone(), before.clone(), next.clone());
        async move { operator.propose(before.epoch, before.generation, &next).await.expect("an answer") }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Applied(_))).count(), 1);
    for answer in answers {
        if let Answer::Conflict(there) = answer {
            assert_eq!(there.expect("a Record").generation, next.generation);
        }
    }
    assert_eq!(operator.converged().await.record().generation, next.generation);
}

#[tokio::test]
async fn a_change_must_be_of_this_founding_and_the_next_generation() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    let before = operator.status().await.expect("a status").record();
    let mut next = before.clone();
    next.generation = before.generation.next();

    let other = Epoch::from_entropy(random());
    assert_eq!(code(operator.propose(other, before.generation, &next).await), Code::FailedPrecondition);
    let mut refounded = next.clone();
    refounded.epoch = other;
    assert_eq!(code(operator.propose(before.epoch, before.generation, &refounded).await), Code::InvalidArgument);
    let mut leap = next.clone();
    leap.generation = next.generation.next();
    assert_eq!(code(operator.propose(before.epoch, before.generation, &leap).await), Code::InvalidArgument);
    assert!(matches!(
        operator.propose(before.epoch, next.generation, &leap).await.expect("an answer"),
        Answer::Conflict(Some(there)) if there == before
    ));
    let request =
        ProposeRequest { epoch: "abc".into(), expected_generation: 1, record: Vec::new(), ..Default::default() };
    assert_eq!(operator.client.propose(request).await.expect_err("refused").code(), Code::InvalidArgument);
    let huge = ProposeRequest {
        epoch: before.epoch.to_string(),
        expected_generation: before.generation.get(),
        record: vec![b' '; 20 << 20],
        ..Default::default()
    };
    assert_eq!(operator.client.propose(huge).await.expect_err("refused").code(), Code::OutOfRange);
    assert_eq!(operator.converged().await.record(), before, "nothing of it was taken");
}

#[tokio::test]
async fn a_record_that_grows_too_large_is_refused() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    let before = operator.status().await.expect("a status").record();
    let mut next = before.clone();
    next.generation = before.generation.next();
    let user = before.users.values().next().expect("a user").clone();
    let rules = format!("~{}", "k".repeat(4000));
    for number in 0..20 {
        let large = justmanage_model::User { acl: rules.parse().expect("rules"), ..user.clone() };
        next.users.insert(format!("user-{number}").parse().expect("a name"), large);
    }
    assert_eq!(code(operator.propose(before.epoch, before.generation, &next).await), Code::InvalidArgument);
    assert_eq!(operator.converged().await.record(), before);
}

#[tokio::test]
async fn what_was_taken_is_on_disk_when_the_answer_comes() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    for _ in 0..5 {
        let taken = operator.change(|record| record.unclaimed = !record.unclaimed).await;
        node.kill_agent();
        let mut after = Operator::of(&node, &node.start());
        assert_eq!(after.converged().await.record(), taken, "an acknowledged change is never lost");
        operator = after;
    }
}

#[tokio::test]
async fn leaving_stops_the_server_and_keeps_it_stopped() {
    let node = Node::new(&redis());
    let (_, mut operator) = serving(&node).await;
    operator.change(|record| record.phase = Phase::Leaving).await;
    operator
        .until("stopped", |said| said.node.server == justmanage_model::ServerState::Stopped && said.converged)
        .await;
    assert_eq!(node.servers(), [0_u32; 0]);
    node.kill_agent();
    let mut operator = Operator::of(&node, &node.start());
    operator.converged().await;
    assert_eq!(node.servers(), [0_u32; 0]);
}
