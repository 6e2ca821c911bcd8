//! What is done to a machine through its agent, where nobody can log in: programs are kept, the agent is replaced, the server is limited.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream;
use justmanage_agent_proto::v1::machine_client::MachineClient;
use justmanage_agent_proto::v1::program_reply::What;
use justmanage_agent_proto::v1::{
    LimitRequest, ProgramPart, ProgramReply, ProgramsReply as Reply, ProgramsRequest, ReadProgramRequest,
};
use justmanage_identity::warrant;
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_model::{Limits, Purpose, Replaced, Replacement, Terms, Timestamp, Version, Warrant};
use justmanage_platforms::Download;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use super::{ANSWER_LIMIT, GrpcAgents, codec, limited};
use crate::agents::{AgentError, MachineError, Program, Programs};
use crate::artefacts::sha256_of;

/// How much of a program is sent at once.
const PART: usize = 1 << 18;
/// Largest program that is carried, as the agents have it.
const LARGEST: usize = 512 << 20;
/// How long an agent may say nothing while a program arrives: it says how far it is each second, and before its first word it reads what
/// it has.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a program may come no further. The agent itself gives up a source after half a minute.
const STALL: Duration = Duration::from_secs(90);
/// How long root may take to limit a server: it waits for systemd, and for nobody else.
const ROOT_LIMIT: Duration = Duration::from_secs(95);
/// How long a replacement may take: half a minute for the build to come up, and as long again for the one before.
const REPLACE_LIMIT: Duration = Duration::from_secs(150);
/// How often it is asked meanwhile what became of it.
const PAUSE: Duration = Duration::from_millis(500);

impl GrpcAgents {
    /// Which programs a machine has.
    ///
    /// # Errors
    /// [`AgentError`]. An agent that is too old for this says so.
    pub async fn programs(&self, agent: &AgentInfo) -> Result<Programs, AgentError> {
        let mut client = self.machine(agent)?;
        let reply = limited(SILENCE, async { client.programs(ProgramsRequest {}).await }).await?;
        let replacement = match reply.replacement.as_slice() {
            [] => None,
            json => Some(codec::decode(json)?),
        };
        let Reply { kept, agent_version, machine, .. } = reply;
        Ok(Programs { kept: codec::decode(&kept)?, agent_version, machine, replacement })
    }

    /// Has a machine keep a server program, where its node can run it for as long as it lives. One that is there already is not sent again.
    ///
    /// # Errors
    /// [`MachineError`]: then it is not there, and calling again begins anew.
    pub async fn keep(&self, agent: &AgentInfo, program: &Download) -> Result<ServerProgram, MachineError> {
        let head = ProgramPart {
            file_name: program.file_name.clone(),
            sha256: program.sha256.clone(),
            ..ProgramPart::default()
        };
        self.keep_part(agent, head, Some(program.content.clone())).await
    }

    /// The same, and the machine fetches the program itself: `url` (http or https) leads to the bare program, of this SHA-256.
    ///
    /// # Errors
    /// As [`GrpcAgents::keep`].
    pub async fn fetch(
        &self,
        agent: &AgentInfo,
        (file_name, sha256): (&str, &str),
        url: &str,
    ) -> Result<ServerProgram, MachineError> {
        let head = ProgramPart {
            file_name: file_name.to_owned(),
            sha256: sha256.to_owned(),
            url: url.to_owned(),
            ..ProgramPart::default()
        };
        self.keep_part(agent, head, None).await
    }

    /// A server program that a machine keeps, to carry it to another one.
    ///
    /// # Errors
    /// [`MachineError`]; a program that is not kept there, or is not what it is called by, is refused.
    pub async fn read(&self, agent: &AgentInfo, program: &ServerProgram) -> Result<Download, MachineError> {
        let file_name = program.release.engine.server_binary().to_owned();
        let mut client = self.machine(agent)?;
        let request = ReadProgramRequest { file_name: file_name.clone(), sha256: program.sha256.clone() };
        let mut parts = limited(ANSWER_LIMIT, client.read(request)).await?;
        let mut content = Vec::new();
        loop {
            let part = tokio::time::timeout(SILENCE, parts.message()).await;
            let part = part.map_err(|_| AgentError::NoAnswer(format!("nothing within {} s", SILENCE.as_secs())))?;
            match part.map_err(|status| failed(&status))? {
                Some(part) if content.len() + part.content.len() > LARGEST => {
                    return Err(AgentError::Refused(format!("its {file_name} is larger than {LARGEST} bytes")).into());
                }
                Some(part) => content.extend(part.content),
                None => break,
            }
        }
        let found = sha256_of(&content);
        if found != program.sha256 {
            let what = format!("its {file_name} has SHA-256 {found}, not {}", program.sha256);
            return Err(AgentError::Refused(what).into());
        }
        Ok(Download { file_name, sha256: found, release: program.release.clone(), content: content.into() })
    }

    async fn keep_part(
        &self,
        agent: &AgentInfo,
        head: ProgramPart,
        content: Option<Arc<[u8]>>,
    ) -> Result<ServerProgram, MachineError> {
        let mut client = self.machine(agent)?;
        let call = client.keep(stream::iter(parts(head, content)));
        match follow(limited(SILENCE, call).await?).await? {
            What::Kept(program) => Ok(codec::decode(&program)?),
            _ => Err(odd()),
        }
    }

    /// Puts a build in the place of a machine's agent, by this operator's warrant, and waits until it has come up. One that is as new, or
    /// newer, stays. Answers with the version that runs now.
    ///
    /// # Errors
    /// [`MachineError::PutBack`]: it did not come up, and the one before runs again. Otherwise calling again goes on.
    pub async fn replace(&self, agent: &AgentInfo, build: &Program, version: Version) -> Result<String, MachineError> {
        let purpose = Purpose::Agent { sha256: build.sha256().to_owned(), version };
        let head = ProgramPart { warrant: self.warrant(agent, purpose)?, ..ProgramPart::default() };
        let (head, content) = match build {
            Program::Content { content, .. } => (head, Some(content.clone())),
            Program::At { url, .. } => (ProgramPart { url: url.clone(), ..head }, None),
        };
        let mut client = self.machine(agent)?;
        let call = client.replace(stream::iter(parts(head, content)));
        let said = match limited(SILENCE, call).await {
            Ok(replies) => follow(replies).await,
            Err(error) => Err(error.into()),
        };
        match said {
            Ok(What::Stays(version)) => return Ok(version),
            // The agent may have been ended before its last word arrived.
            Ok(What::Placed(_)) | Err(MachineError::Agent(AgentError::NoAnswer(_))) => {}
            Ok(_) => return Err(odd()),
            Err(error) => return Err(error),
        }
        let placed = said.is_ok();
        self.outcome(agent, build, placed).await
    }

    /// Waits until it is known what became of a build. One of which nobody knows whether it was placed has until the agent answers.
    async fn outcome(&self, agent: &AgentInfo, build: &Program, placed: bool) -> Result<String, MachineError> {
        let (begun, mut placed, mut last) =
            (Instant::now(), placed, AgentError::NoAnswer("it does not say more".into()));
        while begun.elapsed() < if placed { REPLACE_LIMIT } else { SILENCE } {
            match self.programs(agent).await {
                Ok(Programs { replacement: Some(Replacement { sha256, state, why, .. }), agent_version, .. })
                    if sha256 == build.sha256() =>
                {
                    match state {
                        Replaced::Done => return Ok(agent_version),
                        Replaced::PutBack | Replaced::Down => {
                            return Err(MachineError::PutBack { version: agent_version, why });
                        }
                        Replaced::Begun => placed = true,
                    }
                }
                // It was not placed: the connection broke before.
                Ok(_) if begun.elapsed() > ANSWER_LIMIT => return Err(broken()),
                Ok(_) => {}
                Err(error) => last = error,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last.into())
    }

    /// Limits what the server of a machine may use, by this operator's warrant. Answers with what is not in force before its next start, a
    /// sentence each.
    ///
    /// # Errors
    /// [`MachineError`]; calling again goes on.
    pub async fn limit(&self, agent: &AgentInfo, limits: &Limits) -> Result<Vec<String>, MachineError> {
        let request = LimitRequest { warrant: self.warrant(agent, Purpose::Limits(*limits))? };
        let mut client = self.machine(agent)?;
        Ok(limited(ROOT_LIMIT, async { client.limit(request).await }).await.map_err(MachineError::from)?.later)
    }

    fn machine(&self, agent: &AgentInfo) -> Result<MachineClient<Channel>, AgentError> {
        Ok(MachineClient::new(self.connection(agent)?.channel))
    }

    /// This operator's word that root may do this, on this machine alone.
    fn warrant(&self, agent: &AgentInfo, purpose: Purpose) -> Result<Vec<u8>, AgentError> {
        let refused = |error: &dyn std::fmt::Display| AgentError::Refused(error.to_string());
        let key = self.operator.existing().map_err(|failure| refused(&failure))?;
        let (cluster, node) = (agent.claim.cluster, agent.claim.node);
        let terms = Terms { cluster, node, issued: Timestamp::now(), purpose };
        let warrant: Warrant = warrant::sign(&key, &terms).map_err(|error| refused(&error))?;
        serde_json::to_vec(&warrant).map_err(|error| refused(&error))
    }
}

/// A program in parts: what it is, then its content.
fn parts(head: ProgramPart, content: Option<Arc<[u8]>>) -> impl Iterator<Item = ProgramPart> {
    let length = content.as_ref().map_or(0, |content| content.len());
    let rest = (0..length).step_by(PART).filter_map(move |at| {
        let content = content.as_ref()?.get(at..length.min(at + PART))?.to_vec();
        Some(ProgramPart { content, ..ProgramPart::default() })
    });
    std::iter::once(head).chain(rest)
}

/// Listens until there is an outcome, for as long as it goes on.
async fn follow(mut replies: Streaming<ProgramReply>) -> Result<What, MachineError> {
    let (mut received, mut since) = (0, Instant::now());
    loop {
        let reply = tokio::time::timeout(SILENCE, replies.message()).await;
        let reply = reply.map_err(|_| AgentError::NoAnswer(format!("nothing within {} s", SILENCE.as_secs())))?;
        match reply.map_err(|status| failed(&status))?.and_then(|reply| reply.what) {
            Some(What::Received(now)) if now > received => (received, since) = (now, Instant::now()),
            Some(What::Received(_)) if since.elapsed() > STALL => {
                let what = format!("of the program no more than {received} bytes arrived within {} s", STALL.as_secs());
                return Err(AgentError::NotNow(what).into());
            }
            Some(What::Received(_)) => {}
            Some(outcome) => return Ok(outcome),
            None => return Err(broken()),
        }
    }
}

/// What a status means that comes after the first word.
fn failed(status: &Status) -> MachineError {
    match status.code() {
        Code::ResourceExhausted => MachineError::Disk(status.message().to_owned()),
        _ => codec::error(status).into(),
    }
}

fn broken() -> MachineError {
    AgentError::NoAnswer("the connection ended before the agent said what became of it".into()).into()
}

fn odd() -> MachineError {
    AgentError::Refused("it answered in a way that this version does not read".into()).into()
}

#[cfg(test)]
mod tests;
