//! The server that gets slots, by way of its agent.

use std::time::Duration;

use justmanage_agent_proto::v1::{SlotsCall, SlotsReply, SlotsRequest};
use justmanage_engine::migrate::{Giver, Job, Side, Target, TargetError, Way, marks_limit};
use justmanage_model::{Bytes, Epoch, Generation, Member, NodeId, SlotSet};
use tonic::Code;

use super::convert;
use crate::peers::Peers;

/// How long the other agent may take for what its server answers at once, a connection to it included.
const ANSWER: Duration = Duration::from_secs(3);

/// One that gets slots.
pub(super) struct Remote<'a> {
    pub(super) peers: &'a Peers,
    pub(super) to: (NodeId, &'a Member),
    pub(super) epoch: Epoch,
    pub(super) given: Generation,
}

impl Remote<'_> {
    async fn ask(&self, call: SlotsCall, slots: Option<&SlotSet>, limit: Duration) -> Result<SlotsReply, TargetError> {
        let slots = slots.map(ToString::to_string).unwrap_or_default();
        self.call(SlotsRequest { call: call.into(), slots, ..self.request() }, limit).await
    }

    /// The same about slots that our server gives. Who else is of its shard, the other agent knows by the Record.
    async fn ask_from(&self, call: SlotsCall, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        let (call, text) = (call.into(), slots.to_string());
        let request = SlotsRequest { call, slots: text, from: from.id.to_string(), ..self.request() };
        self.call(request, marks_limit(slots)).await.map(drop)
    }

    fn request(&self) -> SlotsRequest {
        SlotsRequest { epoch: self.epoch.to_string(), given: self.given.get(), ..SlotsRequest::default() }
    }

    async fn call(&self, request: SlotsRequest, limit: Duration) -> Result<SlotsReply, TargetError> {
        let reply = self.peers.slots(self.to, request, limit).await.map_err(|status| {
            let why = format!("the agent of node {} could not be asked: {}", self.to.0, status.message());
            match status.code() {
                Code::InvalidArgument | Code::PermissionDenied | Code::Unimplemented => TargetError::Refused { why },
                _ => TargetError::NotNow { why },
            }
        })?;
        match (reply.why.is_empty(), reply.later) {
            (true, _) => Ok(reply),
            (false, true) => Err(TargetError::NotNow { why: reply.why }),
            (false, false) => Err(TargetError::Refused { why: reply.why }),
        }
    }
}

impl Target for Remote<'_> {
    async fn room(&mut self) -> Result<Option<Bytes>, TargetError> {
        Ok(self.ask(SlotsCall::Room, None, ANSWER).await?.room.map(Bytes::new))
    }

    async fn import(&mut self, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        self.ask_from(SlotsCall::Import, slots, from).await
    }

    async fn own(&mut self, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        self.ask_from(SlotsCall::Own, slots, from).await
    }

    async fn release(&mut self, slots: &SlotSet) -> Result<(), TargetError> {
        self.ask(SlotsCall::Release, Some(slots), marks_limit(slots)).await.map(drop)
    }

    async fn side(&mut self) -> Result<Side, TargetError> {
        convert::side(&self.ask(SlotsCall::Side, None, ANSWER).await?)
    }

    async fn holds(&mut self, slots: &SlotSet) -> Result<SlotSet, TargetError> {
        convert::slots(&self.ask(SlotsCall::Holds, Some(slots), ANSWER).await?.slots)
    }

    async fn way(&mut self) -> Result<Option<Way>, TargetError> {
        Ok(convert::way(self.ask(SlotsCall::Way, None, ANSWER).await?.way()))
    }

    async fn pull(&mut self, slots: &SlotSet) -> Result<String, TargetError> {
        Ok(self.ask(SlotsCall::Pull, Some(slots), ANSWER).await?.id)
    }

    async fn pulls(&mut self) -> Result<Vec<Job>, TargetError> {
        self.ask(SlotsCall::Pulls, None, ANSWER).await?.jobs.iter().map(convert::job).collect()
    }

    async fn cancel_pulls(&mut self) -> Result<(), TargetError> {
        self.ask(SlotsCall::CancelPulls, None, ANSWER).await.map(drop)
    }
}
