//! Another version with temporary replicas, under clients that write all the while: no shard is ever left with fewer copies than it has
//! at rest beside the node that is restarted, and afterwards nothing of it is left, whoever was killed in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use acceptance_tests::load::Load;
use acceptance_tests::servers::{self, Server};
use acceptance_tests::steps::{Point, Steps, Victim};
use acceptance_tests::{DEADLINE, Login, Workspace, wait_until};
use redis::Connection;

use crate::scale::{assert_is, assert_kept, endpoints, fill};
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, cluster, login, text, user};

/// Clients that write meanwhile.
const CLIENTS: usize = 6;
/// How long somebody who looks rests between two looks: a restart takes several times that.
const PACE: Duration = Duration::from_millis(20);

/// Asks for this version, with temporary replicas. The user may ask servers how they replicate.
fn write(workspace: &Workspace, (engine, version): (&str, &str), (shards, replicas): (u16, u16)) {
    let more = format!("  shards = {shards}\n  replicas_per_shard = {replicas}\n  surge = true");
    let user = user("~app:* +@all -@dangerous +cluster +info", 1);
    workspace.write("main.tf", &(cluster(engine, version, &more) + &user));
}

/// Somebody who looks at the servers all the time.
struct Watcher {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Looks>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
struct Looks {
    /// Nodes that were seen while their server was down.
    down: BTreeSet<String>,
    /// The most replicas in sync that a primary was seen to have.
    most: usize,
    /// Looks at a shard of which one node was down.
    short: usize,
    /// Those of them that found nobody else in sync.
    bare: Vec<String>,
}

impl Watcher {
    /// Looks at shards of two nodes each, besides those that are temporary.
    fn begin(login: &Login, endpoints: Vec<String>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (login, ended) = (login.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            let (mut looks, mut clients) = (Looks::default(), BTreeMap::new());
            while !ended.load(Ordering::SeqCst) {
                for shard in endpoints.chunks(2) {
                    look(&login, shard, &mut clients, &mut looks);
                }
                // Somebody who never rests takes a small machine for himself.
                std::thread::sleep(PACE);
            }
            looks
        });
        Self { over, thread }
    }

    fn end(self) -> Looks {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().expect("it looked")
    }
}

/// Connections, by endpoint.
type Clients = BTreeMap<String, Connection>;

/// What a server says of its replication, if it serves.
fn replication(login: &Login, endpoint: &String, clients: &mut Clients) -> Option<String> {
    let mut client = match clients.remove(endpoint) {
        Some(client) => client,
        None => Login { endpoint: endpoint.clone(), ..login.clone() }.connect().ok()?,
    };
    let said = redis::cmd("INFO").arg("replication").query(&mut client).ok()?;
    clients.insert(endpoint.clone(), client);
    Some(said)
}

fn look(login: &Login, shard: &[String], clients: &mut Clients, looks: &mut Looks) {
    let said: Vec<(&String, Option<String>)> =
        shard.iter().map(|endpoint| (endpoint, replication(login, endpoint, clients))).collect();
    let Some((_, Some(primary))) =
        said.iter().find(|(_, said)| said.as_ref().is_some_and(|said| said.contains("role:master")))
    else {
        return;
    };
    let in_sync = |without: &str| {
        let replicas = primary.lines().filter(|line| line.starts_with("slave") && line.contains("state=online"));
        replicas.filter(|line| !line.contains(&format!("port={without},"))).count()
    };
    looks.most = looks.most.max(in_sync("-"));
    let Some((down, None)) = said.iter().find(|(_, said)| said.is_none()) else { return };
    looks.down.insert((*down).clone());
    looks.short += 1;
    let port = down.rsplit(':').next().expect("a port");
    if in_sync(port) == 0 {
        looks.bare.push(format!("{down} is down: {primary}"));
    }
}

#[test]
fn three_shards_keep_a_replica_beside_the_node_that_is_restarted() {
    let (old, new) = (servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0"));
    let workspace = prepared(&[directory(&old), directory(&new)], ("redis", &old.version), (3, 1));
    write(&workspace, ("redis", &old.version), (3, 1));
    workspace.apply().ok();
    fill(&workspace);
    let before: BTreeSet<_> = workspace.nodes().into_iter().collect();
    let clients = Load::begin(&login(&workspace), &endpoints(&workspace), "app:", CLIENTS);
    let watcher = Watcher::begin(&login(&workspace), endpoints(&workspace));
    write(&workspace, ("redis", &new.version), (3, 1));
    let plan = workspace.plan().ok();
    let told = plan.warnings().find(|warning| warning.summary == "Rolling upgrade");
    assert!(told.is_some_and(|warning| warning.detail.contains("3 temporary replicas are made")), "{plan}");
    workspace.apply().ok();
    let (looks, seen) = (watcher.end(), clients.end());
    let report = &workspace.resource(CLUSTER)["last_operation"];
    eprintln!("{seen:?}; {} looks at a shard with a node down, {:?}; {report}", looks.short, looks.down);
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    assert_eq!(looks.bare, Vec::<String>::new(), "a shard had no replica in sync but the one that was restarted");
    assert!(looks.most == 2 && looks.short > 0, "{looks:?}");
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), new.version);
    assert_kept(&workspace, "afterwards");
    assert_is(&workspace, "redis", (3, 1), "afterwards");
    assert_eq!(workspace.nodes().into_iter().collect::<BTreeSet<_>>(), before, "who came is gone, and nobody else");
    assert_eq!((&report["outcome"], &report["lost_writes"]), (&"done".into(), &0.into()), "{report}");
    assert!(text(&report["what"]).contains("with temporary replicas"), "{report}");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

fn a_primary_hands_over_and_gets_its_shard_back(engine: &str, [old, new]: [&Server; 2]) {
    let workspace = prepared(&[directory(old), directory(new)], (engine, &old.version), (1, 0));
    workspace.apply().ok();
    fill(&workspace);
    let node = workspace.nodes();
    // Up, and down again, for which the node is emptied.
    for (version, says) in [(&new.version, "Rolling upgrade"), (&old.version, "Rolling downgrade")] {
        let clients = Load::begin(&login(&workspace), &endpoints(&workspace), "app:", CLIENTS);
        write(&workspace, (engine, version), (1, 0));
        let plan = workspace.plan().ok();
        let told = plan.warnings().find(|warning| warning.summary == says);
        assert!(told.is_some_and(|warning| warning.detail.contains("2 restarts, 2 handovers")), "{plan}");
        workspace.apply().ok();
        let seen = clients.end();
        let report = &workspace.resource(CLUSTER)["last_operation"];
        eprintln!("{says}: {seen:?}; {report}");
        assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
        assert_eq!((&report["proven"], &report["lost_writes"]), (&true.into(), &0.into()), "{report}");
        let steps = report["steps"].as_array().expect("steps").iter().map(|step| text(&step["what"]));
        assert_eq!(steps.collect::<Vec<_>>(), ["restart", "handover", "restart", "handover"], "{report}");
        assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), *version);
        assert_kept(&workspace, says);
        assert_is(&workspace, engine, (1, 0), says);
        assert_eq!(workspace.nodes(), node, "{says}");
    }
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_primary_without_replicas_hands_over_and_gets_its_shard_back_redis() {
    let servers = [servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0")];
    a_primary_hands_over_and_gets_its_shard_back("redis", servers.each_ref());
}

#[test]
fn a_primary_without_replicas_hands_over_and_gets_its_shard_back_valkey() {
    let servers = ["8.1", "9.1"].map(|line| servers::of_line("valkey", line));
    a_primary_hands_over_and_gets_its_shard_back("valkey", servers.each_ref());
}

#[test]
fn a_provider_that_is_killed_with_temporary_replicas_is_followed_by_one_that_finishes() {
    let (old, new) = (servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0"));
    let mut workspace = prepared(&[directory(&old), directory(&new)], ("redis", &old.version), (3, 1));
    workspace.allow_alarm("");
    let steps = Steps::of(&mut workspace);
    write(&workspace, ("redis", &old.version), (3, 1));
    workspace.apply().ok();
    fill(&workspace);
    for (version, step, time) in [
        (&new.version, "platform.ensure: answered", 2),
        (&old.version, "agents.invite: asked", 3),
        (&new.version, "platform.remove: asked", 1),
    ] {
        let case = format!("to {version}, killed at {step} ({time})");
        write(&workspace, ("redis", version), (3, 1));
        steps.kill(Victim::Itself, &Point { name: format!("terraform-provider-justmanage: {step}"), time });
        workspace.apply();
        assert!(steps.was_killed(), "{case}: nobody came there");
        wait_until("the providers are gone", DEADLINE, || {
            workspace.running("terraform-provider-justmanage").is_empty()
        });
        assert_eq!(workspace.planned().actions(CLUSTER), ["update"], "{case}");
        workspace.apply().ok();
        assert_is(&workspace, "redis", (3, 1), &case);
        assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), *version, "{case}");
        assert_kept(&workspace, &case);
    }
    // And one that is destroyed in the middle.
    write(&workspace, ("redis", &old.version), (3, 1));
    let name = "terraform-provider-justmanage: agents.invite: asked".to_owned();
    steps.kill(Victim::Itself, &Point { name, time: 3 });
    workspace.apply();
    assert!(steps.was_killed());
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
