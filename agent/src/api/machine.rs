//! What operators do to this node's machine: server programs, the agent's own, limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_agent_proto::v1::machine_server::{Machine, MachineServer};
use justmanage_agent_proto::v1::program_reply::What;
use justmanage_agent_proto::v1::{
    LimitReply, LimitRequest, ProgramPart, ProgramReply, ProgramsReply, ProgramsRequest, ReadProgramReply,
    ReadProgramRequest,
};
use justmanage_model::journal::{Event, Outcome, Who};
use justmanage_model::{Generation, Pin, Purpose, Terms, Timestamp, Version, Warrant};
use justmanage_record::{Group, RecordStore};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::{info, warn};

use super::caller;
use super::convert::encode;
use crate::enrolment::FirstOperators;
use crate::journal::{Draft, Journal};
use crate::programs::{ArrivalError, Content, Programs, Progress, SourceUrl, is_digest, named};
use crate::root::{RootError, RootHelper, Verdict};

/// How often a caller is told how far a program is: well before anything between takes the connection for dead.
const TELL: Duration = Duration::from_secs(1);
/// How much of a program is told at once.
const PART: usize = 1 << 18;
/// What a build is called while it arrives.
const BUILD: &str = "justmanage-agent";

/// The machine's side of an agent's API.
pub struct MachineApi {
    /// The Record: it names the operators.
    pub group: Arc<Group>,
    /// The operators before there is one.
    pub first_operators: FirstOperators,
    /// Learns when an operator was last here.
    pub contact: watch::Sender<Instant>,
    /// Server programs.
    pub programs: Programs,
    /// Who does what only root may; `None`: those do who log in here, and not we.
    pub root: Option<RootHelper>,
    /// Where root writes down what became of the last build.
    pub replaced: Option<PathBuf>,
    /// Who did what to this machine.
    pub journal: Arc<Journal>,
}

/// What an operator does, for the journal.
struct Deed {
    journal: Arc<Journal>,
    operator: Pin,
    generation: Option<Generation>,
    what: String,
}

impl Deed {
    /// Writes down what came of it.
    fn done<T>(&self, outcome: &Result<T, Status>) {
        let outcome = match outcome {
            Ok(_) => Outcome::Done,
            Err(status) => Outcome::Failed(status.message().to_owned()),
        };
        let (who, what) = (Who::Operator(self.operator), Event::Step(self.what.clone()));
        let draft = Draft { generation: self.generation, who, what, outcome, ..Draft::default() };
        self.journal.write(Timestamp::now(), draft);
    }
}

type Replies = ReceiverStream<Result<ProgramReply, Status>>;

impl MachineApi {
    /// As a service for a tonic server.
    pub fn into_server(self) -> MachineServer<Self> {
        MachineServer::new(self)
    }

    fn operator<T>(&self, request: &Request<T>) -> Result<Pin, Status> {
        let record = self.group.get().or_else(|| self.group.invitation());
        let operator = caller::of(request, record.as_ref(), &self.first_operators)?.operator()?;
        self.contact.send_replace(Instant::now());
        Ok(operator)
    }

    fn deed(&self, operator: Pin, what: String) -> Deed {
        let generation = self.group.get().map(|record| record.generation);
        Deed { journal: self.journal.clone(), operator, generation, what }
    }

    /// Whether the helper that started this agent was ended before its verdict.
    fn is_unconfirmed(&self) -> bool {
        let before = self.replaced.as_ref().map(|replaced| replaced.with_file_name("before"));
        before.is_some_and(|before| before.is_symlink())
    }

    fn root(&self) -> Result<RootHelper, Status> {
        self.root.clone().ok_or_else(|| {
            Status::failed_precondition(
                "this machine has no root helper: whoever manages it can log in to it, and does it there",
            )
        })
    }
}

#[tonic::async_trait]
impl Machine for MachineApi {
    type KeepStream = Replies;
    type ReadStream = ReceiverStream<Result<ReadProgramReply, Status>>;
    type ReplaceStream = Replies;

    async fn programs(&self, request: Request<ProgramsRequest>) -> Result<Response<ProgramsReply>, Status> {
        self.operator(&request)?;
        let replacement = self.replaced.as_ref().and_then(|path| std::fs::read(path).ok());
        Ok(Response::new(ProgramsReply {
            kept: encode(&self.programs.all().await)?,
            agent_version: crate::version().to_owned(),
            replacement: replacement.unwrap_or_default(),
            machine: std::env::consts::ARCH.to_owned(),
        }))
    }

    async fn keep(&self, request: Request<Streaming<ProgramPart>>) -> Result<Response<Replies>, Status> {
        let operator = self.operator(&request)?;
        let mut parts = request.into_inner();
        let first = first(&mut parts, &self.programs).await?;
        named(&first.file_name, &first.sha256)?;
        let reserved = self.programs.reserve()?;
        if let Some(kept) = self.programs.kept(&first.file_name, &first.sha256).await {
            return one(What::Kept(encode(&kept)?));
        }
        let programs = self.programs.clone();
        let deed = self.deed(operator, format!("keep {} of SHA-256 {}", first.file_name, first.sha256));
        Ok(follow(deed, move |progress| {
            let _reserved = reserved;
            let name = (first.file_name.clone(), first.sha256.clone());
            let mut content = content(&programs, first, parts)?;
            let kept = programs.keep((&name.0, &name.1), &mut *content, progress)?;
            Ok(What::Kept(encode(&kept)?))
        }))
    }

    async fn read(&self, request: Request<ReadProgramRequest>) -> Result<Response<Self::ReadStream>, Status> {
        self.operator(&request)?;
        let ReadProgramRequest { file_name, sha256 } = request.into_inner();
        let file = self.programs.file(named(&file_name, &sha256)?).await?;
        let file = file.ok_or_else(|| Status::not_found(format!("no {file_name} of SHA-256 {sha256} is kept here")))?;
        let (tell, told) = mpsc::channel(1);
        tokio::spawn(async move { read(file, &tell).await });
        Ok(Response::new(ReceiverStream::new(told)))
    }

    async fn replace(&self, request: Request<Streaming<ProgramPart>>) -> Result<Response<Replies>, Status> {
        let operator = self.operator(&request)?;
        let mut parts = request.into_inner();
        let first = first(&mut parts, &self.programs).await?;
        let warrant = warrant(&first.warrant)?;
        let Purpose::Agent { sha256, version } = terms(&warrant)?.purpose else {
            return Err(Status::invalid_argument("the warrant is for something else than a build"));
        };
        if !is_digest(&sha256) {
            return Err(Status::invalid_argument("the warrant's SHA-256 is none"));
        }
        let root = self.root()?;
        // Root asks the same again: this only saves the way. A build that nobody has seen to come up is not here to stay yet.
        if !self.is_unconfirmed() && crate::version().parse::<Version>().is_ok_and(|own| own >= version) {
            return one(What::Stays(crate::version().to_owned()));
        }
        let reserved = self.programs.reserve()?;
        let programs = self.programs.clone();
        let deed = self.deed(operator, format!("put agent {version} of SHA-256 {sha256} in this one's place"));
        Ok(follow(deed, move |progress| {
            let _reserved = reserved;
            let mut content = content(&programs, first, parts)?;
            let build = programs.receive((BUILD, &sha256), &mut *content, progress)?;
            info!(%version, "a build is to take this agent's place");
            match root.replace(&warrant, build.path()).map_err(|error| refused(&error))? {
                Verdict::Stays(version) => Ok(What::Stays(version.to_string())),
                Verdict::Placed => Ok(What::Placed(true)),
            }
        }))
    }

    async fn limit(&self, request: Request<LimitRequest>) -> Result<Response<LimitReply>, Status> {
        let operator = self.operator(&request)?;
        let warrant = warrant(&request.into_inner().warrant)?;
        let root = self.root()?;
        let deed = self.deed(operator, "limit the server of this machine".to_owned());
        let asked = tokio::task::spawn_blocking(move || root.limit(&warrant));
        let asked = asked.await.map_err(|error| Status::internal(error.to_string()))?;
        let later = asked.map_err(|error| refused(&error));
        deed.done(&later);
        Ok(Response::new(LimitReply { later: later? }))
    }
}

/// The first part of a program: it says which.
async fn first(parts: &mut Streaming<ProgramPart>, programs: &Programs) -> Result<ProgramPart, Status> {
    let first = tokio::time::timeout(programs.stall(), parts.message()).await;
    first
        .map_err(|_| Status::deadline_exceeded("it was not said which program is meant"))??
        .ok_or_else(|| Status::invalid_argument("it was not said which program is meant"))
}

/// Does what takes its time on a thread of its own, and tells the caller how far it is. Whoever goes away ends it.
fn follow(deed: Deed, work: impl FnOnce(&Progress) -> Result<What, Status> + Send + 'static) -> Response<Replies> {
    let (tell, told) = mpsc::channel(1);
    let progress = Arc::new(Progress::default());
    let seen = progress.clone();
    let mut working = tokio::task::spawn_blocking(move || work(&seen));
    tokio::spawn(async move {
        let last = loop {
            tokio::select! {
                done = &mut working => break done.unwrap_or_else(|error| Err(Status::internal(error.to_string()))),
                () = tokio::time::sleep(TELL) => {
                    let received = What::Received(progress.received());
                    // One who does not read has what was said before.
                    let _ = tell.try_send(Ok(reply(received)));
                }
                () = tell.closed() => {
                    progress.abandon();
                    break working.await.unwrap_or_else(|error| Err(Status::internal(error.to_string())));
                }
            }
        };
        deed.done(&last);
        if let Err(status) = &last {
            warn!(why = status.message(), "a program was not taken");
        }
        let _ = tell.send(last.map(reply)).await;
    });
    Response::new(ReceiverStream::new(told))
}

/// Tells a file's content, as fast as the caller takes it. One who goes away ends it.
async fn read(mut file: File, tell: &mpsc::Sender<Result<ReadProgramReply, Status>>) {
    loop {
        let mut content = vec![0; PART];
        let said = match file.read(&mut content).await {
            Ok(0) => return,
            Ok(length) => {
                content.truncate(length);
                Ok(ReadProgramReply { content })
            }
            Err(error) => Err(Status::data_loss(format!("the program cannot be read: {error}"))),
        };
        let ends = said.is_err();
        if tell.send(said).await.is_err() || ends {
            return;
        }
    }
}

/// The one answer to whoever needs no other.
fn one(what: What) -> Result<Response<Replies>, Status> {
    let (tell, told) = mpsc::channel(1);
    tell.try_send(Ok(reply(what))).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Response::new(ReceiverStream::new(told)))
}

const fn reply(what: What) -> ProgramReply {
    ProgramReply { what: Some(what) }
}

/// Where the content comes from: as the first part says.
fn content(
    programs: &Programs,
    first: ProgramPart,
    parts: Streaming<ProgramPart>,
) -> Result<Box<dyn Content>, ArrivalError> {
    if first.url.is_empty() {
        let begun = (!first.content.is_empty()).then_some(first.content);
        return Ok(Box::new(Sent { begun, parts, stall: programs.stall(), runtime: Handle::current() }));
    }
    programs.fetch(&first.url.parse::<SourceUrl>()?)
}

/// What a caller sends.
struct Sent {
    begun: Option<Vec<u8>>,
    parts: Streaming<ProgramPart>,
    stall: Duration,
    runtime: Handle,
}

impl Content for Sent {
    fn next(&mut self) -> Result<Option<Vec<u8>>, ArrivalError> {
        if let Some(begun) = self.begun.take() {
            return Ok(Some(begun));
        }
        let next = self.runtime.block_on(tokio::time::timeout(self.stall, self.parts.message()));
        let broken = |why: String| ArrivalError::Source { from: self.from(), why };
        match next {
            Err(_) => Err(broken(format!("nothing more came for {} s", self.stall.as_secs()))),
            Ok(Err(status)) => Err(broken(format!("it broke off: {}", status.message()))),
            Ok(Ok(part)) => Ok(part.map(|part| part.content)),
        }
    }

    fn from(&self) -> String {
        "what the caller sends".to_owned()
    }
}

fn warrant(json: &[u8]) -> Result<Warrant, Status> {
    serde_json::from_slice(json).map_err(|error| Status::invalid_argument(format!("that is no warrant: {error}")))
}

/// What a warrant says. Whether that was ever signed is root's question.
fn terms(warrant: &Warrant) -> Result<Terms, Status> {
    serde_json::from_str(&warrant.terms)
        .map_err(|error| Status::invalid_argument(format!("the warrant says what this version does not read: {error}")))
}

fn refused(error: &RootError) -> Status {
    let text = error.to_string();
    match error {
        RootError::Busy => Status::unavailable(text),
        RootError::Refused(_) => Status::failed_precondition(text),
        RootError::NoAnswer(_) => Status::unknown(text),
    }
}
