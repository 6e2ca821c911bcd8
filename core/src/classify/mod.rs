//! What is to become of what already exists under a cluster's name: one pure function decides.

use std::collections::BTreeSet;

use justmanage_model::{ClusterId, ClusterSpec, Failure, FieldPath, NodeId, Phase, Pin, Record};
use justmanage_platforms::MachineRef;

/// A machine that bears the name, and what its agent knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The machine.
    pub machine: MachineRef,
    /// Its cluster, as its claim says.
    pub cluster: ClusterId,
    /// Its node, as its claim says.
    pub node: NodeId,
    /// What its agent answered.
    pub agent: FoundAgent,
}

/// What an agent answered.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundAgent {
    /// It does not run.
    Stopped,
    /// It runs and has no Record yet.
    Unfounded,
    /// It runs and has this Record.
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
    /// An earlier create of the same cluster was cut short: go on with it.
    Resume(ClusterId),
    /// An earlier create was cut short and something else is wanted now. It never held data: remove and make anew.
    Replace(Vec<MachineRef>),
    /// A create that was killed before Terraform could save its state: take it, it is ours.
    Adopt(ClusterId),
    /// Hands off.
    Refuse(Box<Failure>),
}

/// Decides what a create of `wanted`, by the operator with key `operator`, does about what was found under `name`.
pub fn classify(name: &str, wanted: &ClusterSpec, operator: Pin, found: &[Found]) -> Existing {
    if found.is_empty() {
        return Existing::Nothing;
    }
    if found.iter().any(|f| f.agent == FoundAgent::Denied) {
        return refuse(
            name,
            "belongs to another operator",
            "use the operator key that made it, or choose another name",
        );
    }
    if let Some(why) = found.iter().find_map(|f| match &f.agent {
        FoundAgent::Silent(why) => Some(why),
        _ => None,
    }) {
        return refuse(name, &format!("exists, and its agent does not answer ({why})"), "apply again when it does");
    }
    let clusters: BTreeSet<&ClusterId> = found.iter().map(|f| &f.cluster).collect();
    let records: Vec<&Record> = found
        .iter()
        .filter_map(|f| match &f.agent {
            FoundAgent::Founded(record) => Some(record.as_ref()),
            _ => None,
        })
        .collect();
    if let Some(record) = records.iter().max_by_key(|record| record.generation) {
        return by_record(name, wanted, operator, found, record);
    }
    let stopped: Vec<NodeId> = found.iter().filter(|f| f.agent == FoundAgent::Stopped).map(|f| f.node).collect();
    if !stopped.is_empty() {
        return Existing::Wake(stopped);
    }
    // Nobody has a Record, so nothing was founded and nothing holds data.
    match clusters.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => Existing::Resume(*(*one)),
        _ => Existing::Replace(found.iter().map(|f| f.machine.clone()).collect()),
    }
}

fn by_record(name: &str, wanted: &ClusterSpec, operator: Pin, found: &[Found], record: &Record) -> Existing {
    if !record.operators.contains(&operator) {
        return refuse(
            name,
            "belongs to another operator",
            "use the operator key that made it, or choose another name",
        );
    }
    match record.phase {
        Phase::Forming if record.spec == *wanted => Existing::Resume(record.cluster),
        Phase::Forming | Phase::Leaving => Existing::Replace(found.iter().map(|f| f.machine.clone()).collect()),
        Phase::Formed if record.unclaimed && record.spec == *wanted => Existing::Adopt(record.cluster),
        Phase::Formed if record.unclaimed => refuse(
            name,
            "was made by a create whose state was never saved, from another configuration",
            &format!(
                "put the configuration back to what it was and apply, or bring it under Terraform with `terraform import \
                 justmanage_redis_cluster.NAME local/{name}`"
            ),
        ),
        Phase::Formed => refuse(
            name,
            "exists already and holds data",
            &format!(
                "bring it under Terraform with `terraform import justmanage_redis_cluster.NAME local/{name}`, or choose another name"
            ),
        ),
    }
}

fn refuse(name: &str, what: &str, next: &str) -> Existing {
    Existing::Refuse(Box::new(
        Failure::at(
            FieldPath::of("name"),
            "Cluster exists already",
            format!("A cluster named \"{name}\" {what}. Nothing was changed."),
        )
        .next(format!("To go on: {next}.")),
    ))
}

#[cfg(test)]
mod tests;
