//! What people want in the meantime: other settings, other users, another machine for one that is lost.

use justmanage_model::{OnCrash, Phase, Plan, User, Waiting};

use crate::shape::node_id;
use crate::world::World;

/// Keys that operators change: the first two while the server runs, the others by a restart.
const KEYS: [&str; 4] = ["maxmemory-policy", "timeout", "io-threads", "databases"];

impl World {
    /// Whether an operator finds an agent that has the majority behind it.
    #[must_use]
    pub fn can_operate(&self) -> bool {
        self.voters().into_iter().any(|node| self.has_majority(node))
    }

    /// Somebody wants something else.
    pub fn somebody_wants_something(&mut self) {
        if !self.can_operate() || self.store.record.phase == Phase::Leaving {
            return;
        }
        let chance = &mut self.field.chance;
        let (what, value) = (chance.below(9), chance.between(1, 8));
        let key = chance.pick(&KEYS).to_owned();
        self.field.note(|| format!("an operator wants something ({what}, {key}, {value})"));
        self.operate(|record| match what {
            0..=3 => drop(record.spec.config.insert(key, value.to_string())),
            4 => drop(record.spec.config.remove(&key)),
            5 => record.spec.memory = justmanage_model::Bytes::mib(64 + value),
            6 => {
                record.spec.on_crash = match record.spec.on_crash {
                    OnCrash::Failover => OnCrash::Restart,
                    OnCrash::Restart => OnCrash::Failover,
                };
            }
            _ => {
                let user = User { acl: "~* +@read".parse().expect("rules"), passwords: vec![] };
                record.users.insert(format!("user-{value}").parse().expect("a name"), user);
            }
        });
    }

    /// A person reads that a node has to be removed, and does that: another takes its place, and then its machine goes. Not the
    /// other way round, since its agent may be the majority.
    pub fn do_as_the_hint_says(&mut self) {
        let Some(leader) = self.store.leader.filter(|_| self.can_operate()) else { return };
        let waiting = match &self.agents[leader].last_plan {
            Some((_, Plan::Wait(waiting) | Plan::Act(_, waiting))) => waiting.clone(),
            _ => return,
        };
        for reason in waiting {
            let Waiting::Stuck { what, .. } = reason else { continue };
            let about =
                |node: &usize| what.starts_with(&format!("The server of node {} is not started", node_id(*node)));
            if let Some(node) = (0..self.field.nodes.len()).find(about).filter(|node| !self.field.nodes[*node].gone) {
                self.replace(node);
                self.agent_dies(node);
                self.field.lose(node);
            }
        }
    }

    /// Machines that are lost for good are replaced.
    pub fn replace_the_lost(&mut self) {
        if !self.can_operate() {
            return;
        }
        let lost = |world: &Self, node: &usize| {
            world.field.nodes[*node].gone && world.store.record.members.contains_key(&crate::shape::node_id(*node))
        };
        for node in (0..self.field.nodes.len()).filter(|node| lost(self, node)).collect::<Vec<_>>() {
            self.replace(node);
        }
    }
}
