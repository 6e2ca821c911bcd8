//! The operator of agents on a cloud's machines: whoever holds the operator key.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_identity::{KeyPair, enrol as identity, signature};
use justmanage_model::node::AgentInfo;
use justmanage_model::{Claim, EnrolmentToken, Pin};
use justmanage_platform_cloud::{NotEnrolled, Operator};
use justmanage_platforms::PlatformError;

use super::enrol::{EnrolError, enrol};

/// The holder of an operator key, who believes what other operators have signed as well, if they are listed.
pub struct CloudOperator {
    key: Arc<KeyPair>,
    trusted: BTreeSet<Pin>,
}

impl CloudOperator {
    /// With this key, and the operators whom its holder trusts besides.
    #[must_use]
    pub fn new(key: Arc<KeyPair>, mut trusted: BTreeSet<Pin>) -> Self {
        trusted.insert(key.pin());
        Self { key, trusted }
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

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, PlatformError> {
        signature::sign(&self.key, text).map_err(|error| unusable(&error))
    }

    fn is_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        signature::signer(text, signature).is_some_and(|signer| self.trusted.contains(&signer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_has_signed_is_believed_by_those_who_list_them() {
        let key = || Arc::new(KeyPair::generate().expect("a key"));
        let (one, other) = (key(), key());
        let signature = CloudOperator::new(one.clone(), BTreeSet::new()).sign(b"text").expect("a signature");
        assert!(signature.len() <= justmanage_platform_cloud::operator::SIGNATURE_MAX);
        assert!(CloudOperator::new(one.clone(), BTreeSet::new()).is_signed(b"text", &signature));
        assert!(!CloudOperator::new(other.clone(), BTreeSet::new()).is_signed(b"text", &signature));
        assert!(CloudOperator::new(other, [one.pin()].into()).is_signed(b"text", &signature));
    }
}
