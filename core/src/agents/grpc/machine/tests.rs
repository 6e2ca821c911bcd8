//! What is told to a machine's agent, and what is made of its answers. (What real agents answer is tried in agent/tests.)

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use justmanage_agent_proto::v1::machine_server::{Machine, MachineServer};
use justmanage_agent_proto::v1::{LimitReply, ProgramsReply, ReadProgramReply, ReadProgramRequest};
use justmanage_identity::{Allowed, Doors, KeyPair};
use justmanage_model::node::ProcessIdentity;
use justmanage_model::{Bytes, Claim, ClusterId, Engine, NodeId, Pin, Release, SealingKey};
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response};

use super::*;
use crate::OperatorKey;

/// What is answered to a program, in this order; `None` at the end: nothing, the connection just ends.
type Script = Vec<Result<What, Status>>;

/// An agent that says what a test wants.
#[derive(Clone, Default)]
struct Played {
    /// Reads all parts before it answers.
    reads: bool,
    script: Script,
    /// The program that it keeps, in parts.
    content: Vec<Result<Vec<u8>, Status>>,
    /// What is said of the last replacement, one after the other; the last for ever.
    replacements: Arc<Mutex<VecDeque<Option<Replacement>>>>,
    heard: Arc<Mutex<Vec<ProgramPart>>>,
    limited: Arc<Mutex<Vec<u8>>>,
}

type Replies = ReceiverStream<Result<ProgramReply, Status>>;

impl Played {
    async fn answer(&self, request: Request<Streaming<ProgramPart>>) -> Result<Response<Replies>, Status> {
        let mut parts = request.into_inner();
        while let Some(part) = parts.message().await? {
            self.heard.lock().expect("no panic").push(part);
            if !self.reads {
                break;
            }
        }
        let (send, replies) = tokio::sync::mpsc::channel(self.script.len().max(1));
        for what in self.script.clone() {
            send.try_send(what.map(|what| ProgramReply { what: Some(what) })).expect("room");
        }
        Ok(Response::new(ReceiverStream::new(replies)))
    }
}

#[tonic::async_trait]
impl Machine for Played {
    type KeepStream = Replies;
    type ReadStream = ReceiverStream<Result<ReadProgramReply, Status>>;
    type ReplaceStream = Replies;

    async fn programs(&self, _: Request<ProgramsRequest>) -> Result<Response<ProgramsReply>, Status> {
        let mut left = self.replacements.lock().expect("no panic");
        let now = if left.len() > 1 { left.pop_front().flatten() } else { left.front().cloned().flatten() };
        let replacement = now.map(|now| serde_json::to_vec(&now).expect("JSON")).unwrap_or_default();
        let (agent_version, machine) = ("0.2.0".to_owned(), "x86_64".to_owned());
        Ok(Response::new(ProgramsReply { kept: b"[]".to_vec(), agent_version, replacement, machine }))
    }

    async fn keep(&self, request: Request<Streaming<ProgramPart>>) -> Result<Response<Replies>, Status> {
        self.answer(request).await
    }

    async fn read(&self, request: Request<ReadProgramRequest>) -> Result<Response<Self::ReadStream>, Status> {
        assert_eq!(request.into_inner().file_name, "redis-server");
        let (send, replies) = tokio::sync::mpsc::channel(self.content.len().max(1));
        for part in self.content.clone() {
            send.try_send(part.map(|content| ReadProgramReply { content })).expect("room");
        }
        Ok(Response::new(ReceiverStream::new(replies)))
    }

    async fn replace(&self, request: Request<Streaming<ProgramPart>>) -> Result<Response<Replies>, Status> {
        self.answer(request).await
    }

    async fn limit(&self, request: Request<LimitRequest>) -> Result<Response<LimitReply>, Status> {
        *self.limited.lock().expect("no panic") = request.into_inner().warrant;
        Ok(Response::new(LimitReply { later: vec!["memory: later".to_owned()] }))
    }
}

/// An agent that is played, and an operator who calls it.
struct Stage {
    agents: GrpcAgents,
    agent: AgentInfo,
    operator: Pin,
    _home: tempfile::TempDir,
}

impl Stage {
    async fn with(played: Played) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let operator = Arc::new(OperatorKey::at(home.path().join("operator.key")));
        let pin = operator.ensure().expect("a key").pin();
        let key = KeyPair::generate().expect("a key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let claim = Claim {
            cluster: ClusterId::from_entropy([1; 10]),
            name: "cache".parse().expect("a name"),
            node: NodeId::from_entropy([2; 10]),
            seat: None,
        };
        let agent = AgentInfo {
            claim,
            pin: key.pin(),
            sealing: SealingKey::new([3; 32]),
            agent: listener.local_addr().expect("an address"),
            client: (Ipv4Addr::LOCALHOST, 6379).into(),
            bus_port: 16379,
            version: "0.1.0".to_owned(),
            process: ProcessIdentity { pid: 1, start_time: 2, boot_id: "3".to_owned() },
        };
        let doors = Doors::open(listener, &key, Allowed::new([pin].into())).expect("doors");
        let service = MachineServer::new(played);
        tokio::spawn(async move {
            let Doors { known, .. } = doors;
            let _ = tonic::transport::Server::builder().add_service(service).serve_with_incoming(known).await;
        });
        Self { agents: GrpcAgents::new(operator), agent, operator: pin, _home: home }
    }

    /// What the operator has signed.
    fn terms(&self, warrant: &[u8]) -> Terms {
        let warrant: Warrant = serde_json::from_slice(warrant).expect("a warrant");
        let terms = warrant::verify(&warrant, &[self.operator].into()).expect("signed");
        assert_eq!((terms.cluster, terms.node), (self.agent.claim.cluster, self.agent.claim.node));
        terms
    }
}

fn kept() -> ServerProgram {
    let release = Release::new(Engine::Redis, "7.0.15".parse().expect("a version"));
    ServerProgram { path: "/kept/redis-server".into(), release, tls: true, sha256: "ab".repeat(32) }
}

fn says_kept() -> What {
    What::Kept(serde_json::to_vec(&kept()).expect("JSON"))
}

fn download(length: usize) -> Download {
    let content = (0..length).map(|at| u8::try_from(at % 251).expect("a byte")).collect();
    Download { file_name: "redis-server".to_owned(), sha256: "ab".repeat(32), release: kept().release, content }
}

fn build() -> Program {
    Program::Content { sha256: "cd".repeat(32), content: vec![7; PART + 1].into() }
}

fn version() -> Version {
    "0.2.0".parse().expect("a version")
}

fn noted(state: Replaced, why: &str) -> Option<Replacement> {
    Some(Replacement { sha256: "cd".repeat(32), version: version(), state, why: why.to_owned() })
}

#[tokio::test]
async fn a_program_is_sent_whole_or_not_at_all_where_it_is_kept() {
    let script = vec![Ok(What::Received(1)), Ok(What::Received(2)), Ok(says_kept())];
    let played = Played { reads: true, script: script.clone(), ..Played::default() };
    let heard = played.heard.clone();
    let stage = Stage::with(played).await;
    let program = download(3 * PART + 17);
    assert_eq!(stage.agents.keep(&stage.agent, &program).await.expect("kept"), kept());
    let heard = std::mem::take(&mut *heard.lock().expect("no panic"));
    assert_eq!(
        (heard[0].file_name.as_str(), heard[0].sha256.as_str(), heard[0].url.as_str()),
        ("redis-server", program.sha256.as_str(), "")
    );
    let arrived: Vec<u8> = heard.into_iter().flat_map(|part| part.content).collect();
    assert!(arrived[..] == *program.content, "{} bytes arrived", arrived.len());
    // Who has it answers at once, and hears no more than the first part.
    let stage = Stage::with(Played { script, ..Played::default() }).await;
    assert_eq!(stage.agents.keep(&stage.agent, &download(20 << 20)).await.expect("kept"), kept());
}

#[tokio::test]
async fn a_machine_can_be_told_where_the_program_is() {
    let played = Played { reads: true, script: vec![Ok(says_kept())], ..Played::default() };
    let heard = played.heard.clone();
    let stage = Stage::with(played).await;
    let digest = "ab".repeat(32);
    let url = "https://mirror.example/redis-server";
    assert_eq!(stage.agents.fetch(&stage.agent, ("redis-server", &digest), url).await.expect("kept"), kept());
    let [only] = &heard.lock().expect("no panic")[..] else { panic!("one part") };
    assert_eq!((only.url.as_str(), only.sha256.as_str(), only.content.len()), (url, digest.as_str(), 0));
}

#[tokio::test]
async fn a_program_that_is_carried_elsewhere_is_what_it_is_called_by_or_is_not_carried() {
    let whole = download(PART + 5).content;
    let program = ServerProgram { sha256: sha256_of(&whole), ..kept() };
    let parts = |parts: &[&[u8]]| parts.iter().map(|part| Ok(part.to_vec())).collect::<Vec<_>>();
    let (first, second) = whole.split_at(PART);
    let stage = Stage::with(Played { content: parts(&[first, second]), ..Played::default() }).await;
    let read = stage.agents.read(&stage.agent, &program).await.expect("its content");
    assert!(read.content == whole && read.sha256 == program.sha256 && read.file_name == "redis-server");
    assert_eq!(read.release, program.release);
    for (content, says) in [
        (parts(&[first]), "has SHA-256"),
        (vec![Err(Status::not_found("no redis-server is kept here"))], "no redis-server is kept here"),
        (vec![Ok(first.to_vec()), Err(Status::data_loss("the disk"))], "the disk"),
    ] {
        let stage = Stage::with(Played { content, ..Played::default() }).await;
        let error = stage.agents.read(&stage.agent, &program).await.expect_err("not whole");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn what_keeps_a_program_from_being_kept_is_told_by_what_can_be_done() {
    let agent = |error: AgentError| MachineError::Agent(error);
    for (last, expected) in [
        (vec![Err(Status::resource_exhausted("no room"))], MachineError::Disk("no room".into())),
        (vec![Err(Status::failed_precondition("another digest"))], agent(AgentError::Refused("another digest".into()))),
        (vec![Err(Status::unavailable("busy"))], agent(AgentError::NotNow("busy".into()))),
        (vec![Err(Status::permission_denied("no"))], agent(AgentError::Denied)),
        (vec![Ok(What::Received(1))], broken()),
        (vec![Ok(What::Placed(true))], odd()),
    ] {
        let stage = Stage::with(Played { reads: true, script: last, ..Played::default() }).await;
        let error = stage.agents.keep(&stage.agent, &download(10)).await.expect_err("refused");
        assert_eq!(error, expected);
        let said = error.of("i-1").to_string();
        assert!(said.contains("i-1: "), "{said}");
    }
}

#[tokio::test]
async fn a_build_is_signed_for_and_followed_until_it_has_come_up() {
    let all = |replacements: Vec<Option<Replacement>>| Arc::new(Mutex::new(replacements.into()));
    let begun = || noted(Replaced::Begun, "");
    let placed = vec![Ok(What::Received(9)), Ok(What::Placed(true))];
    for (script, replacements, expected) in [
        (placed.clone(), vec![begun(), begun(), noted(Replaced::Done, "")], Ok("0.2.0".to_owned())),
        // Its last word was lost with the agent.
        (vec![Ok(What::Received(9))], vec![begun(), noted(Replaced::Done, "")], Ok("0.2.0".to_owned())),
        (vec![Ok(What::Stays("0.3.0".to_owned()))], vec![None], Ok("0.3.0".to_owned())),
        (
            placed,
            vec![begun(), noted(Replaced::PutBack, "it ended 5 times")],
            Err(MachineError::PutBack { version: "0.2.0".into(), why: "it ended 5 times".into() }),
        ),
        (
            vec![Err(Status::failed_precondition("root refuses"))],
            vec![None],
            Err(MachineError::Agent(AgentError::Refused("root refuses".into()))),
        ),
    ] {
        let played = Played { reads: true, script, replacements: all(replacements), ..Played::default() };
        let heard = played.heard.clone();
        let stage = Stage::with(played).await;
        assert_eq!(stage.agents.replace(&stage.agent, &build(), version()).await, expected);
        let head = heard.lock().expect("no panic")[0].clone();
        let expected = Purpose::Agent { sha256: "cd".repeat(32), version: version() };
        assert_eq!(stage.terms(&head.warrant).purpose, expected);
    }
}

#[tokio::test]
async fn limits_are_signed_for() {
    let played = Played::default();
    let limited = played.limited.clone();
    let stage = Stage::with(played).await;
    let limits = Limits { memory: Some(Bytes::mib(512)), ..Limits::default() };
    assert_eq!(stage.agents.limit(&stage.agent, &limits).await.expect("limited"), ["memory: later"]);
    let warrant = limited.lock().expect("no panic").clone();
    assert_eq!(stage.terms(&warrant).purpose, Purpose::Limits(limits));
}

#[test]
fn where_a_build_is_may_have_a_password_in_it() {
    let program = Program::At { sha256: "cd".repeat(32), url: "https://user:hidden@mirror.example/agent".into() };
    assert!(!format!("{program:?}").contains("hidden"), "{program:?}");
}
