//! Between what travels and what is meant.

use justmanage_agent_proto::v1::ProposalReply;
use justmanage_model::Record;
use justmanage_record::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::{Response, Status};

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(value).map_err(|error| Status::internal(error.to_string()))
}

/// No Record is no bytes.
pub(super) fn encode_record(record: Option<&Record>) -> Result<Vec<u8>, Status> {
    record.map(encode).transpose().map(Option::unwrap_or_default)
}

pub(super) fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(json)
        .map_err(|error| Status::invalid_argument(format!("the Record cannot be read: {error}")))
}

/// The answer to whoever proposed `next`.
pub(super) fn proposal(taken: Result<(), StoreError>, next: &Record) -> Result<Response<ProposalReply>, Status> {
    match taken {
        Ok(()) => Ok(Response::new(ProposalReply { applied: true, record: encode(next)? })),
        Err(StoreError::Conflict(record)) => {
            Ok(Response::new(ProposalReply { applied: false, record: encode_record(record.as_deref())? }))
        }
        Err(error) => Err(refused(&error)),
    }
}

/// What the store could not do.
pub(super) fn refused(error: &StoreError) -> Status {
    let text = error.to_string();
    match error {
        StoreError::Conflict(_) => Status::aborted(text),
        StoreError::OtherEpoch => Status::failed_precondition(text),
        StoreError::Invalid(_) => Status::invalid_argument(text),
        StoreError::NoMajority(_) => Status::unavailable(text),
        StoreError::Unknown(_) => Status::unknown(text),
    }
}
