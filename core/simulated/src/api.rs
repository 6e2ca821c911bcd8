//! The API of an agent that is played.

use std::time::Duration;

use justmanage_agent_proto::v1::agent_server::Agent;
use justmanage_agent_proto::v1::{
    BackupsReply, BackupsRequest, FailoverReply, FailoverRequest, FoundRequest, InviteRequest, JournalReply,
    JournalRequest, ObserveReply, ObserveRequest, ProposalReply, ProposeRequest, RelocateReply, RelocateRequest,
    SlotsReply, SlotsRequest, StatusReply, StatusRequest,
};
use justmanage_model::{NodeId, Record, Timestamp};
use serde::Serialize;
use tonic::{Request, Response, Status};

use crate::observation;
use crate::shared::Shared;
use crate::world::{Group, World};

/// One agent.
pub(crate) struct Play {
    pub(crate) node: NodeId,
    pub(crate) shared: Shared,
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(value).map_err(|error| Status::internal(error.to_string()))
}

fn read(json: &[u8]) -> Result<Record, Status> {
    serde_json::from_slice(json).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn answer(applied: bool, record: &Record) -> Result<Response<ProposalReply>, Status> {
    Ok(Response::new(ProposalReply { applied, record: encode(record)? }))
}

impl Play {
    /// What the agent says of the cluster now.
    fn observed(&self, version: u64, world: &World) -> Result<ObserveReply, Status> {
        let Some(group) = world.group_of(self.node) else {
            let record = world.record_of(self.node).map(encode).transpose()?.unwrap_or_default();
            let observation = encode(&justmanage_model::Observation::default())?;
            return Ok(ObserveReply { version, record, observation, waiting: b"[]".to_vec(), ..Default::default() });
        };
        let leader = world.leader(&group.record);
        let (observation, waiting) = observation::of(world, group);
        let formed = group.record.phase == justmanage_model::Phase::Formed;
        Ok(ObserveReply {
            version,
            record: encode(&group.record)?,
            observation: encode(&observation)?,
            converged: leader.is_some() && formed && waiting.is_empty(),
            waiting: encode(&waiting)?,
            leader: leader.map(|leader| leader.to_string()).unwrap_or_default(),
            last_operation: Vec::new(),
        })
    }
}

#[tonic::async_trait]
impl Agent for Play {
    async fn status(&self, _request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        let (version, world) = self.shared.look();
        let group = world.group_of(self.node);
        let node = match group {
            Some(group) if group.record.members.contains_key(&self.node) => {
                observation::node_of(&world, group, self.node)
            }
            group => observation::nothing(group),
        };
        let record = world.record_of(self.node).map(encode).transpose()?.unwrap_or_default();
        Ok(Response::new(StatusReply {
            version,
            record,
            node: encode(&node)?,
            founded: group.is_some(),
            now: Timestamp::now().to_string(),
        }))
    }

    async fn observe(&self, request: Request<ObserveRequest>) -> Result<Response<ObserveReply>, Status> {
        let ObserveRequest { seen, wait_ms, .. } = request.into_inner();
        let cluster = self.shared.look().1.group_of(self.node).map(|group| group.record.cluster);
        if let Some(cluster) = cluster {
            self.shared.work(cluster);
        }
        let news = self.shared.other_than(seen);
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms.into()), news).await;
        let (version, world) = self.shared.look();
        self.observed(version, &world).map(Response::new)
    }

    async fn invite(&self, request: Request<InviteRequest>) -> Result<Response<ProposalReply>, Status> {
        let record = read(&request.into_inner().record)?;
        record.check().map_err(|fault| Status::invalid_argument(fault.to_string()))?;
        if !record.belongs(self.node) {
            return Err(Status::invalid_argument("the Record does not have this node among its members"));
        }
        let founded = self.shared.look().1.group_of(self.node).map(|group| group.record.clone());
        if let Some(founded) = founded {
            return answer(false, &founded);
        }
        self.shared.change(|world| {
            if let Some(actor) = world.actors.get_mut(&self.node) {
                actor.invitation = Some(record.clone());
            }
        });
        answer(true, &record)
    }

    async fn found(&self, request: Request<FoundRequest>) -> Result<Response<ProposalReply>, Status> {
        let epoch = request.into_inner().epoch;
        let record = self.shared.look().1.record_of(self.node).cloned();
        let record = record.ok_or_else(|| Status::failed_precondition("this node was not invited to a cluster"))?;
        if record.epoch.to_string() != epoch {
            return Err(Status::failed_precondition("another epoch"));
        }
        self.shared.change(|world| {
            world.groups.entry(record.cluster).or_insert_with(|| Group::new(record.clone()));
        });
        answer(true, &record)
    }

    async fn propose(&self, request: Request<ProposeRequest>) -> Result<Response<ProposalReply>, Status> {
        let request = request.into_inner();
        let next = read(&request.record)?;
        let world = self.shared.look().1;
        let group = world.group_of(self.node).map(|group| group.record.clone());
        let before = group.ok_or_else(|| Status::failed_precondition("there is no group"))?;
        if world.leader(&before).is_none() {
            return Err(Status::unavailable("the agents have no majority"));
        }
        drop(world);
        if before.generation.get() != request.expected_generation {
            return answer(false, &before);
        }
        before.check_next(&next).map_err(|fault| Status::invalid_argument(fault.to_string()))?;
        self.shared.change(|world| {
            if let Some(group) = world.groups.get_mut(&before.cluster) {
                group.record = next.clone();
            }
        });
        answer(true, &next)
    }

    async fn failover(&self, _request: Request<FailoverRequest>) -> Result<Response<FailoverReply>, Status> {
        Err(Status::unimplemented("nothing fails over here"))
    }

    async fn slots(&self, _request: Request<SlotsRequest>) -> Result<Response<SlotsReply>, Status> {
        Err(Status::unimplemented("slots are where they are to be at once"))
    }

    async fn journal(&self, _request: Request<JournalRequest>) -> Result<Response<JournalReply>, Status> {
        Ok(Response::new(JournalReply { entries: b"[]".to_vec() }))
    }

    async fn relocate(&self, _request: Request<RelocateRequest>) -> Result<Response<RelocateReply>, Status> {
        Ok(Response::new(RelocateReply {}))
    }

    async fn backups(&self, _request: Request<BackupsRequest>) -> Result<Response<BackupsReply>, Status> {
        Ok(Response::new(BackupsReply { backups: b"[]".to_vec() }))
    }
}
