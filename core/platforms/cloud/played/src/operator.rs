//! An operator who enrols played agents.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_model::node::{AgentInfo, NodeOrder, ServerProgram};
use justmanage_model::{Claim, EnrolmentToken, Version};
use justmanage_platform_cloud::{Fetch, Inventory, NotEnrolled, Operator, Signer};
use justmanage_platforms::{Download, Limits, PlatformError};
use ring::hmac;

use crate::shelves::{Shelf, Shelves};

/// The operator that tests use, if nobody says otherwise.
pub const TRUSTED: u8 = 7;

/// Machines, as whoever dials them meets them.
#[async_trait]
pub trait Machines: Send + Sync {
    /// What the agent at an address was born with, and what it says of itself; `None`: nobody answers there.
    async fn agent_at(&self, address: SocketAddr) -> Option<(NodeOrder, AgentInfo)>;

    /// What they keep, for all who ask; `None`: nobody asks here.
    fn shelves(&self) -> Option<&Shelves> {
        None
    }
}

/// An operator with a secret of one byte.
pub struct PlayedOperator {
    secret: u8,
    /// Those of operators who are trusted once more, and then no longer.
    former: Vec<u8>,
    machines: Arc<dyn Machines>,
}

impl PlayedOperator {
    /// The operator with this secret.
    pub fn new(secret: u8, machines: Arc<dyn Machines>) -> Self {
        Self { secret, former: Vec::new(), machines }
    }

    /// The same, who trusts another one for the last time.
    #[must_use]
    pub fn after(mut self, former: u8) -> Self {
        self.former.push(former);
        self
    }

    /// What the machine of an agent keeps, if it answers.
    async fn shelf<T>(&self, agent: &AgentInfo, look: impl FnOnce(&mut Shelf) -> T) -> Result<T, PlatformError> {
        let answers = self.machines.agent_at(agent.agent).await.is_some_and(|(_, there)| there.pin == agent.pin);
        match self.machines.shelves().filter(|_| answers) {
            Some(shelves) => Ok(shelves.of(agent.agent, look)),
            None => Err(unreachable(agent)),
        }
    }

    fn sum(&self, text: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[self.secret; 32]);
        let mut sum = [0; 32];
        sum.copy_from_slice(hmac::sign(&key, text).as_ref());
        sum
    }
}

fn unreachable(agent: &AgentInfo) -> PlatformError {
    PlatformError::Unreachable {
        what: format!("{}: nobody answers at {}", agent.claim.node, agent.agent),
        hint: "See whether the machine runs.".into(),
    }
}

impl Signer for PlayedOperator {
    /// As long as a signature by a key is.
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PlatformError> {
        Ok(self.sum(text).into_iter().chain([0; 76]).collect())
    }

    fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let others = self.former.iter().map(|secret| Self::new(*secret, self.machines.clone()));
        self.lasts(text, signature) || others.into_iter().any(|other| other.lasts(text, signature))
    }

    fn lasts(&self, text: &[u8], signature: &[u8]) -> bool {
        self.sign(text).is_ok_and(|own| own == signature)
    }
}

#[async_trait]
impl Operator for PlayedOperator {
    fn token(&self, claim: &Claim) -> Result<EnrolmentToken, PlatformError> {
        Ok(EnrolmentToken::new(self.sum(format!("{} {}", claim.cluster, claim.node).as_bytes())))
    }

    async fn enrol(&self, agent: SocketAddr, claim: &Claim) -> Result<AgentInfo, NotEnrolled> {
        let Some((order, info)) = self.machines.agent_at(agent).await else {
            return Err(NotEnrolled::NotYet("connection refused".into()));
        };
        if order.token != Some(self.token(claim).map_err(NotEnrolled::Never)?) {
            return Err(NotEnrolled::Never(PlatformError::Denied {
                what: "it was born with another token".into(),
                hint: "Use the operator key that made the machine.".into(),
            }));
        }
        Ok(info)
    }

    async fn programs(&self, agent: &AgentInfo) -> Result<Inventory, PlatformError> {
        self.shelf(agent, |shelf| shelf.inventory()).await
    }

    async fn keep(&self, agent: &AgentInfo, program: &Download) -> Result<ServerProgram, PlatformError> {
        self.shelf(agent, |shelf| shelf.keep(program)).await?
    }

    async fn read(&self, agent: &AgentInfo, program: &ServerProgram) -> Result<Download, PlatformError> {
        self.shelf(agent, |shelf| shelf.read(program)).await?.ok_or_else(|| unreachable(agent))
    }

    async fn replace(&self, agent: &AgentInfo, build: &Fetch, version: Version) -> Result<Version, PlatformError> {
        self.shelf(agent, |shelf| shelf.builds.push((build.sha256.clone(), version))).await?;
        Ok(version)
    }

    async fn limit(&self, agent: &AgentInfo, limits: &Limits) -> Result<Vec<String>, PlatformError> {
        self.shelf(agent, |shelf| shelf.limits.push(*limits)).await?;
        Ok(Vec::new())
    }
}
