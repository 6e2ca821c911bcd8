//! What holds in every state, however it was reached, and whoever sees how much of it.

use std::collections::BTreeSet;

use justmanage_model::{
    Fence, NodeId, NodeStep, Observation, Phase, Plan, Record, RecordChange, Seen, ServerState, Step, Timestamp,
};
use justmanage_planner::plan;
use justmanage_sim::faults::{KINDS, Mending};
use justmanage_sim::run::{PATIENCE, PATIENCE_PER_NODE};
use justmanage_sim::shape::{Shape, node_id};
use justmanage_sim::world::World;
use proptest::prelude::*;

/// A cluster, what happens to it, and who is out of sight when it is looked at (bits of a number).
#[derive(Clone, Debug)]
struct Story {
    seed: u64,
    shape: (u16, u16, bool),
    events: Vec<(Event, u16)>,
}

#[derive(Clone, Debug)]
enum Event {
    /// Agents do what they do by themselves, for so many tenths of a second.
    Pass(u8),
    /// One of the simulation's faults.
    Break(usize),
}

fn story() -> impl Strategy<Value = Story> {
    let event = prop_oneof![4 => (1u8..30).prop_map(Event::Pass), 1 => (0..KINDS.len()).prop_map(Event::Break)];
    let events = proptest::collection::vec((event, any::<u16>()), 0..40);
    (any::<u64>(), (1u16..=3, 0u16..=2, any::<bool>()), events).prop_map(|(seed, shape, events)| Story {
        seed,
        shape,
        events,
    })
}

impl Story {
    fn world(&self) -> World {
        let (shards, replicas, persistent) = self.shape;
        World::new(Shape { persistent, ..Shape::of(shards, replicas) }, self.seed)
    }

    /// Tells it, and asks the planner whenever something has happened.
    fn tell(&self, ask: impl Fn(&Record, &Observation, Timestamp) -> Result<(), TestCaseError>) -> Result<(), TestCaseError> {
        let (mut world, mut mending) = (self.world(), Mending::default());
        for (event, unseen) in &self.events {
            happen(&mut world, &mut mending, event);
            let now = justmanage_sim::timestamp(world.field.now, 0);
            let whole = world.observation();
            let record = world.store.record.clone();
            ask(&record, &whole, now)?;
            ask(&record, &without(&whole, |number| unseen & 1 << (number % 16) != 0, now), now)?;
            for own in 0..world.agents.len() {
                ask(&record, &without(&whole, |number| number != own, now), now)?;
            }
        }
        Ok(())
    }
}

fn happen(world: &mut World, mending: &mut Mending, event: &Event) {
    match event {
        Event::Pass(ticks) => {
            for _ in 0..*ticks {
                world.mend_what_is_due(mending);
                world.tick();
            }
        }
        Event::Break(kind) => world.break_something(KINDS[*kind], mending),
    }
}

/// The same, with some nodes out of sight.
fn without(all: &Observation, hidden: impl Fn(usize) -> bool, now: Timestamp) -> Observation {
    let mut seen = all.clone();
    for (number, node) in seen.nodes.values_mut().enumerate().filter(|(number, _)| hidden(*number)) {
        let _ = number;
        *node = Seen::Unknown { since: now - jiff::SignedDuration::from_secs(9), why: "out of sight".to_owned() };
    }
    seen
}
