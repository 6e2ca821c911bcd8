//! Clusters of several nodes: what Terraform sees of them, event by event (the table "What Terraform sees").

use std::path::{Path, PathBuf};
use std::time::Instant;

use acceptance_tests::load::{IN_FLIGHT, Load, OLDEST_LOSS};
use acceptance_tests::{DEADLINE, Login, Workspace, processes, servers, wait_for, wait_until};
use redis::TypedCommands;
use rustix::process::Signal;
use serde_json::Value;

use crate::scale::{assert_kept, each_server, endpoints, fill};
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, PASSWORD, cluster, login, text, user};

/// Three shards with a replica each, and a user; and who is who in an output.
pub(crate) fn shaped(shards: u16, replicas: u16) -> Workspace {
    shaped_of(("redis", "7.0"), shards, replicas)
}

/// The same of an engine's line.
fn shaped_of((engine, line): (&str, &str), shards: u16, replicas: u16) -> Workspace {
    let server = servers::of_line(engine, line);
    let workspace = prepared(&[directory(&server)], (engine, line), (shards, replicas));
    let shape = format!("  shards = {shards}\n  replicas_per_shard = {replicas}");
    let text = cluster(engine, line, &shape) + &user("~app:* +@all -@dangerous", 1) + WHO;
    workspace.write("main.tf", &text);
    workspace
}

fn applied(shards: u16, replicas: u16) -> Workspace {
    let workspace = shaped(shards, replicas);
    workspace.apply().ok();
    workspace
}

/// What is in `shaped` for the nodes alone.
const WHO: &str = "data \"justmanage_redis_cluster\" \"cache\" {\n  id = justmanage_redis_cluster.cache.id\n}\n";

/// The nodes as the data source shows them.
fn nodes(workspace: &Workspace) -> Vec<Value> {
    workspace.terraform(&["apply", "-refresh-only", "-auto-approve", "-input=false"]).ok();
    let data = workspace.resource("data.justmanage_redis_cluster.cache");
    data["nodes"].as_array().cloned().expect("a list of nodes")
}

/// The node of a shard that has a role now: its directory.
fn node_of(workspace: &Workspace, shard: u64, role: &str) -> PathBuf {
    // While one takes over from another, each of them may be seen as what it was a moment ago.
    let id = wait_for(&format!("shard {shard} has a {role}"), DEADLINE, || {
        let found = nodes(workspace).into_iter().find(|node| node["shard"] == shard && node["role"] == role);
        found.map(|node| text(&node["id"]))
    });
    workspace.nodes().into_iter().find(|path| path.ends_with(&id)).expect("its directory")
}

fn pids(node: &Path) -> Vec<i32> {
    processes::inside(node).into_iter().map(|process| process.pid).collect()
}

fn signal_all(pids: &[i32], signal: Signal) {
    pids.iter().for_each(|pid| processes::signal(*pid, signal));
}

/// Takes a node's machine away: its processes and its directory.
fn lose(node: &Path) {
    let running = pids(node);
    signal_all(&running, Signal::KILL);
    wait_until("its processes are gone", DEADLINE, || running.iter().all(|pid| !processes::is_alive(*pid)));
    std::fs::remove_dir_all(node).expect("its directory");
}

/// A client that finds the node for a key by itself.
fn set(workspace: &Workspace, key: &str, value: &str) -> bool {
    let login = login(workspace);
    let endpoints = workspace.resource(CLUSTER)["endpoints"].as_array().cloned().expect("endpoints");
    endpoints.iter().any(|endpoint| {
        let login = Login { endpoint: text(endpoint), ..login.clone() };
        login.connect().and_then(|mut client| client.set(key, value)).is_ok()
    })
}

fn get(workspace: &Workspace, key: &str) -> Option<String> {
    let login = login(workspace);
    let endpoints = workspace.resource(CLUSTER)["endpoints"].as_array().cloned().expect("endpoints");
    endpoints.iter().find_map(|endpoint| {
        let login = Login { endpoint: text(endpoint), ..login.clone() };
        login.connect().ok()?.get(key).ok()
    })?
}

/// How many members each server knows, those included that it has not heard from for long.
fn known(workspace: &Workspace) -> Vec<usize> {
    let knows = |mut server| {
        let nodes: String = redis::cmd("CLUSTER").arg("NODES").query(&mut server).expect("its view");
        nodes.lines().count()
    };
    each_server(workspace).map(knows).collect()
}

#[test]
fn three_shards_with_a_replica_each_live_and_go() {
    let workspace = applied(3, 1);
    let state = workspace.resource(CLUSTER);
    assert_eq!(
        (&state["converged"], &state["waiting_on"], &state["pending"]),
        (&true.into(), &Value::Array(vec![]), &Value::Array(vec![]))
    );
    assert_eq!(state["endpoints"].as_array().map(Vec::len), Some(6));
    for shard in 0..3 {
        for role in ["primary", "replica"] {
            let all = nodes(&workspace);
            let count = all.iter().filter(|node| node["shard"] == shard && node["role"] == role).count();
            assert_eq!(count, 1, "{role} of shard {shard}: {all:#?}");
        }
    }
    for key in ["app:a", "app:b", "app:c", "app:d", "app:e", "app:f"] {
        assert!(set(&workspace, key, key), "{key}");
        assert_eq!(get(&workspace, key).as_deref(), Some(key));
    }
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn the_example_of_a_cluster_works_as_it_is_written() {
    let mut workspace = Workspace::new();
    workspace.copy_example("local-cluster");
    workspace.set("TF_VAR_app_password", PASSWORD);
    let path = std::env::var("PATH").expect("PATH");
    workspace.set("PATH", &format!("{}:{path}", acceptance_tests::servers::usual("redis").bin.display()));
    workspace.apply().ok();
    assert_eq!(workspace.output("endpoints").as_array().map(Vec::len), Some(6));
    assert_eq!(workspace.output("nodes").as_object().map(serde_json::Map::len), Some(6));
    assert!(set(&workspace, "app:key", "value"));
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_failover_is_no_difference_in_a_plan() {
    let mut workspace = applied(3, 1);
    workspace.allow_alarm("the server is down");
    workspace.allow_alarm("the server does not answer");
    let before = workspace.resource(CLUSTER)["endpoints"].clone();
    let old = node_of(&workspace, 0, "primary");
    let server = processes::inside(&old).into_iter().find(|process| process.exe.ends_with("redis-server"));
    processes::signal(server.expect("its server").pid, Signal::KILL);
    wait_until("the replica is the primary, and the old one its replica", DEADLINE, || {
        node_of(&workspace, 0, "primary") != old && workspace.resource(CLUSTER)["converged"] == true
    });
    let plan = workspace.planned();
    assert_eq!(plan.actions(CLUSTER), ["no-op"]);
    assert_eq!(workspace.resource(CLUSTER)["endpoints"], before, "endpoints do not follow roles");
    workspace.destroy().ok();
}

#[test]
fn a_machine_that_is_lost_shows_in_the_plan_and_an_apply_replaces_it_redis() {
    a_lost_machine_is_replaced(("redis", "7.0"));
}

#[test]
fn a_machine_that_is_lost_shows_in_the_plan_and_an_apply_replaces_it_valkey() {
    a_lost_machine_is_replaced(("valkey", "9.1"));
}

fn a_lost_machine_is_replaced(release: (&str, &str)) {
    for role in ["replica", "primary"] {
        let mut workspace = shaped_of(release, 3, 1);
        workspace.apply().ok();
        // Whoever notices the loss says so: agents that cannot be reached any more.
        workspace.allow_alarm("");
        fill(&workspace);
        let node = node_of(&workspace, 0, role);
        let clients = Load::begin(&login(&workspace), &endpoints(&workspace), "app:", 12);
        lose(&node);
        let gone = (role == "primary").then(Instant::now);
        wait_until("its shard takes writes", DEADLINE, || {
            ["app:x", "app:y", "app:z"].iter().all(|key| set(&workspace, key, "1"))
        });
        let run = workspace.plan().ok();
        assert!(run.warnings().any(|warning| warning.summary == "1 of 6 nodes lost, will be replaced"), "{run}");
        let plan = workspace.planned();
        assert_eq!(plan.actions(CLUSTER), ["update"], "the {role} is lost");
        assert_eq!(plan.after(CLUSTER)["converged"], true);
        workspace.apply().ok();
        assert_eq!(workspace.nodes().len(), 6);
        assert_eq!(nodes(&workspace).iter().filter(|node| node["role"] == "replica").count(), 3);
        let (seen, case) = (clients.end(), format!("after the loss of a {role}"));
        eprintln!("{case}: {seen:?}");
        assert_eq!(seen.errors, Vec::<String>::new(), "{case}");
        seen.lost_only_in(gone.map(|gone| gone - OLDEST_LOSS..=gone + IN_FLIGHT).as_slice(), &case);
        assert_kept(&workspace, &case);
        let members = known(&workspace);
        assert_eq!(members, vec![6; 6], "{case}: every server knows six and no more");
        workspace.assert_no_changes();
        workspace.destroy().ok();
        workspace.assert_nothing_left();
    }
}

#[test]
fn agents_that_do_not_answer_are_a_warning_in_a_plan_and_an_error_in_a_change() {
    let mut workspace = applied(1, 0);
    workspace.allow_alarm("");
    let file = workspace.config().join("main.tf");
    let full = std::fs::read_to_string(&file).expect("configuration");
    let before = workspace.resource(CLUSTER);
    let agents: Vec<i32> = workspace.running("justmanage-agent").iter().map(|process| process.pid).collect();
    signal_all(&agents, Signal::STOP);
    // Nobody knows the state of a data source but those who do not answer.
    let run = workspace.plan().fails();
    assert!(run.errors().all(|error| error.address == "data.justmanage_redis_cluster.cache"), "{run}");
    let good = full.replace(WHO, "");
    workspace.write("main.tf", &good);
    let run = workspace.plan().ok();
    assert!(run.warnings().any(|warning| warning.summary == "Agent not reachable"), "{run}");
    assert_eq!(workspace.resource(CLUSTER), before, "the state stays as it was last seen");
    workspace.write("main.tf", &good.replace("\"64MiB\"", "\"96MiB\""));
    let run = workspace.apply().fails();
    assert!(run.errors().any(|error| error.summary == "Agent not reachable"), "{run}");
    workspace.write("main.tf", &good);
    signal_all(&agents, Signal::CONT);
    workspace.apply().ok();
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn a_protected_cluster_is_refused_in_the_destroy_plan_before_its_users_go() {
    let workspace = applied(1, 0);
    let file = workspace.config().join("main.tf");
    let open = std::fs::read_to_string(&file).expect("configuration");
    let protected = open.replace("deletion_protection = false", "deletion_protection = true");
    assert_ne!(open, protected);
    workspace.write("main.tf", &protected);
    workspace.apply().ok();
    let run = workspace.destroy().fails();
    assert!(run.errors().any(|error| error.detail.contains("deletion_protection")), "{run}");
    login(&workspace).connect().expect("its user is still there");
    workspace.write("main.tf", &open);
    workspace.apply().ok();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_create_that_was_killed_is_resumed_and_ends_whole() {
    for moment in ["the agent runs", "FoundAuthority", "StartServer", "Formed("] {
        let mut workspace = shaped(3, 1);
        workspace.allow_alarm("");
        let mut terraform = workspace.command(&["apply", "-auto-approve", "-input=false"]).spawn().expect("terraform");
        let come = || workspace.log().iter().any(|line| line.contains(moment));
        wait_until("the moment comes", DEADLINE, || come() || terraform.try_wait().expect("child").is_some());
        for process in workspace.running("terraform-provider-justmanage") {
            processes::signal(process.pid, Signal::KILL);
        }
        processes::signal(i32::try_from(terraform.id()).expect("pid"), Signal::KILL);
        terraform.wait().expect("it is dead");
        wait_until("its providers are gone", DEADLINE, || {
            workspace.running("terraform-provider-justmanage").is_empty()
        });
        workspace.apply().ok();
        assert_eq!(workspace.nodes().len(), 6, "after {moment}");
        assert_eq!(workspace.running("redis-server").len(), 6, "after {moment}");
        assert_eq!(workspace.resource(CLUSTER)["converged"], true);
        assert!(set(&workspace, "app:key", "value"));
        workspace.assert_no_changes();
        workspace.destroy().ok();
        workspace.assert_nothing_left();
    }
}
