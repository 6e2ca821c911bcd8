//! What the turn has to do with the proof of an operation: it shows what it sees, waits for the probe before it disturbs a writer,
//! and writes the report down.

use std::time::Duration;

use justmanage_model::journal::{Event, Outcome, Who};
use justmanage_model::{NodeId, NodeObservation, Observation, OperationReport, Phase, Record, Timestamp};
use tokio::time::Instant;
use tracing::{debug, error, info};

use super::Turn;
use crate::journal::Draft;
use crate::proof::{Look, is_ready, prober};

/// Longest wait for the first answer that the shard's probe gets, before the first disturbance. It takes some tens of milliseconds;
/// a probe that gets none, or an agent that does not answer or knows no probes, must not hold up what was granted.
const PATIENCE: Duration = Duration::from_secs(2);
/// Rest after the probing agent could not be asked.
const REST: Duration = Duration::from_millis(50);

impl Turn {
    /// Follows the operation that goes on.
    pub(super) fn prove(
        &mut self,
        record: &Record,
        observation: &Observation,
        (converged, leads): (bool, bool),
        now: Timestamp,
    ) {
        let (own, secrets) = (self.tools.info.claim.node, self.tools.secrets.of(record).ok());
        let look = Look { own, record, observation, converged, leads, secrets, now };
        if let Some((report, true)) = self.proof.look(&look) {
            self.tell(record, &report);
        }
    }

    fn tell(&mut self, record: &Record, report: &OperationReport) {
        let total = report.total();
        let (what, lost, acknowledged) = (&report.what, total.lost, total.acknowledged);
        let (outcome, longest_pause_ms, took_ms) = (report.outcome(), total.longest_pause_ms, report.took_ms());
        if lost > 0 {
            error!(what, lost, acknowledged, longest_pause_ms, took_ms, outcome, "acknowledged writes were lost");
        } else {
            info!(what, lost, acknowledged, longest_pause_ms, took_ms, outcome, "an operation is over");
        }
        let outcome = if lost > 0 || report.halted.is_some() { Outcome::Failed(outcome) } else { Outcome::Done };
        let (who, what) = (Who::Agent(self.tools.info.claim.node), Event::Operation(Box::new(report.clone())));
        self.put(record, Draft { who, what, outcome, planned: lost == 0, ..Draft::default() });
    }

    /// Waits until what is about to be disturbed is watched: until the probe of our shard has had its first answer, or a little.
    pub(super) async fn await_probe(&self, record: &Record) {
        let own = self.tools.info.claim.node;
        let granted = record.grant.as_ref().is_some_and(|grant| grant.nodes.contains(&own));
        let Some(shard) = record.shard_of(own).filter(|_| granted && record.phase == Phase::Formed) else { return };
        let Some((node, member)) = prober(record, shard) else { return };
        if node == own {
            return self.proof.ready(PATIENCE).await;
        }
        let deadline = Instant::now() + PATIENCE;
        let asked = self.probes_elsewhere(record, (node, member));
        if tokio::time::timeout_at(deadline, asked).await.is_err() {
            debug!(%node, "the shard is not probed yet");
        }
    }

    async fn probes_elsewhere(&self, record: &Record, member: (NodeId, &justmanage_model::Member)) {
        let mut seen = 0;
        loop {
            match self.tools.peers.status(member, record.epoch, seen, PATIENCE).await {
                Ok(reply) => {
                    seen = reply.version;
                    let node = serde_json::from_slice::<NodeObservation>(&reply.node).ok();
                    if node.and_then(|node| node.probe).is_some_and(|tally| is_ready(&tally)) {
                        return;
                    }
                }
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }
}
