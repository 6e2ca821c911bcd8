//! An operator who calls the part of the agent's API that is about its machine.

use justmanage_agent_proto::v1::machine_client::MachineClient;
use justmanage_agent_proto::v1::program_reply::What;
use justmanage_agent_proto::v1::{LimitRequest, ProgramPart, ProgramsRequest, ReadProgramRequest};
use justmanage_identity::{KeyPair, connect, warrant};
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_model::{Claim, Purpose, Replacement, Terms, Timestamp, Warrant};
use ring::digest;
use tonic::Status;
use tonic::transport::Channel;

use crate::node::Node;

/// An operator of a machine.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) client: MachineClient<Channel>,
}

impl Machine {
    pub(crate) fn of(node: &Node, agent: &AgentInfo) -> Self {
        let channel = connect(agent.agent, agent.pin, &node.operator).expect("a channel");
        Self { client: MachineClient::new(channel) }
    }

    /// What came of it.
    pub(crate) async fn keep(&mut self, parts: Vec<ProgramPart>) -> Result<ServerProgram, Status> {
        let replies = self.client.keep(tokio_stream::iter(parts)).await?.into_inner();
        match last(replies).await? {
            What::Kept(json) => Ok(serde_json::from_slice(&json).expect("JSON")),
            other => panic!("{other:?}"),
        }
    }

    /// What it keeps by this digest.
    pub(crate) async fn read(&mut self, file_name: &str, sha256: &str) -> Result<Vec<u8>, Status> {
        let request = ReadProgramRequest { file_name: file_name.to_owned(), sha256: sha256.to_owned() };
        let mut parts = self.client.read(request).await?.into_inner();
        let mut content = Vec::new();
        while let Some(part) = parts.message().await? {
            content.extend(part.content);
        }
        Ok(content)
    }

    pub(crate) async fn replace(&mut self, parts: Vec<ProgramPart>) -> Result<What, Status> {
        last(self.client.replace(tokio_stream::iter(parts)).await?.into_inner()).await
    }

    pub(crate) async fn limit(&mut self, warrant: &Warrant) -> Result<Vec<String>, Status> {
        let request = LimitRequest { warrant: serde_json::to_vec(warrant).expect("JSON") };
        Ok(self.client.limit(request).await?.into_inner().later)
    }

    /// Kept programs, the agent's version, and what became of the last build.
    pub(crate) async fn programs(&mut self) -> Result<(Vec<ServerProgram>, String, Option<Replacement>), Status> {
        let said = self.client.programs(ProgramsRequest {}).await?.into_inner();
        let replacement =
            (!said.replacement.is_empty()).then(|| serde_json::from_slice(&said.replacement).expect("JSON"));
        Ok((serde_json::from_slice(&said.kept).expect("JSON"), said.agent_version, replacement))
    }
}

/// The last reply: the outcome.
pub(crate) async fn last(
    mut replies: tonic::Streaming<justmanage_agent_proto::v1::ProgramReply>,
) -> Result<What, Status> {
    loop {
        match replies.message().await?.ok_or_else(|| Status::unknown("the end"))?.what.expect("a word") {
            What::Received(_) => {}
            outcome => return Ok(outcome),
        }
    }
}

/// What an operator signs for a machine, now.
pub(crate) fn signed(operator: &KeyPair, claim: &Claim, purpose: Purpose) -> Warrant {
    let terms = Terms { cluster: claim.cluster, node: claim.node, issued: Timestamp::now(), purpose };
    warrant::sign(operator, &terms).expect("a warrant")
}

pub(crate) fn sha256(content: &[u8]) -> String {
    digest::digest(&digest::SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server program and its digest, in parts of the size that operators send.
pub(crate) fn sent(content: &[u8], sha256: &str) -> Vec<ProgramPart> {
    let head = head(sha256, "");
    let rest = content.chunks(1 << 18).map(|part| ProgramPart { content: part.to_vec(), ..ProgramPart::default() });
    std::iter::once(head).chain(rest).collect()
}

pub(crate) fn head(sha256: &str, url: &str) -> ProgramPart {
    ProgramPart {
        file_name: "redis-server".to_owned(),
        sha256: sha256.to_owned(),
        url: url.to_owned(),
        ..ProgramPart::default()
    }
}
