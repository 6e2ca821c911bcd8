//! What a cluster looks like to its user.

mod nodes;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use justmanage_model::{
    Member, NodeId, Observation, OperationReport, Phase, Record, Release, Reshaping, Seat, ServerState, Shape, SlotSet,
    Version, Waiting,
};
use justmanage_platforms::{Machine, MachineState};

use crate::Locator;
use crate::agents::ClusterStatus;

pub use nodes::{NodeState, NodeView, RoleView};

/// A cluster as it is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterView {
    /// Its id, complete.
    pub id: Locator,
    /// What its agents agree on; `None` when no agent could be asked.
    pub record: Option<Record>,
    /// Everything is as it is wanted.
    pub converged: bool,
    /// It is not, and the agents alone will not get there: somebody has to apply. A server that the agent is about to start
    /// again is not such a case; a machine that is gone, an agent that does not run or one that is stuck, is.
    pub needs_apply: bool,
    /// Why it is not, in sentences for users; empty when it is converged.
    pub waiting_on: Vec<String>,
    /// The lowest version that its servers run; `None` when none could be asked.
    pub version_actual: Option<String>,
    /// The lowest version of its agents; `None` when none could be asked.
    pub agent_version: Option<Version>,
    /// Its nodes in the order of their seats, then its spares.
    pub nodes: Vec<NodeView>,
    /// Where some of its machines may be and nobody answers, a sentence each: a host that is down, say.
    pub silent: Vec<String>,
    /// Whose agent leads; `None` when nobody does.
    pub leader: Option<NodeId>,
    /// Members whose machines do not exist any more: an apply replaces them.
    pub missing: Vec<(NodeId, Seat)>,
    /// How many spares there are less than are asked for: they have taken places, or their machines are gone.
    pub spares_missing: usize,
    /// Changes that wait for their time, in sentences.
    pub pending: Vec<String>,
    /// Known holes of what runs, which later patches close.
    pub known_vulnerabilities: Vec<String>,
    /// What the last operation that disturbed nodes came to; `None`: there was none, or nobody who was asked knows of one.
    pub last_operation: Option<OperationReport>,
}

impl ClusterView {
    /// A cluster whose agents have not answered yet.
    pub fn unseen(id: Locator) -> Self {
        Self {
            id,
            record: None,
            converged: false,
            needs_apply: true,
            silent: Vec::new(),
            waiting_on: vec!["its agents have not answered yet".into()],
            version_actual: None,
            agent_version: None,
            nodes: Vec::new(),
            leader: None,
            missing: Vec::new(),
            spares_missing: 0,
            pending: Vec::new(),
            known_vulnerabilities: Vec::new(),
            last_operation: None,
        }
    }

    /// A cluster as its agents describe it.
    pub(crate) fn of(mut id: Locator, status: &ClusterStatus) -> Self {
        let is_pending = |waiting: &&Waiting| waiting.is_pending();
        let mut waiting_on: Vec<String> =
            status.waiting.iter().filter(|waiting| !is_pending(waiting)).map(ToString::to_string).collect();
        let Some(record) = &status.record else {
            // A cluster without a Record was never founded, and no agent founds one.
            return Self { waiting_on: vec!["It was never founded.".into()], ..Self::unseen(id) };
        };
        id.cluster = Some(record.cluster);
        if !status.converged && waiting_on.is_empty() {
            waiting_on.push("Its agents are at work.".into());
        }
        let retired = record
            .retired
            .iter()
            .map(|node| format!("Node {node} is no member any more; an apply removes its machine."));
        waiting_on.extend(retired);
        waiting_on.extend(spares(record));
        let as_asked = has_whom_it_asks_for(record, &status.observation);
        let converged = status.converged && as_asked;
        let nodes = nodes::of(record, &status.observation);
        let version_actual = nodes.iter().filter_map(|node| node.version).min().map(|version| version.to_string());
        Self {
            id,
            converged,
            needs_apply: !as_asked || record.has_temporary() || !converged && status.waiting.iter().any(needs_somebody),
            waiting_on: if converged { Vec::new() } else { waiting_on },
            version_actual,
            agent_version: nodes.iter().filter_map(|node| node.agent_version).min(),
            nodes,
            silent: Vec::new(),
            leader: status.leader,
            missing: Vec::new(),
            spares_missing: record.spares_missing(),
            pending: status.waiting.iter().filter(is_pending).map(ToString::to_string).chain(pending(record)).collect(),
            known_vulnerabilities: holes(record, &status.observation),
            last_operation: status.last_operation.clone(),
            record: Some(record.clone()),
        }
    }

    /// The same where these spares have not heard yet that they are any.
    pub(crate) fn with_untold(mut self, spares: &[NodeId]) -> Self {
        let says = |node| format!("Node {node} (a spare) has not heard yet what it is; an apply tells it.");
        self.waiting_on.extend(spares.iter().map(says));
        self.needs_apply |= !spares.is_empty();
        self.converged &= spares.is_empty();
        self
    }

    /// The same together with what the platform says of its machines.
    /// `silent`: where those may be that are not among these, a sentence each; if there is no such place, they do not exist.
    pub(crate) fn with_machines(mut self, machines: &[Machine], silent: &[String]) -> Self {
        self.silent = silent.to_vec();
        let of = |node: NodeId| machines.iter().find(|machine| machine.claim.node == node);
        let mut lacking = Vec::new();
        for node in &mut self.nodes {
            let (state, what) = match of(node.node).map(|machine| &machine.state) {
                Some(MachineState::Running(_)) => continue,
                // What its agent and the others say counts: it may be there.
                None if !silent.is_empty() => continue,
                Some(MachineState::Stopped) => (NodeState::AgentStopped, "its agent does not run; an apply starts it"),
                None => (NodeState::Missing, "its machine does not exist any more; an apply replaces it"),
            };
            match node.seat {
                Some(seat) if state == NodeState::Missing => self.missing.push((node.node, seat)),
                None if state == NodeState::Missing => self.spares_missing += 1,
                _ => {}
            }
            node.state = state;
            let place = match node.seat {
                Some(Seat { shard, ordinal }) => format!("shard {shard}, node {ordinal}"),
                None => "a spare".to_owned(),
            };
            lacking.push(format!("Node {} ({place}): {what}.", node.node));
        }
        if !lacking.is_empty() {
            lacking.append(&mut self.waiting_on);
            self.waiting_on = lacking;
            self.converged = false;
            self.needs_apply = true;
        }
        self
    }

    /// The same where these things that the platform keeps for it are not as they are to be.
    pub(crate) fn with_amiss(mut self, amiss: &[String]) -> Self {
        self.waiting_on.extend_from_slice(amiss);
        self.needs_apply |= !amiss.is_empty();
        self.converged &= amiss.is_empty();
        self
    }

    /// Where clients reach the servers (`host:port`), in the order of the seats: those that stay. Who comes for a while and goes again is found by
    /// a client that has found another.
    pub fn endpoints(&self) -> Vec<String> {
        let Some(record) = &self.record else { return Vec::new() };
        let shape = Shape::of(&record.spec);
        let mut members: Vec<_> = record.members.iter().filter(|(_, member)| shape.has(member.seat)).collect();
        members.sort_by_key(|(_, member)| member.seat);
        members.iter().map(|(node, member)| record.endpoint(**node, member.client)).collect()
    }

    /// Which slots each shard serves, as its primary says; a shard whose primary is not seen serves none that is known.
    pub fn slots(&self) -> Vec<(u16, SlotSet)> {
        let Some(record) = &self.record else { return Vec::new() };
        // While shards are taken away, those that go have some left.
        let members = record.members.values().map(|member| member.seat.shard + 1).max().unwrap_or_default();
        (0..record.spec.shards.max(members))
            .map(|shard| {
                let primaries = self.nodes.iter().filter(|node| node.seat.is_some_and(|seat| seat.shard == shard));
                let slots = primaries.fold(SlotSet::default(), |slots, node| slots.union(&node.slots));
                (shard, slots)
            })
            .collect()
    }

    /// Whether the cluster has served, so that it holds data.
    pub fn is_formed(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.phase == Phase::Formed)
    }
}

/// Whether there is everybody whom the Record asks for, and nobody whose machine is to go: that is for an apply to make and to tell.
/// It is the Record that says so: the agents' reasons may be of the one before it, and name only the first of several.
fn has_whom_it_asks_for(record: &Record, observation: &Observation) -> bool {
    // Beside others that have joined, one that has not and that nobody sees was perhaps never told that it is a member.
    let has_joined = |member: &Member| member.bus_id.is_some();
    let untold = |(node, member): (&NodeId, &Member)| !has_joined(member) && observation.known(*node).is_none();
    let told = !record.members.values().any(has_joined) || !record.members.iter().any(untold);
    // Slots that are on their way are no machines yet that are to go; replicas that nobody needs any more are.
    let rests = record.reshaping.is_none_or(Reshaping::spreads) || record.surplus().next().is_none();
    record.retired.is_empty()
        && rests
        && record.spares.len() == usize::from(record.spec.spares)
        && record.vacant().next().is_none()
        && told
}

/// Why there are not as many spares as are asked for, if there are not.
fn spares(record: &Record) -> Option<String> {
    let (have, want) = (record.spares.len(), usize::from(record.spec.spares));
    match have.cmp(&want) {
        Ordering::Less => Some(format!(
            "{} of {want} {} used; an apply makes {}.",
            want - have,
            if want == 1 { "spare is" } else { "spares are" },
            if want - have == 1 { "another" } else { "others" }
        )),
        Ordering::Equal => None,
        Ordering::Greater => {
            Some(format!("There are {have} spares, and {want} are asked for; an apply removes the others."))
        }
    }
}

/// What the agents do later, at its time.
fn pending(record: &Record) -> Option<String> {
    record.authority_announced_until().map(|until| {
        format!(
            "From {until} on, servers show certificates of a new authority; clients are to trust both certificates in \
             `ca_certificate` by then."
        )
    })
}

/// Known holes of everything that runs; of what would run, if nothing does. Servers do not know of which package they are, the
/// Record does.
fn holes(record: &Record, observation: &Observation) -> Vec<String> {
    let runs = observation.nodes.values().filter_map(|node| match &node.known()?.server {
        ServerState::Running(server) => Some(&server.release),
        _ => None,
    });
    let mut releases: BTreeSet<&Release> =
        runs.map(|release| if record.release.agrees_with(release) { &record.release } else { release }).collect();
    if releases.is_empty() {
        releases.insert(&record.release);
    }
    let known: BTreeSet<String> = releases
        .into_iter()
        .flat_map(|release| {
            let known = justmanage_releases::vulnerabilities(release);
            known.certain().iter().map(ToString::to_string).collect::<Vec<_>>()
        })
        .collect();
    known.into_iter().collect()
}

/// Whether this reason goes away only when somebody acts.
fn needs_somebody(waiting: &Waiting) -> bool {
    matches!(waiting, Waiting::Stuck { .. } | Waiting::MembersMissing { .. } | Waiting::MembersSurplus { .. })
}

#[cfg(test)]
pub(crate) mod tests;
