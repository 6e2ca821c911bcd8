//! What the last operation came to: as attributes, in the log, and as a warning where it lost something.

use justmanage_core::ClusterView;
use justmanage_model::{MovedSlots, OperationReport, Proof, ReportStep, Timestamp};
use tfkit::{Attr, Diagnostic, Model, Path};
use tracing::info;

use super::Context;

/// What an operation that disturbed nodes came to. While it went on, the agents wrote to every shard and looked whether all of it
/// stayed.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct LastOperation {
    /// What it was, such as `rolling restart for config io-threads` or `upgrade redis 7.0.9 -> redis 7.0.15`.
    #[tf(computed)]
    pub(super) what: Attr<String>,
    /// `done`, or why it was given up half-way. If writes were lost, that comes first.
    #[tf(computed)]
    pub(super) outcome: Attr<String>,
    /// Whether it is proven that nothing was lost: every shard was written to, and every acknowledged write was there afterwards.
    #[tf(computed)]
    pub(super) proven: Attr<bool>,
    /// The backup that was made before it; null where none was. One is made before the servers go over to another release, where the cluster has
    /// a backup policy.
    #[tf(computed)]
    pub(super) backup: Attr<String>,
    /// When it began, in UTC.
    #[tf(computed)]
    pub(super) began_at: Attr<String>,
    /// When it was over, in UTC.
    #[tf(computed)]
    pub(super) ended_at: Attr<String>,
    /// How many writes were acknowledged meanwhile, of those that the agents made to see.
    #[tf(computed)]
    pub(super) acknowledged_writes: Attr<u64>,
    /// How many of these were not there any more afterwards. Of a planned operation it is 0.
    #[tf(computed)]
    pub(super) lost_writes: Attr<u64>,
    /// How many of these nobody can tell of, because the key was evicted or flushed, or nobody could look afterwards: neither lost
    /// nor proven.
    #[tf(computed)]
    pub(super) unproven_writes: Attr<u64>,
    /// How many writes were refused for another reason than the operation, such as full memory.
    #[tf(computed)]
    pub(super) not_measured: Attr<u64>,
    /// The longest time for which a shard acknowledged no write, in milliseconds.
    #[tf(computed)]
    pub(super) longest_write_pause_ms: Attr<u64>,
    /// What was counted of each shard, in their order.
    #[tf(computed)]
    pub(super) shards: Attr<Vec<ShardReport>>,
    /// What was done, in its order.
    #[tf(computed)]
    pub(super) steps: Attr<Vec<StepReport>>,
}

/// What was counted of one shard.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct ShardReport {
    /// The shard, from 0.
    #[tf(computed)]
    pub(super) shard: Attr<u16>,
    /// As above; null where nobody has counted.
    #[tf(computed)]
    pub(super) acknowledged_writes: Attr<u64>,
    /// As above.
    #[tf(computed)]
    pub(super) lost_writes: Attr<u64>,
    /// As above.
    #[tf(computed)]
    pub(super) unproven_writes: Attr<u64>,
    /// As above.
    #[tf(computed)]
    pub(super) not_measured: Attr<u64>,
    /// As above.
    #[tf(computed)]
    pub(super) longest_write_pause_ms: Attr<u64>,
}

/// One disturbance of one node.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct StepReport {
    /// `restart`, `handover` (its server became the primary), `way back` (to the release that it came from), or `move of slots`.
    #[tf(computed)]
    pub(super) what: Attr<String>,
    /// Id of the node.
    #[tf(computed)]
    pub(super) node: Attr<String>,
    /// Its shard, from 0.
    #[tf(computed)]
    pub(super) shard: Attr<u16>,
    /// When it began, in UTC.
    #[tf(computed)]
    pub(super) began_at: Attr<String>,
    /// How long it took until the node was back, in sync and linked to all others, or the slots were where they are to be, in
    /// milliseconds.
    #[tf(computed)]
    pub(super) took_ms: Attr<u64>,
    /// Of a move of slots: how many have gone over. Null otherwise.
    #[tf(computed)]
    pub(super) moved_slots: Attr<u64>,
    /// Of a move of slots: how many keys were sent; 0 where servers move slots as a whole. Null otherwise.
    #[tf(computed)]
    pub(super) moved_keys: Attr<u64>,
    /// Of a move of slots: what these keys took in memory, in bytes. Null otherwise.
    #[tf(computed)]
    pub(super) moved_bytes: Attr<u64>,
}

impl From<&OperationReport> for LastOperation {
    fn from(report: &OperationReport) -> Self {
        let total = report.total();
        let shards = report.shards.iter().map(|(shard, proof)| shard_report(*shard, proof.as_ref()));
        Self {
            what: report.what.clone().into(),
            outcome: report.outcome().into(),
            proven: report.is_proof().into(),
            backup: report.backup.as_ref().map(ToString::to_string).into(),
            began_at: report.began.to_string().into(),
            ended_at: report.ended.to_string().into(),
            acknowledged_writes: total.acknowledged.into(),
            lost_writes: total.lost.into(),
            unproven_writes: total.unproven.into(),
            not_measured: total.not_measured.into(),
            longest_write_pause_ms: total.longest_pause_ms.into(),
            shards: shards.collect::<Vec<_>>().into(),
            steps: report.steps.iter().map(step_report).collect::<Vec<_>>().into(),
        }
    }
}

fn shard_report(shard: u16, proof: Option<&Proof>) -> ShardReport {
    let of = |figure: fn(&Proof) -> u64| -> Attr<u64> { proof.map(figure).into() };
    ShardReport {
        shard: shard.into(),
        acknowledged_writes: of(|proof| proof.acknowledged),
        lost_writes: of(|proof| proof.lost),
        unproven_writes: of(|proof| proof.unproven),
        not_measured: of(|proof| proof.not_measured),
        longest_write_pause_ms: of(|proof| proof.longest_pause_ms),
    }
}

fn step_report(step: &ReportStep) -> StepReport {
    let moved = |figure: fn(&MovedSlots) -> u64| -> Attr<u64> { step.moved.as_ref().map(figure).into() };
    StepReport {
        what: step.operation.to_string().into(),
        node: step.node.to_string().into(),
        shard: step.shard.into(),
        began_at: step.began.to_string().into(),
        took_ms: step.took_ms.into(),
        moved_slots: moved(|moved| moved.slots),
        moved_keys: moved(|moved| moved.keys),
        moved_bytes: moved(|moved| moved.bytes.get()),
    }
}

impl LastOperation {
    fn ended(&self) -> Option<Timestamp> {
        self.ended_at.known()?.parse().ok()
    }
}

/// The newer of what is known and what is seen: whoever leads now may have missed the last operation.
pub(super) fn newer(known: &Attr<LastOperation>, view: &ClusterView) -> Option<LastOperation> {
    let seen = view.last_operation.as_ref()?;
    let before = known.known().and_then(LastOperation::ended);
    before.is_none_or(|before| before < seen.ended).then(|| seen.into())
}

/// Logs the report of an operation that `prior` does not know, and warns of what it lost.
pub(super) fn tell(cx: &Context, prior: &Attr<LastOperation>, view: &ClusterView) {
    let Some(report) = view.last_operation.as_ref().filter(|_| newer(prior, view).is_some()) else { return };
    for line in report.to_string().lines() {
        info!(id = %view.id, report = line, "operation");
    }
    if let Some(warning) = warning(report) {
        cx.report(warning);
    }
}

fn warning(report: &OperationReport) -> Option<Diagnostic> {
    (report.total().lost > 0).then(|| {
        let detail = format!(
            "{report}\n\nThe agents wrote to every shard while this went on, and looked for what had been acknowledged: these writes \
             were not there any more, and so may be others of your clients at that time. This must not happen in a planned operation: \
             please report it, with the journals of the agents."
        );
        Diagnostic::warning("Acknowledged writes were lost", detail).at(Path::attribute("last_operation"))
    })
}

#[cfg(test)]
mod tests;
