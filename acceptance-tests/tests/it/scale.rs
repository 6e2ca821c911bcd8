//! More and fewer shards and replicas, under clients that write all the while: nothing is lost, who is not needed any more is gone, and
//! whoever is killed in between is followed by an apply that finishes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use acceptance_tests::load::Load;
use acceptance_tests::servers;
use acceptance_tests::steps::{Point, Steps, Victim};
use acceptance_tests::{DEADLINE, Login, Workspace, processes, wait_until};
use redis::cluster::{ClusterClient, ClusterConnection};
use redis::{Connection, TlsCertificates};

use crate::versions::{directory, prepared, write};
use crate::world::{CLUSTER, login, text};

/// Keys that lie there while slots move: some of them in every slot that moves, as likely as not.
pub(crate) const KEYS: usize = 4000;
/// Clients that write meanwhile, each to a key of its own: enough for some of the keys to move.
const CLIENTS: usize = 12;

/// Where the cluster answers.
pub(crate) fn endpoints(workspace: &Workspace) -> Vec<String> {
    let endpoints = workspace.resource(CLUSTER)["endpoints"].as_array().cloned().expect("endpoints");
    endpoints.iter().map(text).collect()
}

/// A connection to each server, which answers for itself.
pub(crate) fn each_server(workspace: &Workspace) -> impl Iterator<Item = Connection> {
    let login = login(workspace);
    let connect = move |endpoint| Login { endpoint, ..login.clone() }.connect().expect("a server");
    endpoints(workspace).into_iter().map(connect)
}

/// A client that finds its way through the cluster.
pub(crate) fn client(workspace: &Workspace) -> ClusterConnection {
    let login = login(workspace);
    let urls = endpoints(workspace).into_iter().map(|endpoint| Login { endpoint, ..login.clone() }.url());
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(login.ca.clone().into_bytes()) };
    let client = ClusterClient::builder(urls).certs(trusted).build().expect("a client");
    client.get_connection().expect("the cluster")
}

/// Has [`KEYS`] lie there.
pub(crate) fn fill(workspace: &Workspace) {
    let mut client = client(workspace);
    for number in 0..KEYS {
        redis::cmd("SET").arg(format!("app:kept-{number}")).arg(number).exec(&mut client).expect("a write");
    }
}

/// All keys are there, as they were written.
pub(crate) fn assert_kept(workspace: &Workspace, case: &str) {
    let mut connection = client(workspace);
    let get = |connection: &mut ClusterConnection, number: usize| {
        redis::cmd("GET").arg(format!("app:kept-{number}")).query::<Option<usize>>(connection)
    };
    let lost: Vec<usize> = (0..KEYS)
        .filter(|number| {
            let held = get(&mut connection, *number).or_else(|_| {
                // A server that was killed and comes back to follow another cuts its clients off: who is cut off asks anew.
                connection = client(workspace);
                get(&mut connection, *number)
            });
            held.expect("an answer") != Some(*number)
        })
        .collect();
    assert_eq!(lost, Vec::<usize>::new(), "{case}: keys that are not there any more");
}

/// What exists is what this shape needs, and nothing is left to do.
pub(crate) fn assert_is(workspace: &Workspace, engine: &str, (shards, replicas): (u16, u16), case: &str) {
    let nodes = usize::from(shards) * (usize::from(replicas) + 1);
    assert_eq!(workspace.nodes().len(), nodes, "{case}: directories of nodes");
    assert_eq!(workspace.running(&format!("{engine}-server")).len(), nodes, "{case}: servers");
    let agents = workspace.running("justmanage-agent");
    let agents = agents.iter().filter(|process| process.command.contains(" run --dir ")).count();
    assert_eq!(agents, nodes, "{case}: agents");
    let state = workspace.resource(CLUSTER);
    assert_eq!((&state["converged"], &state["shards"]), (&true.into(), &shards.into()), "{case}");
    assert_eq!(state["endpoints"].as_array().map(Vec::len), Some(nodes), "{case}");
    workspace.assert_no_changes();
}

/// Applies another shape under load.
fn goes_to(workspace: &Workspace, (engine, version): (&str, &str), shape: (u16, u16), says: &[&str]) {
    let case = format!("{engine} {version} to {shape:?}");
    let before: BTreeSet<PathBuf> = workspace.nodes().into_iter().collect();
    let clients = Load::begin(&login(workspace), &endpoints(workspace), "app:", CLIENTS);
    write(workspace, (engine, version), shape);
    let plan = workspace.plan().ok();
    for words in says {
        assert!(plan.warnings().any(|warning| warning.detail.contains(words)), "{case}: {words}: {plan}");
    }
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"], "{case}");
    workspace.apply().ok();
    let seen = clients.end();
    eprintln!("{case}: {seen:?}");
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{case}: {seen:?}");
    assert_kept(workspace, &case);
    assert_is(workspace, engine, shape, &case);
    let report = &workspace.resource(CLUSTER)["last_operation"];
    assert_eq!((&report["outcome"], &report["proven"]), (&"done".into(), &true.into()), "{case}: {report}");
    assert_eq!(report["lost_writes"], 0, "{case}: {report}");
    assert!(report["acknowledged_writes"].as_u64() > Some(0), "{case}: {report}");
    let steps = report["steps"].as_array().into_iter().flatten();
    let moved: u64 = steps.filter_map(|step| step["moved_slots"].as_u64()).sum();
    let moves = says.iter().any(|words| words.contains("data move ("));
    assert!(moved <= 16384 && (moved > 0) == moves, "{case}: {report}");
    let after: BTreeSet<PathBuf> = workspace.nodes().into_iter().collect();
    for gone in before.difference(&after) {
        assert!(processes::inside(gone).is_empty(), "{case}: something runs in {}", gone.display());
    }
    assert!(before.is_subset(&after) || after.is_subset(&before), "{case}: nobody was replaced");
}

fn grows_and_shrinks(engine: &str, line: &str) {
    let server = servers::of_line(engine, line);
    let release = (engine, server.version.as_str());
    let workspace = prepared(&[directory(&server)], release, (3, 1));
    workspace.apply().ok();
    fill(&workspace);
    goes_to(&workspace, release, (4, 1), &["data move (4096 slots, about", "2 machines are made for 1 new shard"]);
    goes_to(&workspace, release, (3, 1), &["data move (4096 slots, about", "2 machines are removed"]);
    goes_to(&workspace, release, (3, 2), &["3 machines are made, 1 for each of 3 shards"]);
    goes_to(&workspace, release, (3, 1), &["3 machines are removed"]);
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_cluster_grows_and_shrinks_with_slots_moved_one_key_after_the_other() {
    grows_and_shrinks("redis", "7.2");
}

#[test]
fn a_cluster_grows_and_shrinks_with_slots_moved_whole() {
    grows_and_shrinks("valkey", "9.1");
}

/// Fences, takeovers and who decides on a failover change with the number of shards.
#[test]
fn one_shard_becomes_three_and_one_again() {
    let server = servers::of_line("redis", "7.2");
    let release = ("redis", server.version.as_str());
    let workspace = prepared(&[directory(&server)], release, (1, 1));
    workspace.apply().ok();
    fill(&workspace);
    goes_to(&workspace, release, (3, 1), &["data move (10922 slots, about"]);
    goes_to(&workspace, release, (1, 1), &["data move (10922 slots, about"]);
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_provider_that_is_killed_while_it_adds_or_removes_nodes_is_followed_by_one_that_finishes() {
    let server = servers::of_line("redis", "7.2");
    let release = ("redis", server.version.as_str());
    let mut workspace = prepared(&[directory(&server)], release, (3, 0));
    workspace.allow_alarm("");
    let steps = Steps::of(&mut workspace);
    workspace.apply().ok();
    fill(&workspace);
    for (shape, step, time) in [
        ((4, 1), "platform.ensure: answered", 2),
        ((3, 0), "agents.propose: answered", 2),
        ((4, 1), "agents.invite: asked", 2),
        ((3, 0), "platform.remove: asked", 1),
    ] {
        let case = format!("to {shape:?}, killed at {step} ({time})");
        let name = format!("terraform-provider-justmanage: {step}");
        write(&workspace, release, shape);
        steps.kill(Victim::Itself, &Point { name, time });
        workspace.apply();
        assert!(steps.was_killed(), "{case}: nobody came there");
        wait_until("the providers are gone", DEADLINE, || {
            workspace.running("terraform-provider-justmanage").is_empty()
        });
        workspace.apply().ok();
        assert_is(&workspace, "redis", shape, &case);
        assert_kept(&workspace, &case);
    }
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn fewer_shards_than_the_data_fit_into_are_refused_by_the_plan() {
    let server = servers::of_line("redis", "7.2");
    let release = ("redis", server.version.as_str());
    let workspace = prepared(&[directory(&server)], release, (2, 0));
    workspace.apply().ok();
    let mut client = client(&workspace);
    // 64 MiB each: two times 40 do not fit into one.
    let value = "x".repeat(1 << 20);
    for number in 0..80 {
        redis::cmd("SET").arg(format!("app:large-{number}")).arg(&value).exec(&mut client).expect("a write");
    }
    write(&workspace, release, (1, 0));
    // Agents of a cluster at rest look at their servers every two seconds.
    wait_until("the plan sees the data", DEADLINE, || workspace.plan().code == Some(1));
    let refused = workspace.plan().fails();
    let error = refused.error("shards", "Data do not fit into fewer shards");
    assert!(error.detail.contains("over 1 shard") && error.detail.contains("Set memory to"), "{refused}");
    write(&workspace, release, (2, 0));
    workspace.assert_no_changes();
    workspace.destroy().ok();
}
