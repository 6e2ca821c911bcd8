//! The server stopped, if it still is what it was when that was decided.

use std::time::{Duration, Instant};

use justmanage_engine::CallError;
use justmanage_engine::bus::BusNode;
use justmanage_model::record::Operation;
use justmanage_model::{NodeId, Phase, Record};
use justmanage_record::Standing;

use super::{STOP_LIMIT, StepError};
use crate::turn::Turn;

/// How long a server may write its first append-only file, as a replica does after a full copy, before stopping it counts as failed.
const FIRST_FILE_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked whether it is done.
const FIRST_FILE_PACE: Duration = Duration::from_millis(50);

impl Turn {
    pub(super) async fn stop(&mut self, record: &Record) -> Result<(), StepError> {
        if record.phase != Phase::Leaving {
            self.check_program(record).await?;
        }
        let until = Instant::now() + FIRST_FILE_PATIENCE;
        loop {
            match self.stop_once(record).await {
                Err(StepError::Server(CallError::NotNow { .. })) if Instant::now() < until => {
                    tokio::time::sleep(FIRST_FILE_PACE).await;
                }
                ended => return ended,
            }
        }
    }

    async fn stop_once(&mut self, record: &Record) -> Result<(), StepError> {
        self.check_role(record).await?;
        let Ok(mut connection) = self.server(record).await else {
            return Ok(self.tools.supervisor.stop(STOP_LIMIT).await?);
        };
        connection.set_limit(STOP_LIMIT);
        self.memory.saves(&self.tools.directory);
        // Asked politely it says why it cannot save; the signal that follows only makes sure.
        let asked = async { connection.shutdown().await.map_err(StepError::from) };
        self.tools.supervisor.stop_asking(asked, STOP_LIMIT).await
    }

    /// Looks at the server once more, last of all: between the decision to stop it and this moment, seconds may have gone by in which
    /// its primary died and it was elected. A server that does not say what it is may be just that.
    async fn check_role(&mut self, record: &Record) -> Result<(), StepError> {
        // The Record that a removed node still has may grant it a restart for ever.
        let removed = matches!(&*self.tools.store.standing().borrow(), Standing::Removed);
        let operation = stopped_for(record, self.tools.info.claim.node).filter(|_| !removed);
        let Some(operation) = operation else { return Ok(()) };
        match self.is_in_charge(record).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(StepError::NotNow),
            // A program that hangs does not hinder the one that it is to make room for.
            Err(_) if operation == Operation::PutBack => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn is_in_charge(&mut self, record: &Record) -> Result<bool, CallError> {
        let mut server = self.server(record).await?;
        let myself = server.myself().await?;
        self.connection = Some(server);
        Ok(serves(&myself))
    }
}

/// For which grant a node's server is stopped that would hand over first, were it the primary of its shard. A shard of one member has
/// nobody to hand over to, and a cluster that is taken down needs nobody.
fn stopped_for(record: &Record, node: NodeId) -> Option<Operation> {
    let grant = record.grant.as_ref().filter(|grant| grant.nodes.contains(&node) && record.phase == Phase::Formed)?;
    let shard = record.shard_of(node)?;
    let members = record.members.values().filter(|member| member.seat.shard == shard).count();
    let stops = matches!(grant.operation, Operation::Restart | Operation::PutBack);
    (stops && members > 1).then_some(grant.operation)
}

/// A primary that owns slots; one that owns none has no writers.
fn serves(server: &BusNode) -> bool {
    !server.replica && !server.slots.is_empty()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use justmanage_engine::bus::parse_nodes;
    use justmanage_model::{Generation, Grant};

    use super::*;
    use crate::samples::{self, node};

    #[test]
    fn who_has_others_in_its_shard_is_looked_at_again() {
        let granted = |replicas, operation| {
            let nodes = BTreeSet::from([node(1)]);
            let grant = Grant { operation, nodes, given: Generation::new(7), moves: Vec::new() };
            Record { grant: Some(grant), ..samples::record(2, replicas) }
        };
        let restart = || granted(1, Operation::Restart);
        for (what, record, whom, expected) in [
            ("a restart", restart(), 1, Some(Operation::Restart)),
            ("a way back", granted(1, Operation::PutBack), 1, Some(Operation::PutBack)),
            ("a handover", granted(1, Operation::Handover), 1, None),
            ("alone in its shard", granted(0, Operation::Restart), 1, None),
            ("another node's grant", restart(), 0, None),
            ("no grant", Record { grant: None, ..restart() }, 1, None),
            ("taken down", Record { phase: Phase::Leaving, ..restart() }, 1, None),
        ] {
            assert_eq!(stopped_for(&record, node(whom)), expected, "{what}");
        }
    }

    #[test]
    fn a_primary_with_slots_is_not_stopped_and_whoever_has_none_is() {
        let (own, other) = ("07".repeat(20), "08".repeat(20));
        let line =
            |role: &str, slots: &str| format!("{own} 127.0.0.1:7000@17000 myself,{role} 0 0 1 connected{slots}\n");
        for (line, expected) in [
            (line("master -", " 0-5460"), true),
            (line("master -", ""), false),
            // It is about to get a slot, and has none yet.
            (line("master -", &format!(" [93-<-{other}]")), false),
            (line(&format!("slave {other}"), ""), false),
        ] {
            let nodes = parse_nodes(&line).expect("a line of CLUSTER NODES");
            assert_eq!(serves(&nodes[0]), expected, "{line}");
        }
    }
}
