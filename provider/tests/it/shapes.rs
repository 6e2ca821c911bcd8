//! More and fewer shards and replicas: what the plan says, what the apply does, and what is left when it is killed.

use justmanage_model::{Bytes, Seat};
use tfkit::testing::{Applied, State};
use tfkit::{Diagnostic, Path, Severity, Value};

use crate::world::{World, cluster, get, one, refused, texts};

fn shape(shards: i64, replicas: i64) -> Value {
    cluster(&[("shards", shards.into()), ("replicas_per_shard", replicas.into())])
}

/// Applies, and is done with it: no error, and nothing left to plan.
async fn goes_to(world: &mut World, state: &State, to: (i64, i64)) -> State {
    let done = world.apply(Some(state), &shape(to.0, to.1)).await;
    is_there(world, done, to).await
}

async fn is_there(world: &mut World, done: Applied, (shards, replicas): (i64, i64)) -> State {
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    let state = done.state.expect("a state");
    let nodes = usize::try_from(shards * (replicas + 1)).expect("few");
    assert_eq!(texts(&state.value, "endpoints").len(), nodes, "at once, and not only after a refresh");
    let refreshed = world.refreshed(&state).await;
    assert_eq!(refreshed.value, state.value);
    let change = world.plan(Some(&refreshed), &shape(shards, replicas)).await.expect("plan");
    assert!(change.is_empty() && change.warnings.is_empty(), "{change:?}");
    let record = world.stage.record();
    assert_eq!((record.members.len(), record.reshaping, record.retired.len()), (nodes, None, 0));
    let machines = std::fs::read_dir(world.stage.clusters().join("cache")).expect("a directory");
    let machines = machines.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().join("order.json").exists()));
    assert_eq!(machines.count(), nodes, "no machine is left over");
    refreshed
}

fn warnings(change: &tfkit::testing::Change) -> Vec<Diagnostic> {
    change.warnings.iter().filter(|warning| warning.severity == Severity::Warning).cloned().collect()
}

#[tokio::test]
async fn a_cluster_grows_and_shrinks_and_then_nothing_is_to_be_done() {
    let mut world = World::new().await;
    let mut state = world.made(&shape(3, 1)).await;
    for to in [(4, 1), (3, 1), (3, 2), (3, 1), (1, 2), (2, 0)] {
        state = goes_to(&mut world, &state, to).await;
    }
}

#[tokio::test]
async fn a_plan_says_what_moves_who_comes_and_who_goes() {
    let mut world = World::new().await;
    let state = world.made(&shape(3, 1)).await;
    for node in world.stage.nodes() {
        world.stage.uses(node, Bytes::new(34 << 20));
    }
    let more = world.plan(Some(&state), &shape(4, 1)).await.expect("plan");
    let warning = one(&more.warnings, Severity::Warning);
    assert_eq!((warning.summary.as_str(), &warning.path), ("Data move", &Path::attribute("shards")));
    let says = ["data move (4096 slots, about 25 MiB)", "2 machines are made for 1 new shard"];
    assert!(says.iter().all(|words| warning.detail.contains(words)), "{}", warning.detail);
    assert_eq!(texts(&more.planned, "impact"), ["shards 3 -> 4: data move (4096 slots)"]);
    assert!(get(&more.planned, "endpoints").is_unknown(), "nodes come");

    let replicas = world.plan(Some(&state), &shape(3, 2)).await.expect("plan");
    let warning = one(&replicas.warnings, Severity::Warning);
    assert_eq!((warning.summary.as_str(), &warning.path), ("Replicas added", &Path::attribute("replicas_per_shard")));
    assert!(warning.detail.contains("about 98 MiB in all"), "{}", warning.detail);
    assert_eq!(texts(&replicas.planned, "impact"), ["replicas_per_shard 1 -> 2: live"]);

    // One of those that go is a primary.
    let second = |shard| {
        let record = world.stage.record();
        let seat = Seat { shard, ordinal: 1 };
        *record.members.iter().find(|(_, member)| member.seat == seat).expect("a member").0
    };
    let first = |shard| {
        let record = world.stage.record();
        let seat = Seat { shard, ordinal: 0 };
        *record.members.iter().find(|(_, member)| member.seat == seat).expect("a member").0
    };
    (0..3).for_each(|shard| world.stage.promote(first(shard)));
    world.stage.promote(second(1));
    let fewer = world.plan(Some(&state), &shape(3, 0)).await.expect("plan");
    let said = warnings(&fewer);
    let summaries: Vec<&str> = said.iter().map(|warning| warning.summary.as_str()).collect();
    assert_eq!(summaries, ["No copy of the data", "Replicas removed"]);
    let detail = &said[1].detail;
    assert!(
        detail.contains("shard 0, node 1; shard 1, node 1; shard 2, node 1.") && detail.contains("1 handover"),
        "{detail}"
    );
}

#[tokio::test]
async fn fewer_shards_than_the_data_fit_into_are_refused_with_the_numbers() {
    let mut world = World::new().await;
    let state = world.made(&shape(3, 0)).await;
    for node in world.stage.nodes() {
        world.stage.uses(node, Bytes::mib(40));
    }
    let error = refused(world.plan(Some(&state), &shape(1, 0)).await);
    assert_eq!(
        (error.summary.as_str(), &error.path),
        ("Data do not fit into fewer shards", &Path::attribute("shards"))
    );
    let says = ["about 116 MiB", "would use 118 MiB", "Set memory to 125MiB or more, keep 2 shards"];
    assert!(says.iter().all(|words| error.detail.contains(words)), "{error:?}");

    let enough = cluster(&[("shards", 1.into()), ("replicas_per_shard", 0.into()), ("memory", "125MiB".into())]);
    world.plan(Some(&state), &enough).await.expect("it fits");
    let evicting = cluster(&[
        ("shards", 1.into()),
        ("replicas_per_shard", 0.into()),
        ("config", Value::map([("maxmemory-policy", "allkeys-lru".into())])),
    ]);
    let change = world.plan(Some(&state), &evicting).await.expect("plan");
    let said = warnings(&change);
    let evicted = said.iter().find(|warning| warning.summary == "Data will be evicted").expect("a warning");
    assert!(evicted.detail.contains("about 54 MiB in all"), "{}", evicted.detail);

    // What was written since the plan counts when it is applied.
    for node in world.stage.nodes() {
        world.stage.uses(node, Bytes::mib(10));
    }
    let change = world.plan(Some(&state), &shape(1, 0)).await.expect("it fits now");
    for node in world.stage.nodes() {
        world.stage.uses(node, Bytes::mib(40));
    }
    let error = refused(world.host.apply(&change).await);
    assert_eq!(error.summary, "Data do not fit into fewer shards");
    assert_eq!(world.stage.record().spec.shards, 3, "nothing was changed");
}

#[tokio::test]
async fn a_change_of_mind_ends_where_it_was() {
    let mut world = World::new().await;
    let state = world.made(&shape(3, 1)).await;
    world.stage.hold_slots(true);
    let failed = world.apply(Some(&state), &shape(4, 1)).await;
    assert_eq!(one(&failed.diagnostics, Severity::Error).summary, "Cluster makes no progress");
    let state = failed.state.expect("a state");
    assert_eq!((get(&state.value, "shards"), get(&state.value, "converged")), (&4.into(), &false.into()));
    assert_eq!(world.stage.record().members.len(), 8);
    let state = world.refreshed(&state).await;
    world.stage.hold_slots(false);
    goes_to(&mut world, &state, (3, 1)).await;
}

#[tokio::test]
async fn an_apply_that_was_killed_shows_and_the_next_one_finishes() {
    for (from, to, steps) in [
        ((3, 1), (4, 1), &["agents.propose: answered", "platform.ensure: answered", "agents.invite: asked"][..]),
        ((4, 1), (3, 1), &["agents.propose: answered", "platform.remove: asked", "platform.remove: answered"]),
    ] {
        for step in steps {
            let case = format!("{from:?} to {to:?}, killed at {step}");
            let mut world = World::new().await;
            let state = world.made(&shape(from.0, from.1)).await;
            // Whoever reads it presents its id, which is a step, too.
            let state = world.refreshed(&state).await;
            world.dies_at(step).await;
            let change = world.plan(Some(&state), &shape(to.0, to.1)).await.expect("plan");
            world.host.apply(&change).await.expect_err(&case);
            assert!(world.has_died().await, "{case}");

            // Terraform has the state of before.
            let state = world.refreshed(&state).await;
            assert_eq!(get(&state.value, "shards"), &to.0.into(), "{case}");
            assert_eq!(get(&state.value, "converged"), &false.into(), "{case}");
            let change = world.plan(Some(&state), &shape(to.0, to.1)).await.expect("plan");
            assert!(!change.is_empty() && get(&change.planned, "endpoints").is_unknown(), "{case}: {change:?}");
            let done = world.host.apply(&change).await.expect("lawful");
            is_there(&mut world, done, to).await;
        }
    }
}

#[tokio::test]
async fn slots_that_a_killed_apply_left_to_the_agents_are_waited_for_by_the_next() {
    let mut world = World::new().await;
    let state = world.made(&shape(3, 0)).await;
    world.stage.hold_slots(true);
    world.stage.change(|record| {
        let spec = justmanage_model::ClusterSpec { shards: 2, ..record.spec.clone() };
        record.set_spec(spec);
    });
    let state = world.refreshed(&state).await;
    assert_eq!(get(&state.value, "converged"), &false.into(), "the state knew of three shards");
    let change = world.plan(Some(&state), &shape(2, 0)).await.expect("plan");
    assert!(!change.is_empty(), "an apply waits for them");
    world.stage.hold_slots(false);
    let state = world.refreshed(&state).await;
    let state = world.refreshed(&state).await;
    assert_eq!(
        get(&state.value, "converged"),
        &false.into(),
        "now somebody has: {:?}",
        texts(&state.value, "waiting_on")
    );
    goes_to(&mut world, &state, (2, 0)).await;
}
