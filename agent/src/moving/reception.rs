//! What the agents of servers that give slots away ask of our server.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use justmanage_agent_proto::v1::{SlotsCall, SlotsReply, SlotsRequest};
use justmanage_engine::Connection;
use justmanage_engine::migrate::{Giver, Target, TargetError};
use justmanage_model::{Bytes, NodeId, Record, ServerState};

use super::convert;
use crate::server::ServerAccess;
use crate::status::NodeStatus;

/// The configuration key that says how soon what was written is on disk.
const FSYNC: &str = "appendfsync";

/// Puts the questions of other agents to our server; to each over a connection of its own, which is kept as long as slots move.
pub struct Reception {
    access: ServerAccess,
    kept: Mutex<HashMap<NodeId, Connection>>,
}

impl Reception {
    /// Before the server of a node.
    pub fn new(access: ServerAccess) -> Self {
        Self { access, kept: Mutex::default() }
    }

    /// Nobody asks any more.
    pub fn close(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Puts a question to the server, for an agent that may ask.
    pub async fn answer(&self, record: &Record, caller: NodeId, request: &SlotsRequest) -> SlotsReply {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&caller);
        let server = match kept {
            Some(server) => Ok(server),
            None => self.access.connect(record).await.map_err(TargetError::from),
        };
        let answer = async {
            let mut server = server?;
            let reply = put(&mut server, record, caller, request).await?;
            // After an error nobody knows what comes next on it.
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(caller, server);
            Ok(reply)
        };
        answer.await.unwrap_or_else(|error: TargetError| match error {
            TargetError::NotNow { why } => SlotsReply { why, later: true, ..SlotsReply::default() },
            TargetError::Refused { why } => SlotsReply { why, later: false, ..SlotsReply::default() },
        })
    }
}

/// Why an agent may not ask now, if it may not. `status` is what was last seen of our own node.
///
/// What is given to our server is gone where it was, so our server is first to keep it as the Record says.
pub(crate) fn why_not(
    record: &Record,
    (own, caller): (NodeId, NodeId),
    given: u64,
    status: Option<&NodeStatus>,
) -> Option<&'static str> {
    let grant = record.reshard_of(own).filter(|grant| grant.nodes.contains(&caller) && grant.given.get() == given);
    if grant.is_none() {
        return Some("no such move of slots is granted as far as is known here");
    }
    let server = match status.map(|status| &status.node.server) {
        Some(ServerState::Running(server)) if !server.loading => server,
        _ => return Some("its server does not answer yet"),
    };
    let wanted = record.wanted_config(own);
    (server.config.get(FSYNC) != wanted.get(FSYNC)).then_some("its server is not set for it yet")
}

/// Who gives, as its agent says; and who else of its shard could have been elected since, which it may not have heard.
fn giver(record: &Record, caller: NodeId, request: &SlotsRequest) -> Result<Giver, TargetError> {
    let (id, shard) = (convert::id(&request.from)?, record.shard_of(caller));
    let of_shard = record.members.values().filter(|member| Some(member.seat.shard) == shard);
    Ok(Giver { id, others: of_shard.filter_map(|member| member.bus_id).filter(|other| *other != id).collect() })
}

async fn put(
    server: &mut Connection,
    record: &Record,
    caller: NodeId,
    request: &SlotsRequest,
) -> Result<SlotsReply, TargetError> {
    let giver = || giver(record, caller, request);
    let (slots, nothing) = (convert::slots(&request.slots)?, SlotsReply::default());
    Ok(match request.call() {
        SlotsCall::Unspecified => return Err(TargetError::Refused { why: "this agent knows no such call".to_owned() }),
        SlotsCall::Room => SlotsReply { room: Target::room(server).await?.map(Bytes::get), ..nothing },
        SlotsCall::Import => done(Target::import(server, &slots, &giver()?).await?),
        SlotsCall::Own => done(Target::own(server, &slots, &giver()?).await?),
        SlotsCall::Release => done(Target::release(server, &slots).await?),
        SlotsCall::Side => convert::put_side(&Target::side(server).await?),
        SlotsCall::Holds => SlotsReply { slots: Target::holds(server, &slots).await?.to_string(), ..nothing },
        SlotsCall::Way => SlotsReply { way: convert::put_way(Target::way(server).await?).into(), ..nothing },
        SlotsCall::Pull => SlotsReply { id: Target::pull(server, &slots).await?, ..nothing },
        SlotsCall::Pulls => {
            SlotsReply { jobs: Target::pulls(server).await?.iter().map(convert::put_job).collect(), ..nothing }
        }
        SlotsCall::CancelPulls => done(Target::cancel_pulls(server).await?),
    })
}

fn done((): ()) -> SlotsReply {
    SlotsReply::default()
}

#[cfg(test)]
mod tests {
    use justmanage_model::record::Operation;
    use justmanage_model::{BusId, Generation, Grant, Role, ServerObservation};

    use super::*;
    use crate::samples::{self, node};

    /// Three nodes, of which the first and the second take part in what is granted by generation 7.
    fn record(operation: Operation) -> Record {
        let nodes = [node(0), node(1)].into();
        let grant = Grant { operation, nodes, given: Generation::new(7), moves: Vec::new() };
        Record { generation: Generation::new(8), grant: Some(grant), ..samples::record(3, 0) }
    }

    /// What is seen of a server with this setting.
    fn seen(fsync: &str) -> NodeStatus {
        let config = [(FSYNC.to_owned(), fsync.to_owned())].into();
        let server = ServerObservation { config, bus: None, ..samples::server(Role::Primary { replicas: Vec::new() }) };
        NodeStatus { record: None, node: samples::running(server) }
    }

    #[test]
    fn only_who_takes_part_in_a_move_that_is_granted_now_may_ask() {
        let (reshard, always) = (record(Operation::Reshard), seen("always"));
        let asks = |record: &Record, caller, given, status: Option<&NodeStatus>| {
            why_not(record, (node(0), node(caller)), given, status).is_none()
        };
        assert!(asks(&reshard, 1, 7, Some(&always)));
        assert!(!asks(&reshard, 2, 7, Some(&always)), "it does not take part");
        assert!(!asks(&reshard, 1, 6, Some(&always)), "by an earlier grant");
        assert!(!asks(&record(Operation::Restart), 1, 7, Some(&always)), "something else is granted");
        assert!(!asks(&Record { grant: None, ..reshard.clone() }, 1, 7, Some(&always)), "nothing is");
        assert!(why_not(&reshard, (node(2), node(1)), 7, Some(&always)).is_some(), "we do not take part");
        assert!(!asks(&reshard, 1, 7, Some(&seen("everysec"))), "what arrives would not be on disk");
        assert!(!asks(&reshard, 1, 7, None), "nobody has looked at it yet");
    }

    #[test]
    fn the_others_of_the_givers_shard_are_known_by_the_record() {
        // Two shards of three nodes each; of the last one of the first shard nobody knows the server yet.
        let mut record = samples::record(2, 2);
        for number in [0, 1, 3, 4, 5] {
            record.members.get_mut(&node(number)).expect("a member").bus_id = Some(BusId::new([number; 20]));
        }
        let giver = |caller, from: &str| {
            giver(&record, node(caller), &SlotsRequest { from: from.to_owned(), ..SlotsRequest::default() })
        };
        let id = |number| BusId::new([number; 20]);
        assert_eq!(giver(1, &id(1).to_string()), Ok(Giver { id: id(1), others: [id(0)].into() }));
        assert_eq!(giver(3, &id(3).to_string()), Ok(Giver { id: id(3), others: [id(4), id(5)].into() }));
        assert_eq!(giver(2, &id(2).to_string()), Ok(Giver { id: id(2), others: [id(0), id(1)].into() }));
        assert!(matches!(giver(1, ""), Err(TargetError::Refused { .. })), "an agent of an earlier release");
    }
}
