//! Slots that somebody has left half-way: marked as on their way by nobody of ours.

use justmanage_model::{SlotSet, Timestamp};

use crate::shape::node_id;
use crate::world::World;

/// For how long a slot is marked until it counts as left half-way, as for the agents.
const ASTRAY: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

/// What an agent remembers of marks.
#[derive(Clone, Debug, Default)]
pub struct Marks(Option<(SlotSet, Timestamp)>);

impl Marks {
    /// Of the slots that are marked, those that have been for long. `moves`: somebody of ours may be at it.
    pub(crate) fn astray(&mut self, marked: &SlotSet, moves: bool, now: Timestamp) -> SlotSet {
        let before = self.0.take().filter(|(slots, _)| slots == marked);
        if marked.is_empty() || moves {
            return SlotSet::empty();
        }
        let (slots, since) = before.unwrap_or_else(|| (marked.clone(), now));
        let long = now.duration_since(since) > ASTRAY;
        self.0 = Some((slots, since));
        if long { marked.clone() } else { SlotSet::empty() }
    }
}

impl World {
    /// Somebody begins to move slots of a node's server to another one's by hand, and goes home: marked at the one, the other, or both.
    pub fn slots_are_marked(&mut self, node: usize, other: usize) {
        let owns = |node: usize| self.field.listens(node) && self.field.nodes[node].server.bus.owns();
        let (one, two) = (owns(node), owns(other));
        if !one || node == other {
            return;
        }
        let bus = &self.field.nodes[node].server.bus;
        let parts = bus.parts_of(bus.id);
        let part = self.field.chance.pick(&parts);
        let from = self.field.chance.below(u64::from(self.field.parts[part].len()));
        let count = self.field.chance.between(1, 20);
        let which = self.field.chance.below(3);
        let slots: SlotSet = self.field.parts[part].slots().skip(from as usize).take(count as usize).collect();
        self.field.note(|| format!("somebody marks slots {slots} as on their way from node {node} to node {other}"));
        for (node, marks) in [(node, which != 1), (other, which != 0 && two)] {
            let marked = &mut self.field.nodes[node].server.marked;
            if marks {
                *marked = marked.union(&slots);
            }
        }
    }

    /// An agent that has leave to move slots takes the marks at its own server away that nobody of ours needs.
    pub(crate) fn take_marks_away(&mut self, node: usize) {
        let marked = std::mem::replace(&mut self.field.nodes[node].server.marked, SlotSet::empty());
        if !marked.is_empty() {
            self.field.note(|| format!("node {node}'s agent takes the marks of slots {marked} away"));
            self.counts.closed += u64::from(marked.len());
        }
    }

    /// Whether slots are marked at a primary, and nobody of ours moves any.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        let members = self.store.record.members.keys().filter_map(|node| self.field.number(*node));
        let marked = |node: usize| {
            let server = &self.field.nodes[node].server;
            server.bus.is_primary() && !server.marked.is_empty() && self.store.record.belongs(node_id(node))
        };
        members.into_iter().any(marked)
    }
}
