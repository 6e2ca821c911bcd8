//! The first call to an agent on a machine that nobody can log in to: by a one-time token both learn each other's keys.

use std::net::SocketAddr;
use std::time::Duration;

use justmanage_agent_proto::v1::EnrolRequest;
use justmanage_agent_proto::v1::enrolment_client::EnrolmentClient;
use justmanage_identity::enrol::{Ends, token};
use justmanage_identity::{IdentityError, KeyPair, MeetError, Met, meet};
use justmanage_model::node::AgentInfo;
use justmanage_model::{Claim, Failure};
use tonic::{Code, Status};

/// Longest time for the answer. The agent writes one small file before; one that refuses takes its time, a second or a few.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Longest answer. What an agent says of itself is less than 1 KiB; until its proof was checked, it may be anybody who speaks.
const MESSAGE_LIMIT: usize = 64 * 1024;

/// Why an agent was not enrolled, by what the caller can do.
///
/// None of it repeats what the other side said: it has proven nothing.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It does not answer yet, or its answer was lost: it may be enrolled all the same. Calling again is safe, and may help.
    #[error("{0}")]
    NotYet(String),
    /// There is an agent, and it does not take this operator. Calling again does not help.
    #[error("{0}")]
    Refused(&'static str),
    /// Who answers is not the agent of this node, or something stands between. Nothing of its answer was believed.
    #[error("{0}")]
    NotTheAgent(String),
    /// Our own key cannot be used.
    #[error("{0}")]
    Key(IdentityError),
}

/// Enrols the agent at an address, which was born with the claim and with the token that comes of it and the operator's key: from then
/// on it obeys the operator, and what it says of itself (its key above all) can be relied on. Enrolling it again, with the same key,
/// changes nothing and is answered again; so a run that was killed is simply repeated.
///
/// One call, and no waiting for a machine to start: that is the caller's.
///
/// # Errors
/// [`EnrolError`].
pub async fn enrol(address: SocketAddr, claim: &Claim, operator: &KeyPair) -> Result<AgentInfo, EnrolError> {
    let token = token(operator, claim.cluster, claim.node).map_err(EnrolError::Key)?;
    let Met { channel, agent } = meet(address, operator).await.map_err(not_met)?;
    let ends = Ends { operator: operator.pin(), agent };
    let mut client = EnrolmentClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
    let call = client.enrol(EnrolRequest { proof: ends.operator_proof(&token).to_vec() });
    let reply = match tokio::time::timeout(ANSWER_LIMIT, call).await {
        Ok(reply) => reply.map_err(|status| refused(&status))?.into_inner(),
        Err(_) => return Err(EnrolError::NotYet(format!("nothing within {} s", ANSWER_LIMIT.as_secs()))),
    };
    if !ends.is_agent_proof(&token, &reply.proof) {
        return Err(EnrolError::NotTheAgent("what answers does not know the token of this node".into()));
    }
    let info: AgentInfo = serde_json::from_slice(&reply.agent)
        .map_err(|_| EnrolError::NotTheAgent("it says of itself what this version does not read".into()))?;
    match (info.pin == agent, info.claim == *claim) {
        (true, true) => Ok(info),
        (false, _) => Err(EnrolError::NotTheAgent("it says that its key is another than the one it has proven".into())),
        (_, false) => Err(EnrolError::NotTheAgent("it knows the token, and says that it is of another claim".into())),
    }
}

fn not_met(error: MeetError) -> EnrolError {
    match error {
        MeetError::Unreachable(why) => EnrolError::NotYet(why.to_string()),
        MeetError::Refused => EnrolError::Refused(
            "it lets in nobody whom it does not know: another operator has enrolled it, its order names others, or it has no token",
        ),
        MeetError::NoAgent(_) => EnrolError::NotTheAgent(error.to_string()),
        MeetError::Key(error) => EnrolError::Key(error),
    }
}

/// What a failed call means. By its code alone: the words are a stranger's.
fn refused(status: &Status) -> EnrolError {
    match status.code() {
        Code::Unauthenticated => EnrolError::Refused(
            "it was born with another token: for another node, or by another operator's key; or something stands between",
        ),
        Code::FailedPrecondition => EnrolError::Refused("another operator has enrolled it, or its order names others"),
        Code::Unimplemented => EnrolError::Refused("it was born without a token"),
        code => EnrolError::NotYet(format!("the call did not come to an end: {code}")),
    }
}

impl EnrolError {
    /// As a failure for users.
    pub fn failure(&self, address: SocketAddr, claim: &Claim) -> Failure {
        let node = claim.node;
        match self {
            Self::NotYet(why) => Failure::new(
                "Agent not reachable",
                format!("The agent of {node} does not answer at {address}: {why}."),
            )
            .hint("Its machine may still be starting, or a firewall lets nobody from here to that port.")
            .next("Nothing is known to have changed. Apply again: what was made is found, and enrolling twice is safe."),
            Self::Refused(why) => {
                Failure::new("Agent does not take this operator", format!("The agent of {node} at {address}: {why}."))
                    .hint("Use the operator key that made the machine. If it is lost, remove the machine and apply again.")
                    .next("This call changed nothing.")
            }
            Self::NotTheAgent(why) => Failure::new(
                "Somebody else answers for an agent",
                format!("At {address}, where the agent of {node} should be: {why}."),
            )
            .hint("See who has that address now, and what lies between. The machine may have been replaced, or its address moved.")
            .next("Nothing that it said was believed, and nothing was changed."),
            Self::Key(error) => Failure::new("Operator key not usable", format!("{error}.")),
        }
    }
}

#[cfg(test)]
mod tests;
