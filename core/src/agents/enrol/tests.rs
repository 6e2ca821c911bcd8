//! What is believed of whoever answers, and what is made of their refusals.

use std::net::Ipv4Addr;

use justmanage_agent_proto::v1::EnrolReply;
use justmanage_agent_proto::v1::enrolment_server::{Enrolment, EnrolmentServer};
use justmanage_identity::{Allowed, Doors, Peer};
use justmanage_model::node::ProcessIdentity;
use justmanage_model::{ClusterId, EnrolmentToken, NodeId, Pin, Seat};
use tokio::net::TcpListener;
use tonic::{Request, Response};

use super::*;

/// How somebody answers who may be the agent, given the honest answer to this question.
type Manner = fn(&Played, Ends, &EnrolRequest) -> Result<EnrolReply, Status>;

/// Somebody at an agent's address.
struct Played {
    token: EnrolmentToken,
    info: AgentInfo,
    manner: Manner,
}

impl Played {
    fn reply(&self, ends: Ends, info: &AgentInfo) -> EnrolReply {
        let proof = ends.agent_proof(&self.token).to_vec();
        EnrolReply { proof, agent: serde_json::to_vec(info).expect("JSON") }
    }
}

#[tonic::async_trait]
impl Enrolment for Played {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolReply>, Status> {
        let caller = request.extensions().get::<Peer>().expect("a caller").pin;
        let ends = Ends { operator: caller, agent: self.info.pin };
        (self.manner)(self, ends, request.get_ref()).map(Response::new)
    }
}

fn claim(node: u8) -> Claim {
    Claim {
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("a name"),
        node: NodeId::from_entropy([node; 10]),
        seat: Some(Seat { shard: 0, ordinal: 0 }),
    }
}

/// An agent of this claim that was born with this operator's token, and answers so.
async fn play(operator: &KeyPair, manner: Manner) -> (SocketAddr, AgentInfo) {
    let key = KeyPair::generate().expect("a key");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let info = AgentInfo {
        claim: claim(2),
        pin: key.pin(),
        sealing: justmanage_model::SealingKey::new([3; 32]),
        agent: address,
        client: (Ipv4Addr::LOCALHOST, 6379).into(),
        bus_port: 16379,
        version: "0.1.0".to_owned(),
        process: ProcessIdentity { pid: 1, start_time: 2, boot_id: "3".to_owned() },
    };
    let token = token(operator, info.claim.cluster, info.claim.node).expect("a token");
    let allowed = Allowed::new(Default::default());
    allowed.set_with_strangers(Default::default());
    let Doors { known, strangers, .. } = Doors::open(listener, &key, allowed).expect("doors");
    let service = EnrolmentServer::new(Played { token, info: info.clone(), manner });
    tokio::spawn(async move {
        let _nobody = known;
        let _ = tonic::transport::Server::builder().add_service(service).serve_with_incoming(strangers).await;
    });
    (address, info)
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// As the agent does it: whoever proves that they know the token gets its proof.
fn honest(agent: &Played, ends: Ends, request: &EnrolRequest) -> Result<EnrolReply, Status> {
    match ends.is_operator_proof(&agent.token, &request.proof) {
        true => Ok(agent.reply(ends, &agent.info)),
        false => Err(Status::unauthenticated("this proof is wrong")),
    }
}

#[tokio::test]
async fn who_knows_the_token_learns_who_the_agent_is_and_may_ask_again() {
    let operator = key();
    let (address, info) = play(&operator, honest).await;
    for _ in 0..2 {
        assert_eq!(enrol(address, &claim(2), &operator).await.expect("enrolled"), info);
    }
}

#[tokio::test]
async fn another_operator_and_another_node_have_another_token() {
    let operator = key();
    let (address, _) = play(&operator, honest).await;
    for (what, node, operator) in [("another operator", 2, &key()), ("another node", 3, &operator)] {
        let error = enrol(address, &claim(node), operator).await.expect_err(what);
        assert!(matches!(error, EnrolError::Refused(why) if why.contains("another token")), "{what}: {error}");
    }
}

#[tokio::test]
async fn nothing_is_believed_without_a_proof_and_nothing_that_contradicts_it() {
    let table: [(&str, Manner); 6] = [
        ("no proof", |agent, ends, _| Ok(EnrolReply { proof: Vec::new(), ..agent.reply(ends, &agent.info) })),
        ("the question's own proof", |agent, ends, question| {
            Ok(EnrolReply { proof: question.proof.clone(), ..agent.reply(ends, &agent.info) })
        }),
        ("a proof for another connection", |agent, ends, _| {
            let elsewhere = Ends { agent: Pin::from_digest([9; 32]), ..ends };
            Ok(agent.reply(elsewhere, &agent.info))
        }),
        ("another key than it has", |agent, ends, _| {
            Ok(agent.reply(ends, &AgentInfo { pin: Pin::from_digest([9; 32]), ..agent.info.clone() }))
        }),
        ("another claim", |agent, ends, _| Ok(agent.reply(ends, &AgentInfo { claim: claim(9), ..agent.info.clone() }))),
        ("something else", |agent, ends, _| Ok(EnrolReply { agent: b"{}".to_vec(), ..agent.reply(ends, &agent.info) })),
    ];
    for (what, manner) in table {
        let operator = key();
        let (address, _) = play(&operator, manner).await;
        let error = enrol(address, &claim(2), &operator).await.expect_err(what);
        assert!(matches!(error, EnrolError::NotTheAgent(_)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn refusals_are_told_from_what_may_be_over_soon_and_a_strangers_words_are_not_repeated() {
    // (what it is, how it answers, whether it may be over soon)
    let table: [(&str, Manner, bool); 5] = [
        ("wrong proof", |_, _, _| Err(Status::unauthenticated("evil words")), false),
        ("used", |_, _, _| Err(Status::failed_precondition("evil words")), false),
        ("no token", |_, _, _| Err(Status::unimplemented("evil words")), false),
        ("a full disk", |_, _, _| Err(Status::internal("evil words")), true),
        ("ending", |_, _, _| Err(Status::unavailable("evil words")), true),
    ];
    for (what, manner, soon) in table {
        let operator = key();
        let (address, _) = play(&operator, manner).await;
        let error = enrol(address, &claim(2), &operator).await.expect_err(what);
        match soon {
            true => assert!(matches!(error, EnrolError::NotYet(_)), "{what}: {error:?}"),
            false => assert!(matches!(error, EnrolError::Refused(_)), "{what}: {error:?}"),
        }
        let said = format!("{error:?} {error} {:?}", error.failure(address, &claim(2)));
        assert!(!said.contains("evil"), "{said}");
    }
}

#[tokio::test]
async fn where_nobody_listens_there_may_be_an_agent_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = enrol(address, &claim(2), &key()).await.expect_err("nobody");
    assert!(matches!(error, EnrolError::NotYet(_)), "{error:?}");
}

#[tokio::test]
async fn an_agent_that_lets_in_nobody_new_has_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let _doors = Doors::open(listener, &key(), Allowed::new(Default::default())).expect("doors");
    let error = enrol(address, &claim(2), &key()).await.expect_err("refused");
    assert!(matches!(error, EnrolError::Refused(_)), "{error:?}");
}
