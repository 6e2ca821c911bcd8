//! Whether a cluster that is watched comes any further.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};

use justmanage_model::backup::BackupState;
use justmanage_model::{Generation, NodeId, NodeObservation, Role, Seen, ServerState, Waiting};
use serde_json::Value;

use crate::agents::ClusterStatus;

/// What was seen of a cluster since something last got done.
///
/// A cluster that goes to and fro between situations comes no further, however much happens in it. (A server whose agent is dead
/// tells the others of nodes that they have just forgotten; they forget them again, for as long as nobody starts the agent.)
#[derive(Debug, Default)]
pub(super) struct Progress {
    last: Option<ClusterStatus>,
    /// The latest Record. Of agents that cannot hear each other, one may tell of an older one again and again.
    latest: Option<Generation>,
    seen: Vec<Situation>,
}

/// How things stand, without figures.
#[derive(Debug, PartialEq)]
struct Situation {
    generation: Option<Generation>,
    leader: Option<NodeId>,
    waiting: Vec<Value>,
    /// `None`: it cannot be seen.
    servers: BTreeMap<NodeId, Option<Discriminant<ServerState>>>,
}

impl Progress {
    /// Whether the cluster has come further than it was, by what is said of it now.
    pub(super) fn made(&mut self, status: &ClusterStatus) -> bool {
        let last = self.last.replace(status.clone());
        let now = Situation::of(status);
        let figures = last.as_ref().is_some_and(|last| figures(last, status));
        if figures || self.latest < now.generation {
            self.seen.clear();
        }
        self.latest = self.latest.max(now.generation);
        let anew = !self.seen.contains(&now);
        if anew {
            self.seen.push(now);
        }
        figures || anew
    }
}

impl Situation {
    fn of(status: &ClusterStatus) -> Self {
        let server = |node: &Seen<NodeObservation>| match node {
            Seen::Known(node) => Some(discriminant(&node.server)),
            Seen::Unknown { .. } => None,
        };
        Self {
            generation: status.record.as_ref().map(|record| record.generation),
            leader: status.leader,
            waiting: status.waiting.iter().map(gist).collect(),
            servers: status.observation.nodes.iter().map(|(id, node)| (*id, server(node))).collect(),
        }
    }
}

/// A reason without moments and counts: a server that is started again and again for the same reason comes no further, however often
/// that is said.
fn gist(waiting: &Waiting) -> Value {
    // Reasons serialise: they go from agent to agent.
    let mut gist = serde_json::to_value(waiting).unwrap_or_default();
    let fields =
        gist.as_object_mut().into_iter().flat_map(|reason| reason.values_mut()).filter_map(Value::as_object_mut);
    for fields in fields {
        fields.retain(|name, _| !["since", "until", "retry_at", "at"].contains(&name.as_str()));
        for name in ["what", "why"] {
            if let Some(Value::String(text)) = fields.get_mut(name) {
                text.retain(|character| !character.is_ascii_digit());
            }
        }
    }
    gist
}

/// Whether a figure moved that counts. Those that always move, such as memory in use, do not, except while a server loads its data or
/// receives a copy: then they are the progress.
fn figures(before: &ClusterStatus, after: &ClusterStatus) -> bool {
    after.observation.nodes.iter().any(|(node, now)| match (before.observation.nodes.get(node), now) {
        (Some(Seen::Known(before)), Seen::Known(now)) => of_node(before, now),
        _ => false,
    })
}

fn of_node(before: &NodeObservation, after: &NodeObservation) -> bool {
    // Slots that are large are long on their way.
    let moved = |seen: &NodeObservation| seen.moving.as_ref().map(|tally| (tally.given, tally.slots, tally.keys));
    // Each try of a handover takes 21 s.
    let told = |seen: &NodeObservation| seen.handover.as_ref().map(|told| (told.given, told.tries));
    // Whoever reads a server, or verifies what was read, gives up by itself when nothing comes any more.
    let reads = after.backup.as_ref().is_some_and(|tally| matches!(tally.state, BackupState::Running { .. }));
    if moved(before) != moved(after) || told(before) != told(after) || reads {
        return true;
    }
    let (ServerState::Running(before), ServerState::Running(after)) = (&before.server, &after.server) else {
        return false;
    };
    let role = after.bus.as_ref().map(|bus| &bus.role);
    let copying = matches!(role, Some(Role::Replica { link, .. }) if link.syncing);
    let figures = before.used_memory != after.used_memory || before.offset != after.offset;
    before.loading != after.loading || ((after.loading || copying) && figures)
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Observation, Record};

    use super::*;

    fn status(leader: u8, waiting: &[Waiting]) -> ClusterStatus {
        ClusterStatus {
            record: None,
            observation: Observation::default(),
            converged: false,
            waiting: waiting.to_vec(),
            leader: Some(NodeId::from_entropy([leader; 10])),
            last_operation: None,
        }
    }

    #[test]
    fn moments_and_counts_are_no_progress() {
        let node = NodeId::from_entropy([7; 10]);
        let at = |second| justmanage_model::Timestamp::from_second(second).expect("a moment");
        let stuck = |second, count| Waiting::Stuck {
            what: format!("The server of node {node} has ended {count} times in a row: no memory"),
            since: at(second),
            hint: String::new(),
        };
        let backoff = |second, why: &str| Waiting::RestartBackoff {
            node,
            retry_at: at(second),
            why: format!("{why}, pid {second}"),
        };
        let mut progress = Progress::default();
        for (waiting, expected) in [
            (backoff(1, "it ended"), true),
            (backoff(9, "it ended"), false),
            (backoff(10, "it was killed"), true),
            (stuck(1, 5), true),
            (stuck(2, 6), false),
            (backoff(100, "it ended"), false),
        ] {
            assert_eq!(progress.made(&status(1, std::slice::from_ref(&waiting))), expected, "{waiting:?}");
        }
    }

    #[test]
    fn whoever_tells_of_an_older_record_brings_nothing_new() {
        let of = |generation| {
            let record = Record { generation: Generation::new(generation), ..crate::view::tests::record() };
            ClusterStatus { record: Some(record), ..status(1, &[Waiting::ViewsDiffer]) }
        };
        let mut progress = Progress::default();
        for (generation, expected) in
            [(7, true), (6, true), (7, false), (6, false), (7, false), (8, true), (7, true), (8, false)]
        {
            assert_eq!(progress.made(&of(generation)), expected, "{generation}");
        }
    }

    #[test]
    fn whoever_goes_to_and_fro_comes_no_further() {
        let node = NodeId::from_entropy([7; 10]);
        let not_ok = Waiting::ClusterNotOk { node };
        let mut progress = Progress::default();
        for (leader, waiting, expected) in [
            (1, vec![not_ok.clone()], true),
            (1, vec![not_ok.clone()], false),
            (1, vec![not_ok.clone(), Waiting::ViewsDiffer], true),
            (1, vec![not_ok.clone()], false),
            (1, vec![not_ok.clone(), Waiting::ViewsDiffer], false),
            (2, vec![not_ok.clone()], true),
            (1, vec![not_ok.clone()], false),
            (1, vec![Waiting::ViewsDiffer], true),
            (1, vec![], true),
            (2, vec![not_ok], false),
        ] {
            assert_eq!(progress.made(&status(leader, &waiting)), expected, "{leader} {waiting:?}");
        }
    }
}
