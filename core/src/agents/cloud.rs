//! The operator of agents on a cloud's machines: whoever holds the operator key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_identity::{KeyPair, enrol as identity, signature};
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_model::{Claim, EnrolmentToken, Pin, Version};
use justmanage_platform_cloud::{Fetch, Inventory, NotEnrolled, Operator, Signer};
use justmanage_platforms::{Download, Limits, PlatformError};

use super::enrol::{EnrolError, enrol};
use super::{AgentError, GrpcAgents, MachineError, Program, Programs};

/// Operators besides the one who holds the key, whose word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// From now on.
    pub now: BTreeSet<Pin>,
    /// Once more, and then no longer: they are being withdrawn.
    pub former: BTreeSet<Pin>,
}

/// The holder of an operator key, who believes what other operators have signed as well, if they are listed.
pub struct CloudOperator {
    key: Arc<KeyPair>,
    trusted: Trusted,
    agents: Arc<GrpcAgents>,
}

impl CloudOperator {
    /// With this key, and the operators whom its holder trusts besides. `agents`: calls to agents, with the same key.
    #[must_use]
    pub fn new(key: Arc<KeyPair>, mut trusted: Trusted, agents: Arc<GrpcAgents>) -> Self {
        trusted.now.insert(key.pin());
        Self { key, trusted, agents }
    }
}

fn unusable(error: &justmanage_identity::IdentityError) -> PlatformError {
    PlatformError::Invalid {
        field: "operator_key".into(),
        what: format!("the operator key cannot be used: {error}"),
        hint: "Use an Ed25519 key in PEM (PKCS#8).".into(),
    }
}

#[async_trait]
impl Operator for CloudOperator {
    fn token(&self, claim: &Claim) -> Result<EnrolmentToken, PlatformError> {
        identity::token(&self.key, claim.cluster, claim.node).map_err(|error| unusable(&error))
    }

    async fn enrol(&self, agent: SocketAddr, claim: &Claim) -> Result<AgentInfo, NotEnrolled> {
        enrol(agent, claim, &self.key).await.map_err(|error| {
            let what = format!("the agent of {} at {agent}: {error}", claim.node);
            match error {
                EnrolError::NotYet(why) => NotEnrolled::NotYet(why),
                EnrolError::Refused(_) => NotEnrolled::Never(PlatformError::Denied {
                    what,
                    hint:
                        "Use the operator key that made the machine. If it is lost, remove the machine and apply again."
                            .into(),
                }),
                EnrolError::NotTheAgent(_) => NotEnrolled::Never(PlatformError::Failed {
                    what,
                    hint: "See who has that address now, and what lies between. Nothing that it said was believed."
                        .into(),
                }),
                EnrolError::Key(error) => NotEnrolled::Never(unusable(&error)),
            }
        })
    }

    async fn programs(&self, agent: &AgentInfo) -> Result<Inventory, PlatformError> {
        let Programs { kept, machine, .. } =
            self.agents.programs(agent).await.map_err(|error| MachineError::from(error).of(&name(agent)))?;
        Ok(Inventory { kept, machine })
    }

    async fn keep(&self, agent: &AgentInfo, program: &Download) -> Result<ServerProgram, PlatformError> {
        self.agents.keep(agent, program).await.map_err(|error| error.of(&name(agent)))
    }

    async fn read(&self, agent: &AgentInfo, program: &ServerProgram) -> Result<Download, PlatformError> {
        self.agents.read(agent, program).await.map_err(|error| error.of(&name(agent)))
    }

    /// From the first address that gives it.
    async fn replace(&self, agent: &AgentInfo, build: &Fetch, version: Version) -> Result<Version, PlatformError> {
        let mut failed = None;
        for url in &build.urls {
            let program = Program::At { sha256: build.sha256.clone(), url: url.clone() };
            match self.agents.replace(agent, &program, version).await {
                Ok(runs) => return Ok(runs.parse().unwrap_or(version)),
                Err(error @ MachineError::Agent(AgentError::Refused(_))) => failed = Some(error),
                Err(error) => return Err(error.of(&name(agent))),
            }
        }
        let nowhere = || AgentError::Refused("nobody has said where its build is".into()).into();
        Err(failed.unwrap_or_else(nowhere).of(&name(agent)))
    }

    async fn limit(&self, agent: &AgentInfo, limits: &Limits) -> Result<Vec<String>, PlatformError> {
        self.agents.limit(agent, limits).await.map_err(|error| error.of(&name(agent)))
    }
}

/// What the machine of an agent is called.
fn name(agent: &AgentInfo) -> String {
    format!("{} at {}", agent.claim.node, agent.agent.ip())
}

impl Signer for CloudOperator {
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PlatformError> {
        signature::sign(&self.key, text).map_err(|error| unusable(&error))
    }

    fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let is_former = |signer: Pin| self.trusted.former.contains(&signer);
        self.lasts(text, signature) || signature::signer(text, signature).is_some_and(is_former)
    }

    fn lasts(&self, text: &[u8], signature: &[u8]) -> bool {
        signature::signer(text, signature).is_some_and(|signer| self.trusted.now.contains(&signer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OperatorKey;

    #[test]
    fn what_an_operator_has_signed_is_believed_by_those_who_list_them() {
        let key = || Arc::new(KeyPair::generate().expect("a key"));
        let operator = |key: &Arc<KeyPair>, trusted| {
            let agents = GrpcAgents::new(Arc::new(OperatorKey::at("/nonexistent/operator.key")));
            CloudOperator::new(key.clone(), trusted, Arc::new(agents))
        };
        let (one, other) = (key(), key());
        let by = |pins: [Pin; 1]| BTreeSet::from(pins);
        let (nobody, now) = (Trusted::default(), Trusted { now: by([one.pin()]), ..Trusted::default() });
        let former = Trusted { former: by([one.pin()]), ..Trusted::default() };
        let signature = operator(&one, nobody.clone()).sign(b"text").expect("a signature");
        assert!(signature.len() <= justmanage_platform_cloud::operator::SIGNATURE_MAX);
        for (key, trusted, is_signed, lasts) in [
            (&one, nobody.clone(), true, true),
            (&other, nobody, false, false),
            (&other, now, true, true),
            (&other, former, true, false),
        ] {
            let operator = operator(key, trusted.clone());
            let found = (operator.is_signed(b"text", &signature), operator.lasts(b"text", &signature));
            assert_eq!(found, (is_signed, lasts), "{trusted:?}");
            assert!(!operator.is_signed(b"another", &signature));
        }
    }
}
