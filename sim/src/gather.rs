//! What the leader knows of the others: what they last said, as long as they can be heard.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use justmanage_model::{NodeId, NodeObservation, Role, Seen, ServerState};

use crate::Ms;
use crate::shape::node_id;
use crate::world::World;

/// How long a member that does not answer is taken to be as it was: the long poll's second, and the way there and back.
const PATIENCE: Ms = 2500;

/// What was heard of a node.
#[derive(Clone, Debug)]
pub struct Heard {
    version: u64,
    at: Ms,
    said: Option<NodeObservation>,
    lost: bool,
}

impl World {
    /// Hears the other members.
    pub(crate) fn gather(&mut self, leader: usize) {
        let now = self.field.now;
        let members: Vec<usize> =
            self.agents[leader].copy.agents().filter_map(|(node, _)| self.field.number(node)).collect();
        for node in members.into_iter().filter(|node| *node != leader) {
            let there = self.field.network.both(leader, node);
            let speaks = there && self.agent_runs(node) && !self.field.chance.per_mille(self.field.network.loss * 2);
            let refused = there && self.field.nodes[node].on && !self.agents[node].alive;
            let (version, said) = (self.agents[node].version, self.agents[node].said.clone());
            let shift = SignedDuration::from_millis(self.field.nodes[leader].ahead - self.field.nodes[node].ahead);
            let heard = self.agents[leader].gathered.entry(node).or_insert(Heard {
                version: 0,
                at: now,
                said: None,
                lost: true,
            });
            if speaks && said.is_some() {
                heard.at = now;
                heard.lost = false;
                if heard.version != version && self.field.chance.per_mille(700) {
                    heard.version = version;
                    let wakes = outline(heard.said.as_ref()) != outline(said.as_ref());
                    // Their age is what counts, and clocks may be apart.
                    heard.said = said.map(|said| said.shifted(shift));
                    if wakes {
                        self.agents[leader].wake_at = self.agents[leader].wake_at.min(now);
                    }
                }
            } else if (refused || now > heard.at + PATIENCE) && !heard.lost {
                heard.lost = true;
                heard.version = 0;
                // What it said before is of long ago when it is heard again.
                heard.said = None;
                self.agents[leader].wake_at = now;
            }
        }
    }

    /// All of it as the planner wants it.
    pub(crate) fn gathered(&self, leader: usize) -> BTreeMap<NodeId, Seen<NodeObservation>> {
        let ahead = self.field.nodes[leader].ahead;
        let seen = |heard: &Heard| match heard.said.as_ref().filter(|_| !heard.lost) {
            Some(said) => Seen::Known(said.clone()),
            None => {
                let since = crate::timestamp(heard.at, ahead);
                Seen::Unknown { since, why: "its agent does not answer".to_owned() }
            }
        };
        self.agents[leader].gathered.iter().map(|(node, heard)| (node_id(*node), seen(heard))).collect()
    }
}

/// What wakes the leader: not figures, which change all the time.
fn outline(said: Option<&NodeObservation>) -> impl PartialEq + use<> {
    said.map(|said| {
        let server = match &said.server {
            ServerState::Stopped => (0, None),
            ServerState::Starting { .. } => (1, None),
            ServerState::Running(server) => {
                let bus = server.bus.as_ref();
                let up = bus.map(|bus| matches!(&bus.role, Role::Replica { link, .. } if link.up));
                (2, bus.map(|bus| (bus.ok, bus.slots.len(), bus.is_primary(), up, bus.view.clone())))
            }
            ServerState::Down { .. } => (3, None),
            ServerState::Hung { .. } => (4, None),
        };
        (server, said.settled, said.asked.is_some(), said.handover.clone(), said.severed)
    })
}
