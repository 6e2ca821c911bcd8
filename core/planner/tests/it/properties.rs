//! What holds in every state, however it was reached, and whoever sees how much of it.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::{
    Fence, NodeId, NodeStep, Observation, Phase, Plan, Record, RecordChange, Seen, ServerState, Step, Timestamp,
};
use justmanage_planner::plan;
use justmanage_sim::faults::{KINDS, Mending};
use justmanage_sim::run::{PATIENCE, PATIENCE_PER_NODE};
use justmanage_sim::shape::Shape;
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
    /// A user's password is changed for another, with so many seconds of grace; or somebody comes for so many.
    Password(bool, u8),
}

fn story() -> impl Strategy<Value = Story> {
    let event = prop_oneof![
        8 => (1u8..30).prop_map(Event::Pass),
        2 => (0..KINDS.len()).prop_map(Event::Break),
        1 => (any::<bool>(), 0u8..10).prop_map(|(rotate, seconds)| Event::Password(rotate, seconds)),
    ];
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
    fn tell(
        &self,
        ask: impl Fn(&Record, &Observation, Timestamp) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
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
        Event::Password(..) if !world.can_operate() => {}
        Event::Password(true, seconds) => world.rotate("app", u64::from(*seconds) * 1000),
        Event::Password(false, seconds) => world.somebody_comes_for(u64::from(*seconds) * 1000),
        Event::Break(kind) => world.break_something(KINDS[*kind], mending),
    }
}

/// The same, with some nodes out of sight.
fn without(all: &Observation, hidden: impl Fn(usize) -> bool, now: Timestamp) -> Observation {
    let mut seen = all.clone();
    let since = now - jiff::SignedDuration::from_secs(9);
    for (_, node) in seen.nodes.values_mut().enumerate().filter(|(number, _)| hidden(*number)) {
        *node = Seen::Unknown { since, why: "out of sight".to_owned() };
    }
    seen
}

fn steps_of(plan: &Plan) -> &[Step] {
    match plan {
        Plan::Act(steps, _) => steps,
        Plan::Wait(_) | Plan::Converged => &[],
    }
}

/// The shape of an answer: always the same, never empty, for members that are seen, one change at a time.
fn well_formed(record: &Record, seen: &Observation, now: Timestamp) -> Result<(), TestCaseError> {
    let said = plan(record, seen, now);
    prop_assert_eq!(&said, &plan(record, seen, now));
    let known = |node: &NodeId| record.members.contains_key(node) && seen.known(*node).is_some();
    match &said {
        Plan::Converged => prop_assert!(record.members.keys().all(known), "somebody was not seen"),
        Plan::Wait(reasons) => prop_assert!(!reasons.is_empty(), "a reason is always given"),
        Plan::Act(steps, _) => prop_assert!(!steps.is_empty()),
    }
    let mut changes = 0;
    for step in steps_of(&said) {
        match step {
            Step::Node(node, _) => prop_assert!(known(node), "{step:?} for a node that is not seen"),
            Step::Record(_) => changes += 1,
        }
    }
    prop_assert!(changes <= 1, "{said:?}");
    // A stranger beside the members changes nothing, and who sees nobody does nothing.
    let mut crowded = seen.clone();
    let example = seen.nodes.values().next().cloned();
    crowded.nodes.extend(example.map(|example| (NodeId::from_entropy([8; 10]), example)));
    prop_assert_eq!(&said, &plan(record, &crowded, now));
    let blind = plan(record, &Observation::default(), now);
    prop_assert!(matches!(blind, Plan::Wait(_)), "{blind:?}");
    Ok(())
}

/// What must never be planned, by whoever sees how much.
fn harmless(record: &Record, seen: &Observation, now: Timestamp) -> Result<(), TestCaseError> {
    for step in steps_of(&plan(record, seen, now)) {
        match step {
            Step::Node(node, step) => harmless_step(record, seen, *node, step)?,
            Step::Record(change) => harmless_change(record, seen, now, change)?,
        }
    }
    Ok(())
}

fn owns(seen: &Observation, node: NodeId) -> bool {
    let bus = seen.known(node).and_then(|seen| match &seen.server {
        ServerState::Running(server) => server.bus.as_ref(),
        _ => None,
    });
    bus.is_some_and(|bus| bus.is_primary() && !bus.slots.is_empty())
}

/// How many members are in the shard of one.
fn shard_of(record: &Record, node: NodeId) -> usize {
    let shard = record.members.get(&node).map(|member| member.seat.shard);
    record.members.values().filter(|member| Some(member.seat.shard) == shard).count()
}

fn handover(record: &Record) -> bool {
    record.grant.as_ref().is_some_and(|grant| grant.operation == Operation::Handover)
}

fn harmless_step(record: &Record, seen: &Observation, node: NodeId, step: &NodeStep) -> Result<(), TestCaseError> {
    let granted = record.grant.as_ref().is_some_and(|grant| grant.nodes.contains(&node));
    match step {
        NodeStep::StopServer => {
            prop_assert!(granted || record.phase == Phase::Leaving, "stopped without a grant");
            let under = owns(seen, node) && shard_of(record, node) > 1;
            prop_assert!(!under || record.phase == Phase::Leaving, "stopped under its writers");
        }
        NodeStep::TakeTurn => prop_assert!(granted && handover(record) && !owns(seen, node)),
        NodeStep::AssignSlots(_) | NodeStep::SetConfigEpoch(_) => prop_assert_eq!(record.phase, Phase::Forming),
        NodeStep::TakeOver => {
            let word = record.takeovers.values().find(|takeover| takeover.by == node);
            prop_assert!(word.is_some_and(|takeover| takeover.cleared), "nobody has decided that");
        }
        NodeStep::StartServer if record.phase == Phase::Formed => {
            prop_assert!(may_come_back(record, seen, node), "it may come back empty, and another may have its data");
        }
        _ => {}
    }
    Ok(())
}

/// A primary whose data died with it does not come back before all of its shard have been seen, or another one is the primary.
fn may_come_back(record: &Record, seen: &Observation, node: NodeId) -> bool {
    let shard = record.shard_of(node);
    let mut others =
        record.members.iter().filter(|(other, member)| **other != node && Some(member.seat.shard) == shard);
    let Some(own) = seen.known(node) else { return false };
    let lost = matches!(own.server, ServerState::Down { .. }) && own.last.as_ref().is_none_or(|last| !last.persistent);
    let primary = |other: &NodeId| {
        let bus = seen.known(*other).and_then(|seen| match &seen.server {
            ServerState::Running(server) => server.bus.as_ref(),
            _ => None,
        });
        bus.is_some_and(|bus| bus.is_primary() && !bus.slots.is_empty())
    };
    let asked = own.asked.as_ref().is_some_and(|asked| asked.answer.is_ok());
    !lost
        || asked
        || others.clone().any(|(other, _)| primary(other))
        || others.all(|(other, _)| seen.known(*other).is_some())
}

fn harmless_change(
    record: &Record,
    seen: &Observation,
    now: Timestamp,
    change: &RecordChange,
) -> Result<(), TestCaseError> {
    let runs = |node: NodeId| seen.known(node).is_some_and(|seen| matches!(&seen.server, ServerState::Running(_)));
    match change {
        RecordChange::EndPasswords(by) => {
            let mut next = record.clone();
            next.end_passwords(*by);
            prop_assert!(*by <= now, "before its time");
            prop_assert_ne!(&next.users, &record.users, "it ends nothing");
            prop_assert_eq!(next.ended_by(now), None, "something is left");
            let lasting = |record: &Record| {
                let users = record.users.iter();
                let mine = users.filter_map(|(name, user)| Some((name.clone(), user.password()?)));
                mine.collect::<Vec<_>>()
            };
            prop_assert_eq!(lasting(&next), lasting(record), "whoever has a password without an end keeps it");
        }
        RecordChange::Give(grant) => {
            prop_assert_eq!(&record.grant, &None, "never two");
            prop_assert!(grant.operation == Operation::Reshard || grant.nodes.len() == 1);
            prop_assert!(record.members.keys().all(|node| runs(*node)), "somebody is down, or may be");
            prop_assert_eq!(&record.halt, &None, "nobody has looked yet");
            let restarts = grant.operation != Operation::Reshard;
            let owner = restarts && grant.nodes.iter().any(|node| owns(seen, *node) && shard_of(record, *node) > 1);
            prop_assert!(!owner, "a primary is disturbed under its writers, and could hand over");
        }
        // What a handover has come to is the servers' own affair.
        RecordChange::ClearGrant if handover(record) => {}
        RecordChange::ClearGrant => {
            let grant = record.grant.as_ref().map(|grant| grant.nodes.clone()).unwrap_or_default();
            let members: BTreeSet<NodeId> =
                grant.into_iter().filter(|node| record.members.contains_key(node)).collect();
            let heard = |node: &NodeId| seen.known(*node).is_some_and(|seen| seen.settled >= Some(record.generation));
            prop_assert!(members.iter().all(|node| runs(*node) && heard(node)), "its node is not back");
        }
        RecordChange::TakeOver(shard, takeover) if !record.takeovers.contains_key(shard) => {
            prop_assert!(!runs(takeover.from), "the primary is there");
            let fenced = record.fence(*shard) == Fence::Closed;
            let dead = seen.known(takeover.from).is_some();
            prop_assert!(if takeover.cleared { dead } else { fenced }, "the primary may take writes");
        }
        _ => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_well_formed(story in story()) {
        story.tell(well_formed)?;
    }

    #[test]
    fn nobody_plans_harm_however_little_is_seen(story in story()) {
        story.tell(harmless)?;
    }

    #[test]
    fn whatever_happened_to_data_on_disk_it_converges(mut story in story()) {
        story.shape.2 = true;
        let (mut world, mut mending) = (story.world(), Mending::default());
        for (event, _) in &story.events {
            happen(&mut world, &mut mending, event);
        }
        world.mend_everything(&mut mending);
        let began = world.field.now;
        let limit = began + PATIENCE + PATIENCE_PER_NODE * world.store.record.members.len() as u64;
        while world.field.now < limit && !(world.field.now > began + 5000 && world.converged()) {
            world.replace_the_lost();
            world.an_apply_goes_on();
            world.do_as_the_hint_says();
            world.tick();
        }
        prop_assert!(world.converged(), "{:?}", world.plan());
        prop_assert_eq!(&world.field.promises.broken, &vec![]);
        prop_assert_eq!(world.store.record.phase, Phase::Formed);
        prop_assert_eq!(&world.store.record.grant, &None);
    }

    #[test]
    fn a_leaving_cluster_ends_stopped(story in story()) {
        let (mut world, mut mending) = (story.world(), Mending::default());
        for (event, _) in &story.events {
            happen(&mut world, &mut mending, event);
        }
        world.mend_everything(&mut mending);
        world.operate(|record| record.phase = Phase::Leaving);
        for _ in 0..300 {
            world.tick();
        }
        let runs = |node: usize| world.field.nodes[node].server.process != justmanage_sim::server::Process::Off;
        let members: Vec<usize> = (0..world.agents.len()).filter(|node| !world.field.nodes[*node].gone).collect();
        prop_assert!(members.into_iter().all(|node| !runs(node)));
    }
}

#[test]
fn what_is_well_is_left_alone() {
    let mut world = World::new(Shape::of(2, 1), 7);
    while !world.converged() {
        world.tick();
        assert!(world.field.now < 60_000, "{:?}", world.plan());
    }
    let (stops, generation) = (world.counts.stops, world.store.record.generation);
    for _ in 0..3000 {
        world.tick();
    }
    assert_eq!((world.counts.stops, world.store.record.generation), (stops, generation));
    assert_eq!(stops, 0, "making a cluster stops nothing");
}
