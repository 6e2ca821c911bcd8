//! Spares: a node is lost with Terraform switched off, a spare takes its place, and the next apply makes another spare.

use acceptance_tests::load::Load;
use acceptance_tests::{DEADLINE, Workspace, processes, servers, wait_until};
use rustix::process::Signal;

use crate::scale::{assert_kept, endpoints, fill};
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, cluster, login, text, user};

/// Three shards with a replica each, and a spare that takes a place as soon as it may.
fn applied((engine, line): (&str, &str)) -> Workspace {
    let workspace = prepared(&[directory(&servers::of_line(engine, line))], (engine, line), (3, 1));
    let shape = "  shards = 3\n  replicas_per_shard = 1\n  spares = 1\n  spare_after = \"10s\"";
    workspace.write("main.tf", &(cluster(engine, line, shape) + &user("~app:* +@all -@dangerous", 1) + NODES));
    workspace.apply().ok();
    workspace
}

const NODES: &str = "data \"justmanage_redis_cluster\" \"cache\" {\n  id = justmanage_redis_cluster.cache.id\n}\n";

fn nodes(workspace: &Workspace) -> Vec<serde_json::Value> {
    let data = workspace.resource("data.justmanage_redis_cluster.cache");
    data["nodes"].as_array().cloned().expect("a list of nodes")
}

#[test]
fn a_spare_takes_the_place_of_a_lost_node_and_the_next_apply_makes_another_redis() {
    a_spare_is_used(("redis", "7.0"));
}

#[test]
fn a_spare_takes_the_place_of_a_lost_node_and_the_next_apply_makes_another_valkey() {
    a_spare_is_used(("valkey", "9.1"));
}

fn a_spare_is_used(release: (&str, &str)) {
    let (mut workspace, program) = (applied(release), format!("{}-server", release.0));
    // Whoever notices the loss says so.
    workspace.allow_alarm("");
    let before = nodes(&workspace);
    let spare = before.iter().find(|node| node["role"] == "spare").map(|node| text(&node["id"])).expect("a spare");
    assert_eq!((before.len(), workspace.nodes().len(), workspace.running(&program).len()), (7, 7, 6));
    assert_eq!(workspace.resource(CLUSTER)["endpoints"].as_array().map(Vec::len), Some(6), "a spare is no endpoint");
    workspace.assert_no_changes();

    let replica =
        before.iter().find(|node| node["role"] == "replica").map(|node| text(&node["id"])).expect("a replica");
    let lost = workspace.nodes().into_iter().find(|path| path.ends_with(&replica)).expect("its directory");
    fill(&workspace);
    let clients = Load::begin(&login(&workspace), &endpoints(&workspace), "app:", 12);
    let running = processes::inside(&lost);
    running.iter().for_each(|process| processes::signal(process.pid, Signal::KILL));
    wait_until("its processes are gone", DEADLINE, || running.iter().all(|process| !processes::is_alive(process.pid)));
    // Nobody could start it again, if somebody tried.
    std::fs::remove_file(lost.join("agent.key")).expect("its key");
    std::fs::remove_dir_all(lost.join("data")).expect("its data");

    let place = workspace.nodes().into_iter().find(|path| path.ends_with(&spare)).expect("its directory");
    wait_until("the spare runs a server", DEADLINE, || {
        processes::inside(&place).iter().any(|process| process.exe.ends_with(&program))
    });
    wait_until("it has the place", DEADLINE, || {
        workspace.terraform(&["apply", "-refresh-only", "-auto-approve", "-input=false"]).ok();
        let now = nodes(&workspace);
        now.iter().any(|node| node["id"] == spare.as_str() && node["role"] == "replica" && node["state"] == "running")
    });
    assert!(nodes(&workspace).iter().all(|node| node["id"] != replica.as_str()));

    let plan = workspace.plan().ok();
    let says = "1 of 1 spare used; 1 lost machine is removed, 1 spare is made.";
    assert!(plan.warnings().any(|warning| warning.detail.starts_with(says)), "{plan}");
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    workspace.apply().ok();
    assert!(!lost.exists(), "the lost machine is removed");
    let seen = clients.end();
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    assert_kept(&workspace, "with the spare in the place of the lost replica");
    let now = nodes(&workspace);
    assert_eq!(now.iter().filter(|node| node["role"] == "spare").count(), 1, "{now:#?}");
    assert_eq!((now.len(), workspace.nodes().len()), (7, 7));
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
