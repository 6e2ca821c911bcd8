//! Reports: what an operation disturbed, for how long writes stopped meanwhile, and whether one was lost.
//!
//! While an operation goes on, the agents write to every shard what nobody else reads, and count. What they have counted is a
//! [`ProbeTally`]; what an operation came to, an [`OperationReport`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backup::BackupId;
use crate::record::Operation;
use crate::{Bytes, Generation, NodeId, Timestamp};

mod text;

/// Most steps that a report has: those of a cluster of a hundred nodes, twice. What would come then is not in it.
pub const REPORT_STEPS_MAX: usize = 400;

/// What the probe of a shard has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Of these, what was not there any more afterwards.
    pub lost: u64,
    /// Of these, what nobody can tell of, because the probe's key was evicted or flushed, or nobody could look afterwards: neither
    /// lost nor proven.
    pub unproven: u64,
    /// How often a write was refused for another reason than the operation: memory is full, or the probe may not log in.
    pub not_measured: u64,
    /// The longest time from one acknowledgement to the next, in milliseconds.
    pub longest_pause_ms: u64,
}

impl Proof {
    /// Both together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            lost: self.lost + other.lost,
            unproven: self.unproven + other.unproven,
            not_measured: self.not_measured + other.not_measured,
            longest_pause_ms: self.longest_pause_ms.max(other.longest_pause_ms),
        }
    }

    /// It shows that nothing was lost: writes were acknowledged, and all of them were there afterwards.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.acknowledged > 0 && self.lost == 0 && self.unproven == 0 && self.not_measured == 0
    }
}

/// How far the probe of a shard is, as its agent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeTally {
    /// When the operation began that it counts for, as this agent saw it.
    pub began: Timestamp,
    /// When it ceased to write; `None`: it writes.
    pub ended: Option<Timestamp>,
    /// It has had its first answer, so that whatever is disturbed from now on is seen.
    pub ready: bool,
    /// The newest generation of the Record under which a write was acknowledged: whatever was disturbed under an earlier one, all
    /// that was acknowledged before is there, or counted as lost.
    pub checked: Option<Generation>,
    /// What it has counted.
    pub proof: Proof,
}

impl ProbeTally {
    /// Whether it counted in a time.
    #[must_use]
    pub fn is_of(&self, began: Timestamp, ended: Timestamp) -> bool {
        self.began <= ended && self.ended.is_none_or(|own| own >= began)
    }

    /// The same with its moments by another clock.
    #[must_use]
    pub(crate) fn shifted(self, by: jiff::SignedDuration) -> Self {
        let shift = |moment: Timestamp| moment.saturating_add(by).unwrap_or(moment);
        Self { began: shift(self.began), ended: self.ended.map(shift), ..self }
    }
}

/// One disturbance of one node, for which there was a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportStep {
    /// Whose server.
    pub node: NodeId,
    /// Of which shard.
    pub shard: u16,
    /// What was done with it.
    pub operation: Operation,
    /// When it was granted.
    pub began: Timestamp,
    /// From then until the grant was given back, in milliseconds: the server is back, in sync and linked to all; or the slots are
    /// where they are to be.
    pub took_ms: u64,
    /// Of a move of slots: what went where. It takes place at several nodes, of which `node` is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<MovedSlots>,
}

/// What a move of slots was to move, and what went over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedSlots {
    /// How many slots each shard was to give to which other; nothing where only what somebody had left half-way was put right.
    pub ways: Vec<ShardMove>,
    /// Slots that have gone over, as far as the agents that moved them were seen to count them.
    pub slots: u64,
    /// Keys that were sent, likewise; none is counted where servers move slots as a whole.
    pub keys: u64,
    /// What these took in memory.
    pub bytes: Bytes,
}

/// Slots that one shard gives to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardMove {
    /// The shard that has them.
    pub from: u16,
    /// The shard that gets them.
    pub to: u16,
    /// How many.
    pub slots: u16,
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationReport {
    /// What it was: "upgrade redis 8.0.2 -> redis 8.0.6", "rolling restart for config io-threads".
    pub what: String,
    /// When it began.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// Why it was given up half-way, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    /// What was backed up before it, if something was: servers went over to another release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupId>,
    /// What was done, in its order.
    pub steps: Vec<ReportStep>,
    /// What was counted of each shard; `None`: nobody has.
    pub shards: BTreeMap<u16, Option<Proof>>,
}

impl OperationReport {
    /// What was counted of all shards together.
    #[must_use]
    pub fn total(&self) -> Proof {
        self.shards.values().flatten().fold(Proof::default(), |sum, proof| sum.and(proof))
    }

    /// Every shard was probed all the while, and nothing was lost.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        !self.shards.is_empty() && self.shards.values().all(|proof| proof.is_some_and(|proof| proof.is_whole()))
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub fn took_ms(&self) -> u64 {
        u64::try_from(self.ended.duration_since(self.began).as_millis()).unwrap_or_default()
    }

    /// What came of it, in one sentence.
    #[must_use]
    pub fn outcome(&self) -> String {
        let end = self.halted.as_ref().map_or_else(|| "done".to_owned(), |why| format!("halted: {why}"));
        match self.total().lost {
            0 => end,
            lost => format!("{lost} ACKNOWLEDGED WRITES WERE LOST; {end}"),
        }
    }
}

impl fmt::Display for OperationReport {
    /// For a person: what it was, what came of it, each shard, each step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}

#[cfg(test)]
mod tests;
