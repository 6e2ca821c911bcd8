//! What every concern looks at: members only, each as it is known.

use justmanage_model::{
    NodeId, NodeObservation, NodeStep, Observation, Phase, Record, Seen, ServerObservation, ServerState, SlotSet, Step,
    Timestamp, Waiting,
};
use justmanage_releases::{Drift, drift};

/// A Record and what is seen of its members at one moment.
pub(crate) struct View<'a> {
    pub(crate) record: &'a Record,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Timestamp,
}

impl<'a> View<'a> {
    /// Members that are known, and how. A node that is no member is nobody's to act on, and is left out.
    pub(crate) fn known(&self) -> impl Iterator<Item = (NodeId, &'a NodeObservation)> {
        let observation = self.observation;
        self.record.members.keys().filter_map(move |node| Some((*node, observation.known(*node)?)))
    }

    /// Members whose server answers and has its data.
    pub(crate) fn serving(&self) -> impl Iterator<Item = (NodeId, &'a ServerObservation)> {
        self.known().filter_map(|(node, seen)| match &seen.server {
            ServerState::Running(server) if !server.loading => Some((node, &**server)),
            _ => None,
        })
    }

    /// Members that are not known, each as a reason to wait.
    pub(crate) fn unseen(&self) -> Vec<Waiting> {
        let unseen = |node: &NodeId| match self.observation.nodes.get(node) {
            Some(Seen::Known(_)) => None,
            Some(Seen::Unknown { since, why }) => {
                Some(Waiting::NodeUnknown { node: *node, since: *since, why: why.clone() })
            }
            None => {
                let why = "Nobody has looked at it yet.".to_owned();
                Some(Waiting::NodeUnknown { node: *node, since: self.now, why })
            }
        };
        self.record.members.keys().filter_map(unseen).collect()
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.record.phase == phase
    }

    /// Slots that some member serves.
    pub(crate) fn served(&self) -> SlotSet {
        self.serving().fold(SlotSet::empty(), |all, (_, server)| all.union(&server.slots))
    }

    /// How a server's configuration differs from the wanted one.
    pub(crate) fn drift(&self, server: &ServerObservation) -> Drift {
        let Record { spec, release, .. } = self.record;
        drift(spec.engine, release.version.line(), &spec.config, spec.memory, &server.config)
    }

    /// Something for a person to look at.
    pub(crate) fn stuck(&self, since: Timestamp, what: impl Into<String>, hint: impl Into<String>) -> Waiting {
        Waiting::Stuck { what: what.into(), since, hint: hint.into() }
    }
}

/// A step of the agent of a node.
pub(crate) const fn by(node: NodeId, step: NodeStep) -> Step {
    Step::Node(node, step)
}
