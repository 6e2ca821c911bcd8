//! Agents that are older than what the manager brings: replaced one at a time, never by older ones, and gone on with after a kill.

use std::collections::BTreeSet;

use justmanage_core::{ClusterView, Manager};
use justmanage_model::Version;
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, Cut, World, name, shape};

const NEWER: Version = Version::new(0, 2, 0);

async fn made(world: &World, home: &tempfile::TempDir) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let view = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    assert_eq!(view.agent_version, Some(Version::new(0, 1, 0)));
    (manager, view)
}

fn assert_upgraded(world: &World, case: &str) {
    let inside = world.inside();
    for node in inside.machines.keys() {
        assert_eq!(inside.version_of(*node), NEWER.to_string(), "{case}");
    }
}

#[tokio::test]
async fn agents_are_replaced_one_at_a_time_and_the_one_that_leads_last() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().brings = Some(NEWER);
    let after = manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect("update");
    assert_eq!(after.agent_version, Some(NEWER));
    assert_upgraded(&world, "all of them");
    let record = world.record();
    let inside = world.inside();
    assert_eq!(inside.upgraded.iter().collect::<BTreeSet<_>>().len(), 6);
    assert_eq!(inside.upgraded.len(), 6, "each once");
    assert_eq!(inside.upgraded.last().copied(), inside.leader(&record), "who leads, last");
}

#[tokio::test]
async fn an_upgrade_killed_at_any_call_is_finished_by_the_next() {
    for after in [false, true] {
        for at in 0.. {
            let case = format!("killed at call {at}, after it was done: {after}");
            let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
            let (manager, view) = made(&world, &home).await;
            world.inside().brings = Some(NEWER);
            let (spec, cancel) = (shape(3, 1), CancellationToken::new());
            let ended = world.cut_short(Cut { at, after }, manager.update(&view.id, &spec, &cancel)).await;
            if let Some(ended) = ended {
                ended.expect("nobody killed it");
                assert_eq!(at, 7, "six agents, and the Record");
                break;
            }
            let done = world.manager(&home).update(&view.id, &spec, &cancel).await.expect(&case);
            assert!(done.converged && done.agent_version == Some(NEWER), "{case}");
            assert_upgraded(&world, &case);
            assert_eq!(world.inside().upgraded.len(), 6, "{case}: none twice");
        }
    }
}

#[tokio::test]
async fn agents_are_never_replaced_by_older_ones() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let nodes = world.nodes();
    nodes.iter().for_each(|node| world.inside().has_version(*node, NEWER));
    let after = manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect("update");
    assert!(after.converged && after.agent_version == Some(NEWER));
    assert_eq!(world.inside().upgraded, []);
}

#[tokio::test]
async fn an_agent_that_cannot_be_replaced_stops_it_before_anything_is_configured() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let stubborn = world.nodes()[3];
    world.inside().brings = Some(NEWER);
    world.inside().stubborn.insert(stubborn);
    let mut spec = shape(3, 1);
    spec.config.insert("maxmemory-policy".into(), "allkeys-lru".into());
    let unfinished = manager.update(&view.id, &spec, &CancellationToken::new()).await.expect_err("one does not start");
    let text = unfinished.failure.to_string();
    assert!(text.contains("put back") && text.contains("Apply again"), "{text}");
    assert!(!world.inside().upgraded.contains(&stubborn));
    assert_eq!(world.record().spec, shape(3, 1), "older agents would drop what they do not know");
    world.inside().stubborn.clear();
    manager.update(&view.id, &spec, &CancellationToken::new()).await.expect("the next one");
    assert_upgraded(&world, "the next one");
    assert_eq!(world.record().spec, spec);
}

#[tokio::test]
async fn no_agent_is_replaced_while_another_is_not_seen() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let silent = world.nodes()[5];
    world.inside().brings = Some(NEWER);
    world.inside().odd.insert(silent, Behaviour::Silent);
    manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect_err("one is not seen");
    assert_eq!(world.inside().upgraded, [], "the majority is not put at risk");
}

#[tokio::test]
async fn a_machine_that_is_gone_is_replaced_before_agents_are() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.lose(world.nodes()[1]);
    world.inside().brings = Some(NEWER);
    let after = manager.update(&view.id, &shape(3, 1), &CancellationToken::new()).await.expect("update");
    assert!(after.converged);
    assert_upgraded(&world, "the new one and the old ones");
    assert_eq!(world.inside().upgraded.len(), 5, "the new one was born so");
}
