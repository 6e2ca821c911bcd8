//! What is to become of what already exists under a cluster's name: one pure function decides.

mod verdict;

use std::collections::BTreeMap;

use justmanage_model::{ClusterId, ClusterSpec, Failure, FieldPath, NodeId, Pin, Record, Seat};
use justmanage_platforms::MachineRef;

use verdict::{Kind, Refusal, Verdict};

/// A machine that bears the name, and what its agent knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The machine.
    pub machine: MachineRef,
    /// Its cluster, as its claim says.
    pub cluster: ClusterId,
    /// Its node, as its claim says.
    pub node: NodeId,
    /// Its seat, as its claim says; none of a spare.
    pub seat: Option<Seat>,
    /// What its agent answered.
    pub agent: FoundAgent,
}

/// What an agent answered.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundAgent {
    /// It does not run.
    Stopped,
    /// It runs and nobody has told it anything yet.
    Uninvited,
    /// It was told of which cluster it is to be. Nothing was founded, as far as it knows.
    Invited(Box<Record>),
    /// It belongs to a group that was founded, and has this Record.
    Founded(Box<Record>),
    /// It does not know our operator key.
    Denied,
    /// It runs and does not answer.
    Silent(String),
}

/// What a create does about what exists.
#[derive(Clone, Debug, PartialEq)]
pub enum Existing {
    /// Nothing is there: make it.
    Nothing,
    /// These agents do not run, so nobody knows what is there: start them and look again.
    Wake(Vec<NodeId>),
    /// An earlier create of the same cluster was cut short before anything was founded: its machines are used.
    Resume(ClusterId),
    /// An earlier create was cut short after its agents were founded as a group: go on with their Record.
    GoOn(ClusterId),
    /// A create that was killed before Terraform could save its state: take it, it is ours.
    Adopt(ClusterId),
    /// These never held data and are of no use: remove them and look again.
    Remove(Vec<MachineRef>),
    /// Hands off.
    Refuse(Box<Failure>),
}

/// Decides what a create of `wanted`, by the operator with key `operator`, does about what was found under `name`.
pub fn classify(name: &str, wanted: &ClusterSpec, operator: Pin, found: &[Found]) -> Existing {
    let mut clusters: BTreeMap<ClusterId, Vec<&Found>> = BTreeMap::new();
    for one in found {
        clusters.entry(one.cluster).or_default().push(one);
    }
    let verdicts: Vec<Verdict> = clusters.values().map(|machines| verdict::of(wanted, operator, machines)).collect();
    let mut asleep = Vec::new();
    for verdict in &verdicts {
        match &verdict.kind {
            Kind::Refuse(why) => return refuse(name, why),
            Kind::Asleep(nodes) => asleep.extend(nodes),
            _ => {}
        }
    }
    if !asleep.is_empty() {
        return Existing::Wake(asleep);
    }
    // What is furthest is kept. Of two that nobody ever had, neither is better than the other; and two with data are nobody's
    // to choose from.
    let best = verdicts.iter().map(Verdict::rank).max().unwrap_or_default();
    let only_one = verdicts.iter().filter(|verdict| verdict.rank() == best).count() == 1;
    if best == Verdict::FORMED && !only_one {
        return refuse(name, &Refusal::TWICE);
    }
    let kept = |verdict: &Verdict| best > 0 && only_one && verdict.rank() == best;
    let useless: Vec<MachineRef> = verdicts.iter().flat_map(|verdict| verdict.to_remove(kept(verdict))).collect();
    if !useless.is_empty() {
        return Existing::Remove(useless);
    }
    match verdicts.into_iter().find(kept).map(|verdict| verdict.kind) {
        Some(Kind::Adopt(cluster)) => Existing::Adopt(cluster),
        Some(Kind::GoOn(cluster)) => Existing::GoOn(cluster),
        Some(Kind::Resume(cluster)) => Existing::Resume(cluster),
        _ => Existing::Nothing,
    }
}

fn refuse(name: &str, why: &Refusal) -> Existing {
    Existing::Refuse(Box::new(
        Failure::at(
            FieldPath::of("name"),
            "Cluster exists already",
            format!("A cluster named \"{name}\" {}. Nothing was changed.", why.what),
        )
        .next(format!("To go on: {}.", why.next.replace('%', name))),
    ))
}

/// The newest of some Records.
pub(crate) fn newest<'a>(records: impl Iterator<Item = &'a Record>) -> Option<&'a Record> {
    records.max_by_key(|record| record.generation)
}

#[cfg(test)]
mod tests;
