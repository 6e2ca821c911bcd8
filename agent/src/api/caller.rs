//! Who calls, and what they may.

use justmanage_identity::Peer;
use justmanage_model::{NodeId, Pin, Record};
use tonic::{Request, Status};

use crate::enrolment::FirstOperators;

/// Who called, by the key that they proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// One who may tell the cluster what to be.
    Operator(Pin),
    /// The agent of a member or a spare.
    Member(NodeId),
}

/// The caller of a request. Who may only read metrics has no call here.
pub(super) fn of<T>(
    request: &Request<T>,
    record: Option<&Record>,
    first_operators: &FirstOperators,
) -> Result<Caller, Status> {
    let denied = || Status::permission_denied("this key may not make this call");
    let pin = request.extensions().get::<Peer>().ok_or_else(denied)?.pin;
    let Some(record) = record else {
        return if first_operators.contains(&pin) { Ok(Caller::Operator(pin)) } else { Err(denied()) };
    };
    if record.operators.contains(&pin) {
        return Ok(Caller::Operator(pin));
    }
    let agent = record.agents().find(|(_, agent)| agent.pin == pin);
    agent.map(|(node, _)| Caller::Member(node)).ok_or_else(denied)
}

impl Caller {
    /// The operator, if it is one.
    pub(super) fn operator(self) -> Result<Pin, Status> {
        match self {
            Self::Operator(pin) => Ok(pin),
            Self::Member(_) => Err(Status::permission_denied("only operators may make this call")),
        }
    }

    /// The member, if it is one.
    pub(super) fn member(self) -> Result<NodeId, Status> {
        match self {
            Self::Member(node) => Ok(node),
            Self::Operator(_) => Err(Status::permission_denied("only members' agents may make this call")),
        }
    }
}
