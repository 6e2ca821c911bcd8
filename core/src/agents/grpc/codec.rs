//! Between what travels and what is meant.

use justmanage_agent_proto::v1::{ObserveReply, ProposalReply, StatusReply};
use justmanage_model::Record;
use justmanage_model::record::{LAYOUT, Outline};
use serde::de::DeserializeOwned;
use tonic::{Code, Status};

use crate::agents::{AgentError, ClusterStatus, NodeReply, Proposal};

pub(super) fn node(reply: StatusReply) -> Result<NodeReply, AgentError> {
    let (record, node, now) = (record(&reply.record)?, decode(&reply.node)?, reply.now.parse().ok());
    Ok(NodeReply { record, node, founded: reply.founded, now })
}

pub(super) fn cluster(reply: ObserveReply) -> Result<ClusterStatus, AgentError> {
    let leader = match reply.leader.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|error| unreadable(&error))?),
    };
    Ok(ClusterStatus {
        record: record(&reply.record)?,
        observation: decode(&reply.observation)?,
        converged: reply.converged,
        waiting: decode(&reply.waiting)?,
        leader,
        last_operation: match reply.last_operation.as_slice() {
            [] => None,
            json => Some(decode(json)?),
        },
    })
}

pub(super) fn proposal(reply: ProposalReply) -> Result<Proposal, AgentError> {
    match (reply.applied, record(&reply.record)?) {
        (true, Some(record)) => Ok(Proposal::Applied(record)),
        (true, None) => Err(AgentError::Refused("it took a Record and shows none".into())),
        (false, record) => Ok(Proposal::Conflict(record)),
    }
}

pub(super) fn encode(record: &Record) -> Result<Vec<u8>, AgentError> {
    serde_json::to_vec(record).map_err(|error| AgentError::Refused(error.to_string()))
}

pub(super) fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, AgentError> {
    serde_json::from_slice(json).map_err(|error| unreadable(&error))
}

/// A Record, if there is one.
fn record(json: &[u8]) -> Result<Option<Record>, AgentError> {
    if json.is_empty() {
        return Ok(None);
    }
    let outline: Outline = decode(json)?;
    if outline.is_newer() {
        let layout = outline.layout;
        let what =
            format!("its Record has layout {layout}, and this version reads layouts up to {LAYOUT}; use a newer one");
        return Err(AgentError::Refused(what));
    }
    decode(json).map(Some)
}

fn unreadable(error: &dyn std::fmt::Display) -> AgentError {
    AgentError::Refused(format!("it answered in a way that this version does not read: {error}"))
}

/// What a failed call means for its caller.
pub(super) fn error(status: &Status) -> AgentError {
    let chain = causes(status);
    // What the agent itself answered has no cause on our side.
    let answered = chain.len() == 1;
    match status.code() {
        Code::PermissionDenied | Code::Unauthenticated => AgentError::Denied,
        Code::Unimplemented => AgentError::Refused(
            "it is too old for this; the next apply brings it to the version of this provider".into(),
        ),
        // The TLS alert of a peer that does not know our key, or our own refusal of a key that we do not expect.
        _ if chain.iter().any(|cause| refused_certificate(cause)) => AgentError::Denied,
        Code::Unavailable if chain.iter().any(|cause| cause.contains("onnection refused")) => {
            AgentError::Unreachable("connection refused".into())
        }
        Code::Unavailable if answered => AgentError::NotNow(status.message().to_owned()),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
            AgentError::NoAnswer(chain.into_iter().next_back().unwrap_or_else(|| status.message().to_owned()))
        }
        _ => AgentError::Refused(status.message().to_owned()),
    }
}

fn refused_certificate(cause: &str) -> bool {
    ["AccessDenied", "ApplicationVerificationFailure", "CertificateRequired", "BadCertificate", "CertificateUnknown"]
        .iter()
        .any(|alert| cause.contains(alert))
}

/// The whole chain of causes as text, outermost first.
fn causes(status: &Status) -> Vec<String> {
    let mut texts = vec![status.message().to_owned()];
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_newer_layout_is_refused_before_anything_of_it_is_lost() {
        let newer = format!("{{\"layout\": {}, \"anything\": [\"else\"]}}", LAYOUT + 1);
        let said = record(newer.as_bytes()).expect_err("it is newer").to_string();
        assert!(said.contains("use a newer one"), "{said}");
        assert_eq!(record(b"").expect("there is none"), None);
    }

    #[test]
    fn what_an_agent_answers_is_told_from_what_the_network_does() {
        for (status, expected) in [
            (Status::unavailable("no majority"), AgentError::NotNow("no majority".into())),
            (Status::unknown("may have been taken"), AgentError::NoAnswer("may have been taken".into())),
            (Status::deadline_exceeded("late"), AgentError::NoAnswer("late".into())),
            (Status::permission_denied("who are you"), AgentError::Denied),
            (
                Status::unimplemented(""),
                AgentError::Refused(
                    "it is too old for this; the next apply brings it to the version of this provider".into(),
                ),
            ),
            (Status::invalid_argument("too large"), AgentError::Refused("too large".into())),
            (Status::failed_precondition("another epoch"), AgentError::Refused("another epoch".into())),
        ] {
            assert_eq!(error(&status), expected, "{status:?}");
        }
        let broken = Status::from_error(Box::new(std::io::Error::other("broken pipe")));
        assert_eq!(error(&broken), AgentError::NoAnswer("broken pipe".into()), "{broken:?}");
    }
}
