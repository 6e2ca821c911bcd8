//! The table "What Terraform sees" of the architecture, row by row, as far as it needs no real servers.

use justmanage_model::{Phase, Timestamp, Waiting};
use tfkit::{Severity, Value};

use crate::world::{CLUSTER, USER, World, cluster, get, io, one, refused, resources, text, texts};

fn version(text: &str) -> justmanage_model::Version {
    text.parse().expect("a version")
}

#[tokio::test]
async fn a_cluster_is_made_whole_and_then_nothing_is_to_be_done() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    assert_eq!(get(&state.value, "converged"), &true.into());
    assert_eq!(texts(&state.value, "waiting_on"), Vec::<String>::new());
    assert_eq!(texts(&state.value, "endpoints").len(), 6);
    assert_eq!(text(&state.value, "version_actual"), "7.0.15");
    assert_eq!(texts(&state.value, "pending"), Vec::<String>::new());
    assert!(!world.stage.record().members.is_empty());

    let state = world.refreshed(&state).await;
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
    assert!(!world.stage.record().unclaimed, "whoever reads it presents its id");
}

#[tokio::test]
async fn create_fails_before_formed_then_the_empty_cluster_is_replaced() {
    let mut world = World::new().await;
    world.stage.no_further_than(Some(Phase::Forming));
    let failed = world.apply(None, &cluster(&[])).await;
    assert!(failed.tainted && failed.diagnostics.has_errors(), "{failed:?}");
    let state = failed.state.expect("what exists is kept");
    assert_eq!(get(&state.value, "converged"), &false.into());
    let first = text(&state.value, "id").to_owned();

    // What Terraform does with something tainted: it destroys it, protected or not, and makes it anew.
    world.stage.no_further_than(None);
    let state = world.refreshed(&state).await;
    let destroy = world.host.plan_destroy(CLUSTER, &state).await.expect("an empty cluster is not protected");
    let gone = world.host.apply(&destroy).await.expect("lawful");
    assert!(gone.state.is_none() && gone.diagnostics.is_empty(), "{gone:?}");
    let state = world.made(&cluster(&[])).await;
    assert_ne!(text(&state.value, "id"), first);
    assert_eq!(get(&state.value, "deletion_protection"), &true.into());
}

#[tokio::test]
async fn create_incomplete_after_formed_is_kept_untainted_and_finished_by_the_next_apply() {
    let mut world = World::new().await;
    let what = "a server does not start.".to_owned();
    let stuck = vec![Waiting::Stuck { what, since: Timestamp::UNIX_EPOCH, hint: "Look at its log.".into() }];
    world.stage.wait_for_always(stuck);
    let made = world.apply(None, &cluster(&[])).await;
    assert!(!made.tainted, "it holds data from now on");
    let warning = one(&made.diagnostics, Severity::Warning);
    assert!(warning.detail.contains("a server does not start"), "{warning:?}");
    let state = made.state.expect("a state");
    assert_eq!(get(&state.value, "converged"), &false.into());

    let state = world.refreshed(&state).await;
    let change = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert_eq!(get(&change.planned, "converged"), &true.into(), "unfinished work shows");
    world.stage.wait_for_always(Vec::new());
    let done = world.host.apply(&change).await.expect("lawful");
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    let state = world.refreshed(&done.state.expect("a state")).await;
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
}

#[tokio::test]
async fn update_fails_half_way_then_the_next_apply_finishes() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let stuck = Waiting::Stuck { what: "the disk is full.".into(), since: Timestamp::UNIX_EPOCH, hint: String::new() };
    world.stage.wait_for_always(vec![stuck]);
    let bigger = cluster(&[("memory", "128MiB".into())]);
    let failed = world.apply(Some(&state), &bigger).await;
    assert!(!failed.tainted);
    assert!(one(&failed.diagnostics, Severity::Error).detail.contains("the disk is full"), "{failed:?}");
    let state = failed.state.expect("a state");
    assert_eq!(text(&state.value, "memory"), "128MiB", "that is what the agents were told");
    assert_eq!(get(&state.value, "converged"), &false.into());

    world.stage.wait_for_always(Vec::new());
    let state = world.refreshed(&state).await;
    let done = world.apply(Some(&state), &bigger).await;
    let state = world.refreshed(&done.state.expect("a state")).await;
    assert!(world.plan(Some(&state), &bigger).await.expect("plan").is_empty());
}

#[tokio::test]
async fn one_nodes_machine_lost_shows_and_is_replaced() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let lost = world.stage.nodes()[3];
    world.stage.lose(lost).expect("its machine is gone");
    let state = world.refreshed(&state).await;
    assert_eq!(get(&state.value, "converged"), &false.into());
    assert!(texts(&state.value, "waiting_on")[0].contains("shard 1, node 1"), "{state:?}");

    let change = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(!change.is_empty() && change.replace.is_empty(), "in place");
    assert_eq!(one(&change.warnings, Severity::Warning).summary, "1 of 6 nodes lost, will be replaced");
    let done = world.host.apply(&change).await.expect("lawful");
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert!(!world.stage.record().members.contains_key(&lost));
    let state = world.refreshed(&done.state.expect("a state")).await;
    assert_eq!(texts(&state.value, "endpoints").len(), 6);
    let change = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(change.is_empty() && change.warnings.is_empty(), "{change:?}");
}

#[tokio::test]
async fn agents_unreachable_keep_the_state_with_a_warning_and_an_apply_says_so() {
    let mut world = World::new().await;
    let made = world.made(&cluster(&[])).await;
    for node in world.stage.nodes() {
        world.stage.silence(node);
    }
    let (state, warnings) = world.refresh(&made).await;
    let state = state.expect("unreachable is not gone");
    assert_eq!(state.value, made.value, "as it was last seen");
    assert_eq!(one(&warnings, Severity::Warning).summary, "Agent not reachable");
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
    let failed = world.apply(Some(&state), &cluster(&[("memory", "128MiB".into())])).await;
    assert_eq!(one(&failed.diagnostics, Severity::Error).summary, "Agent not reachable");
    assert_eq!(text(&failed.state.expect("a state").value, "memory"), "64MiB", "nothing was changed");
}

#[tokio::test]
async fn without_a_majority_the_state_stays_and_nothing_is_changed() {
    let mut world = World::new().await;
    let made = world.made(&cluster(&[])).await;
    for node in &world.stage.nodes()[..3] {
        world.stage.silence(*node);
    }
    let (state, warnings) = world.refresh(&made).await;
    assert_eq!(state.expect("it is there").value, made.value);
    assert_eq!(one(&warnings, Severity::Warning).summary, "No majority of agents");
}

#[tokio::test]
async fn an_agent_that_does_not_run_shows_and_is_started() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    world.stage.stop(world.stage.nodes()[0]).expect("stop");
    let state = world.refreshed(&state).await;
    assert_eq!(get(&state.value, "converged"), &false.into());
    let change = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(change.warnings.is_empty(), "nothing is replaced: {:?}", change.warnings);
    let done = world.host.apply(&change).await.expect("lawful");
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
}

#[tokio::test]
async fn upgrade_done_by_the_agents_shows_the_new_version_and_no_difference() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    world.stage.runs(world.stage.nodes()[2], version("7.0.14"));
    let state = world.refreshed(&state).await;
    assert_eq!(text(&state.value, "version_actual"), "7.0.14", "the lowest that runs");
    world.stage.upgrade(version("7.0.16"));
    world.stage.runs(world.stage.nodes()[2], version("7.0.16"));
    let state = world.refreshed(&state).await;
    assert_eq!(text(&state.value, "version_actual"), "7.0.16");
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
}

#[tokio::test]
async fn a_failover_changes_nothing_that_the_resource_shows() {
    let mut world = World::new().await;
    let before = world.made(&cluster(&[])).await;
    let before = world.refreshed(&before).await;
    world.stage.promote(world.stage.nodes()[1]);
    let after = world.refreshed(&before).await;
    assert_eq!(after.value, before.value);
}

#[tokio::test]
async fn work_that_the_agents_do_by_themselves_is_no_difference() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    world.stage.wait_for_always(vec![Waiting::ViewsDiffer]);
    let state = world.refreshed(&state).await;
    assert_eq!(get(&state.value, "converged"), &true.into());
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
}

#[tokio::test]
async fn a_cluster_deleted_outside_is_made_again() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    for node in world.stage.nodes() {
        world.stage.lose(node).expect("gone");
    }
    let (gone, warnings) = world.refresh(&state).await;
    assert!(gone.is_none() && warnings.is_empty());
    let again = world.made(&cluster(&[])).await;
    assert_ne!(text(&again.value, "id"), text(&state.value, "id"));
}

#[tokio::test]
async fn an_import_of_a_matching_configuration_has_no_difference() {
    let mut world = World::new().await;
    let config = cluster(&[
        ("on_crash", "restart".into()),
        ("resources", resources(&[("cpu", "1.5".into()), ("io", io("weight", 200.into()))])),
        ("config", Value::map([("maxmemory-policy", "allkeys-lru".into())])),
        ("metrics_readers", Value::set_of([Value::from(format!("sha256:{}", "0a".repeat(32)))])),
        (
            "rotate",
            Value::object([
                ("certificates", Value::from("2026-11")),
                ("authority", Value::Null),
                ("replication_password", Value::from("2026-11")),
                ("authority_grace", Value::from("90m")),
            ]),
        ),
    ]);
    let made = world.made(&config).await;
    let imported = world.host.import(CLUSTER, "local/cache").await.expect("import");
    assert_eq!(text(&imported.value, "id"), text(&made.value, "id"));
    let change = world.plan(Some(&imported), &config).await.expect("plan");
    assert!(change.is_empty(), "{:?}", change.planned);
}

#[tokio::test]
async fn an_operator_key_that_is_lost_is_an_error_with_the_way_back() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let key = world.stage.operator_key();
    std::fs::remove_file(&key).expect("lose it");
    world.restart(&[]).await;
    let error = refused(world.host.read(CLUSTER, &state).await);
    assert_eq!(error.summary, "No operator key");
    assert!(error.detail.contains("Bring the key") && error.detail.contains("openssl genpkey"), "{}", error.detail);

    // Another key is none either.
    let other = tempfile::tempdir().expect("a directory");
    let _stage = justmanage_simulated::Stage::new(other.path()).expect("a key of its own");
    let another = other.path().join("operator.key").to_str().expect("UTF-8").to_owned();
    world.restart(&[("operator_key", another.into())]).await;
    let error = refused(world.host.read(CLUSTER, &state).await);
    assert_eq!(error.summary, "Operator key not accepted");
    assert!(error.detail.contains("justmanage-agent admit --dir"), "the recovery: {}", error.detail);
}

#[tokio::test]
async fn a_user_is_made_changed_and_removed_while_a_node_is_down() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    world.stage.silence(world.stage.nodes()[5]);
    let user = |acl: &str| {
        Value::object([
            ("cluster_id", text(&state.value, "id").into()),
            ("name", "app".into()),
            ("acl", acl.into()),
            ("password_wo", "correct horse battery staple".into()),
        ])
    };
    let made = world.host.create(USER, &user("~app:* +@all")).await.expect("create");
    let changed = world.host.update(USER, &made, &user("~app:* +@read")).await.expect("update");
    let users = world.stage.record().users;
    assert_eq!(users.values().next().expect("a user").acl.to_string(), "~app:* +@read");
    let destroy = world.host.plan_destroy(USER, &changed).await.expect("plan");
    world.host.apply(&destroy).await.expect("lawful");
    assert!(world.stage.record().users.is_empty());
}

#[tokio::test]
async fn a_state_of_the_version_before_is_read_as_what_it_meant() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let old = format!(
        r#"{{"id": "{}", "name": "cache", "engine": "redis", "version": "7.0", "shards": 3, "replicas_per_shard": 1,
            "memory": "64MiB", "config": null, "local": {{}}, "endpoints": [], "ca_certificate": null,
            "version_actual": "7.0.15", "converged": true, "waiting_on": []}}"#,
        text(&state.value, "id")
    );
    let upgraded = world.host.upgrade(CLUSTER, 0, &old).await.expect("upgrade");
    let state = world
        .refreshed(&tfkit::testing::State { value: upgraded, private: Default::default(), identity: Value::Null })
        .await;
    assert!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").is_empty());
}
