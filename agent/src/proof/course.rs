//! An operation as its Record tells it: when it began, which grants came and went, and when it was over.
//!
//! Every agent keeps it, by what it hears of the Record. So whoever leads at the end knows the whole of it, whoever led before.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use justmanage_model::backup::BackupId;
use justmanage_model::record::Operation;
use justmanage_model::report::REPORT_STEPS_MAX;
use justmanage_model::slots::balance::Move;
use justmanage_model::{
    Bytes, ClusterSpec, Generation, MoveTally, MovedSlots, NodeObservation, Observation, OperationReport, Phase,
    ProbeTally, Proof, Record, ReportStep, Reshaping, Seen, ShardMove, Timestamp,
};
use justmanage_releases::restarts;
use serde::{Deserialize, Serialize};

/// How long nothing may be granted within one operation, where nobody says that it is over. A handover may have to wait for four
/// node timeouts, until votes of an earlier election have gone stale (20 s).
pub(super) const LINGER: SignedDuration = SignedDuration::from_secs(30);

/// An operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    what: String,
    pub(super) began: Timestamp,
    steps: Vec<ReportStep>,
    /// The grant of the last step, while it is out.
    given: Option<Generation>,
    /// Nothing is granted and nothing is gone over to.
    pub(super) quiet: Option<Quiet>,
    /// What is wanted by it: another one makes another operation.
    spec: ClusterSpec,
    /// Servers go over to another program, or the cluster to another shape: the Record says when that is over.
    goes_over: bool,
    /// What was backed up before.
    #[serde(default)]
    backup: Option<BackupId>,
    /// Most shards that there were: what is counted of one that goes is part of it.
    #[serde(default)]
    shards: u16,
    /// What was counted of shards that are to go, and whether all of it was seen to be there: who counted it goes with them.
    #[serde(default)]
    leaving: BTreeMap<u16, (Proof, bool)>,
    pub(super) over: Option<Over>,
}

/// A rest within an operation, or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Quiet {
    pub(super) since: Timestamp,
    /// The Record's generation then: what was acknowledged under it, or a later one, saw all that was disturbed.
    generation: Generation,
}

/// The end of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Over {
    pub(super) at: Timestamp,
    /// Why it was given up.
    halted: Option<String>,
}

/// Whether something disturbs nodes, or is about to.
pub(super) fn disturbs(record: &Record) -> bool {
    let going_over = on_its_way(record) && record.halt.is_none();
    record.phase == Phase::Formed && (record.grant.is_some() || going_over)
}

/// To another program, or to another shape.
fn on_its_way(record: &Record) -> bool {
    record.previous.is_some() || record.reshaping.is_some()
}

impl Course {
    /// An operation that begins. `config`: what the servers' configuration was before.
    pub(super) fn begin(record: &Record, config: Option<&BTreeMap<String, String>>, now: Timestamp) -> Self {
        let mut course = Self {
            what: String::new(),
            began: now,
            steps: Vec::new(),
            given: None,
            quiet: None,
            spec: record.spec.clone(),
            goes_over: false,
            backup: None,
            shards: 0,
            leaving: BTreeMap::new(),
            over: None,
        };
        course.follow(record, config, false, now);
        course
    }

    /// The servers' configuration when it is done.
    pub(super) const fn config(&self) -> &BTreeMap<String, String> {
        &self.spec.config
    }

    /// Whether the Record tells of another operation than this one.
    pub(super) fn is_past(&self, record: &Record) -> bool {
        disturbs(record) && (self.over.is_some() || self.quiet.is_some() && record.spec != self.spec)
    }

    /// Ends it where it has come to rest, if nobody has.
    pub(super) fn close(&mut self, now: Timestamp) {
        let at = self.quiet.map_or(now, |quiet| quiet.since);
        self.over.get_or_insert(Over { at, halted: None });
    }

    /// Goes on with what the Record says now. `converged`: who leads sees everything as it is wanted.
    pub(super) fn follow(
        &mut self,
        record: &Record,
        config: Option<&BTreeMap<String, String>>,
        converged: bool,
        now: Timestamp,
    ) {
        if self.over.is_some() {
            return;
        }
        self.step(record, now);
        if let Some(before) = &record.backups.before {
            self.backup = Some(before.clone());
        }
        self.shards = self.shards.max(record.most_shape().shards);
        if disturbs(record) {
            self.quiet = None;
            if self.what.is_empty() || self.spec != record.spec {
                self.what = describe(record, config);
                self.spec = record.spec.clone();
            }
            self.goes_over |= on_its_way(record);
            return;
        }
        let quiet = self.quiet.get_or_insert(Quiet { since: now, generation: record.generation }).since;
        let gone_over = self.goes_over && !on_its_way(record);
        let left = record.phase != Phase::Formed;
        let lingered = now.duration_since(quiet) >= LINGER;
        if converged || gone_over || left || lingered || record.halt.is_some() {
            let halted = record.halt.as_ref().map(|halt| halt.what.clone());
            // Who sees that all is as it is wanted sees it for the first time; anybody else does so late.
            self.over = Some(Over { at: if converged { now } else { quiet }, halted });
        }
    }

    /// Which grant is out, and how long the one before was.
    fn step(&mut self, record: &Record, now: Timestamp) {
        let given = record.grant.as_ref().map(|grant| grant.given);
        if self.given == given {
            return;
        }
        if let (Some(_), Some(last)) = (self.given, self.steps.last_mut()) {
            last.took_ms = u64::try_from(now.duration_since(last.began).as_millis()).unwrap_or_default();
        }
        self.given = None;
        let Some(grant) = record.grant.as_ref().filter(|_| self.steps.len() < REPORT_STEPS_MAX) else { return };
        let node = grant.nodes.iter().find_map(|node| Some((*node, record.shard_of(*node)?)));
        if let Some((node, shard)) = node {
            self.given = given;
            let moved = (grant.operation == Operation::Reshard)
                .then(|| MovedSlots { ways: grant.moves.iter().map(ways).collect(), ..MovedSlots::default() });
            self.steps.push(ReportStep { node, shard, operation: grant.operation, began: now, took_ms: 0, moved });
        }
    }

    /// Goes on with what is seen of the nodes: how much has moved, and what was counted of shards that are to go.
    pub(super) fn see(&mut self, record: &Record, observation: &Observation) {
        if self.over.is_some() {
            return;
        }
        if let (Some(given), Some(moved)) = (self.given, self.steps.last_mut().and_then(|step| step.moved.as_mut())) {
            let tallies = observation.nodes.values().filter_map(|seen| seen.known()?.moving.as_ref());
            let ours: Vec<&MoveTally> = tallies.filter(|tally| tally.given == given).collect();
            let sum = |count: fn(&MoveTally) -> u64| ours.iter().map(|tally| count(tally)).sum::<u64>();
            // An agent that was started again, or is not seen, counts less than before.
            moved.slots = moved.slots.max(sum(|tally| tally.slots));
            moved.keys = moved.keys.max(sum(|tally| tally.keys));
            moved.bytes = moved.bytes.max(Bytes::new(sum(|tally| tally.bytes.get())));
        }
        for shard in record.spec.shards..self.shards {
            let checked = |tally: &ProbeTally| tally.checked.is_some_and(|checked| checked >= record.generation);
            if let Some(counted) = self.counted(record, observation, shard, Timestamp::MAX, checked) {
                self.leaving.insert(shard, counted);
            }
        }
    }

    /// What was counted of a shard, and whether all of it was seen to be there when the operation was over.
    fn proof(&self, record: &Record, observation: &Observation, shard: u16, ended: Timestamp) -> Option<(Proof, bool)> {
        let checked = |tally: &ProbeTally| {
            self.quiet.is_some_and(|quiet| tally.checked.is_some_and(|checked| checked >= quiet.generation))
        };
        let counted = self.counted(record, observation, shard, ended, checked);
        counted.or_else(|| self.leaving.get(&shard).copied())
    }

    /// What the members of a shard have counted until then, and whether one of them has seen all of it.
    fn counted(
        &self,
        record: &Record,
        observation: &Observation,
        shard: u16,
        ended: Timestamp,
        checked: impl Fn(&ProbeTally) -> bool,
    ) -> Option<(Proof, bool)> {
        let members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
        let tallies = members.filter_map(|(node, _)| tally(observation.nodes.get(node)?));
        let ours = tallies.filter(|tally| tally.is_of(self.began, ended)).map(|tally| (tally.proof, checked(tally)));
        ours.reduce(|(sum, one), (proof, other)| (sum.and(&proof), one || other))
    }

    /// Whether every shard's probe has seen that all is there.
    pub(super) fn is_checked(&self, record: &Record, observation: &Observation) -> bool {
        let Some(over) = &self.over else { return false };
        (0..self.all_shards(record))
            .all(|shard| self.proof(record, observation, shard, over.at).is_some_and(|(_, checked)| checked))
    }

    /// How many shards it was about. What an older agent has kept does not say that.
    fn all_shards(&self, record: &Record) -> u16 {
        self.shards.max(record.spec.shards)
    }

    /// What came of it, with what was counted of each shard.
    pub(super) fn report(&self, record: &Record, observation: &Observation) -> Option<OperationReport> {
        let over = self.over.as_ref()?;
        let of = |shard: u16| {
            let counted = self.proof(record, observation, shard, over.at);
            // One that never had anything to write to has measured nothing.
            let (proof, checked) = counted.filter(|(proof, _)| *proof != Proof::default())?;
            let unseen = u64::from(!checked && proof.acknowledged > 0);
            Some(Proof { unproven: proof.unproven + unseen, ..proof })
        };
        Some(OperationReport {
            backup: self.backup.clone(),
            what: self.what.clone(),
            began: self.began,
            ended: over.at,
            halted: over.halted.clone(),
            steps: self.steps.clone(),
            shards: (0..self.all_shards(record)).map(|shard| (shard, of(shard))).collect(),
        })
    }
}

fn tally(seen: &Seen<NodeObservation>) -> Option<&ProbeTally> {
    seen.known()?.probe.as_ref()
}

fn ways(on_its_way: &Move) -> ShardMove {
    ShardMove { from: on_its_way.from, to: on_its_way.to, slots: on_its_way.slots.len() }
}

/// From which shape to which, in some words: "3 -> 4 shards".
fn reshaped(record: &Record) -> Option<String> {
    let Reshaping { least, most } = record.reshaping?;
    let said = |what: &str, least: u16, most: u16, wanted: u16| {
        let from = if wanted == most { least } else { most };
        (from != wanted).then(|| format!("{from} -> {wanted} {what}"))
    };
    let spec = &record.spec;
    let shards = said("shards", least.shards, most.shards, spec.shards);
    let (least, most) = (least.replicas_per_shard, most.replicas_per_shard);
    let replicas = said("replicas per shard", least, most, spec.replicas_per_shard);
    let parts: Vec<String> = shards.into_iter().chain(replicas).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What is done, in some words.
fn describe(record: &Record, config: Option<&BTreeMap<String, String>>) -> String {
    match (reshaped(record), record.previous.is_some()) {
        _ if record.surge => format!("{}, with temporary replicas", restarted(record, config)),
        (Some(shape), true) => format!("{}, {shape}", restarted(record, config)),
        (Some(shape), false) => shape,
        (None, _) => restarted(record, config),
    }
}

fn restarted(record: &Record, config: Option<&BTreeMap<String, String>>) -> String {
    let wanted = &record.release;
    let back = record.grant.as_ref().is_some_and(|grant| grant.operation == Operation::PutBack);
    if let Some(previous) = &record.previous {
        let from = &previous.release;
        if back {
            // All had gone over, and that operation was over, before one proved not to be fit.
            return format!("way back {wanted} -> {from}");
        }
        let verb = match (record.returning, from.engine == wanted.engine) {
            (true, _) => "way back",
            (_, false) => "change of engine",
            _ if from.version < wanted.version => "upgrade",
            _ if from.version > wanted.version => "downgrade",
            _ => "change of program",
        };
        return format!("{verb} {from} -> {wanted}");
    }
    if record.grant.as_ref().is_some_and(|grant| grant.operation == Operation::Reshard) {
        return "slots that somebody left half-way".to_owned();
    }
    let keys = config.map(|before| restarts(wanted.engine, wanted.version.line(), before, &record.spec.config));
    match keys.filter(|keys| !keys.is_empty()) {
        _ if back => "way back".to_owned(),
        Some(keys) => format!("rolling restart for config {}", keys.into_iter().collect::<Vec<_>>().join(", ")),
        None => "rolling restart".to_owned(),
    }
}

#[cfg(test)]
mod tests;
