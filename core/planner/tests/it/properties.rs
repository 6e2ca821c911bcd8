//! What holds in every state, however it was reached.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use justmanage_model::{NodeId, Phase, Plan, SlotSet, Step, User};
use justmanage_planner::plan;
use proptest::prelude::*;

use crate::world::{Process, World, node};

/// Something that happens: by accident, by hand, by an operator, or by the passing of time.
#[derive(Clone, Debug)]
enum Event {
    Turn,
    TurnTwice,
    TurnForgotten,
    Pass(i64),
    Crash,
    Reboot,
    Broken(bool),
    Unseen(bool),
    ConfigByHand(u8),
    UsersByHand,
    Config(u8, u8),
    Without(u8),
    Memory(u64),
    User(u8),
    CertificateEnds(i64),
}

const KEYS: [&str; 4] = ["maxmemory-policy", "timeout", "io-threads", "databases"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Turn),
        2 => Just(Event::TurnTwice),
        2 => Just(Event::TurnForgotten),
        4 => (0i64..90).prop_map(Event::Pass),
        1 => Just(Event::Crash),
        1 => Just(Event::Reboot),
        1 => any::<bool>().prop_map(Event::Broken),
        1 => any::<bool>().prop_map(Event::Unseen),
        // Only keys that a server changes while it runs: it refuses the others.
        1 => (0u8..2).prop_map(Event::ConfigByHand),
        1 => Just(Event::UsersByHand),
        2 => (0u8..4, 1u8..9).prop_map(|(key, value)| Event::Config(key, value)),
        1 => (0u8..4).prop_map(Event::Without),
        1 => (16u64..999).prop_map(Event::Memory),
        1 => (0u8..3).prop_map(Event::User),
        1 => (1i64..60).prop_map(Event::CertificateEnds),
    ]
}

fn happen(world: &mut World, event: &Event) {
    let key = |key: u8| KEYS[usize::from(key)].to_owned();
    let mut next = world.record.clone();
    match event {
        Event::Turn | Event::TurnTwice | Event::TurnForgotten => return turn(world, event),
        Event::Pass(seconds) => world.pass(SignedDuration::from_secs(*seconds)),
        Event::Crash if world.started.is_some() => {
            world.process = Process::Down { since: world.now, retry_at: world.now + SignedDuration::from_secs(1) };
        }
        Event::Reboot => world.process = Process::Stopped,
        Event::Broken(broken) => world.broken = *broken,
        Event::Unseen(unseen) => world.unseen = *unseen,
        Event::ConfigByHand(at) => drop(world.server.config.insert(key(*at), "77".to_owned())),
        Event::UsersByHand => world.server.users = "other".to_owned(),
        Event::Config(at, value) => drop(next.spec.config.insert(key(*at), value.to_string())),
        Event::Without(at) => drop(next.spec.config.remove(&key(*at))),
        Event::Memory(mebibytes) => next.spec.memory = justmanage_model::Bytes::mib(*mebibytes),
        Event::User(number) => {
            let user = User { acl: "~* +@read".parse().unwrap(), passwords: vec![] };
            next.users.insert(format!("user-{number}").parse().unwrap(), user);
        }
        Event::CertificateEnds(days) => {
            world.server.certificate_expires = world.now + SignedDuration::from_hours(24 * days);
        }
        Event::Crash => {}
    }
    if next != world.record {
        world.propose(next);
    }
}

/// One turn; or one whose steps are carried out twice, or only the first of them and then a crash of the agent.
fn turn(world: &mut World, how: &Event) {
    let Plan::Act(steps) = world.plan() else { return };
    let record_changes = steps.iter().any(|step| matches!(step, Step::Record(_)));
    match how {
        Event::TurnForgotten => world.carry_out(&steps[..1]),
        // A change of the Record is compare-and-set: the second one is refused by its generation.
        Event::TurnTwice if !record_changes => {
            world.carry_out(&steps);
            world.carry_out(&steps);
        }
        _ => world.carry_out(&steps),
    }
}

fn history() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(event(), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_it_converges(events in history()) {
        let mut world = World::new();
        for event in &events {
            happen(&mut world, event);
        }
        // The faults end; nothing else is helped along.
        world.broken = false;
        world.unseen = false;
        let formed = world.record.phase == Phase::Formed;
        let turns = world.converge(300);
        prop_assert!(turns.is_ok(), "{:?}\n{:#?}", turns, world);
        prop_assert_eq!(world.plan(), Plan::Converged, "planned again, nothing has changed");
        prop_assert_eq!(&world.record.grant, &None);
        prop_assert_eq!(world.record.phase, Phase::Formed);
        prop_assert_eq!(&world.server.slots, &SlotSet::all());
        prop_assert!(!formed || world.record.phase == Phase::Formed, "no way back");
    }

    #[test]
    fn the_same_is_planned_for_the_same_and_only_for_members_that_are_seen(events in history()) {
        let mut world = World::new();
        for event in &events {
            happen(&mut world, event);
            let (observation, now) = (world.observation(), world.now);
            let first = plan(&world.record, &observation, now);
            prop_assert_eq!(&first, &plan(&world.record, &observation, now));
            if let Plan::Act(steps) = &first {
                prop_assert!(!steps.is_empty());
                for step in steps {
                    if let Step::Node(on, _) = step {
                        prop_assert!(*on == node() && !world.unseen);
                    }
                }
            }
            if let Plan::Wait(reasons) = &first {
                prop_assert!(!reasons.is_empty(), "a reason is always given");
            }
            // A stranger beside the member changes nothing.
            let mut crowded = observation.clone();
            let stranger = NodeId::from_entropy([8; 10]);
            crowded.nodes.extend(BTreeMap::from([(stranger, crowded.nodes[&node()].clone())]));
            prop_assert_eq!(&first, &plan(&world.record, &crowded, now));
            // A member that nobody looked at is like one that cannot be seen.
            let nobody = justmanage_model::Observation::default();
            let blind = plan(&world.record, &nobody, now);
            prop_assert!(!matches!(blind, Plan::Converged | Plan::Act(_)), "{:?}", blind);
        }
    }

    #[test]
    fn a_leaving_cluster_ends_stopped(events in history()) {
        let mut world = World::new();
        for event in &events {
            happen(&mut world, event);
        }
        world.unseen = false;
        let mut leaving = world.record.clone();
        leaving.phase = Phase::Leaving;
        world.propose(leaving);
        prop_assert!(world.converge(20).is_ok(), "{:?}", world.plan());
        let ended = matches!(world.process, Process::Stopped | Process::Down { .. });
        prop_assert!(ended);
    }
}

#[test]
fn a_converged_cluster_was_never_stopped_without_need() {
    let mut world = World::formed();
    assert_eq!(world.stops, 0, "making a cluster stops nothing");
    for _ in 0..100 {
        world.pass(SignedDuration::from_hours(1));
        assert_eq!(world.plan(), Plan::Converged);
    }
}
