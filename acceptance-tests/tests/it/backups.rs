//! Backups: asked for, kept and loaded; before another release; and what becomes of those that fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use acceptance_tests::load::Load;
use acceptance_tests::servers::{self, Server};
use acceptance_tests::steps::{Point, Steps, Victim};
use acceptance_tests::{DEADLINE, Workspace, wait_for};
use redis::{Connection, TypedCommands};
use serde_json::Value;

use crate::cut_short::killed_when;
use crate::scale::{KEYS, endpoints, fill};
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, cluster, login, text, user};

/// Asks for a release, and for backups in a directory: never by the schedule, while a test runs.
fn write(workspace: &Workspace, server: &Server, store: &Path, more: &str) {
    write_more(workspace, server, store, more, "");
}

/// The same, with more lines in the cluster's block and more blocks.
fn write_more(workspace: &Workspace, server: &Server, store: &Path, more: &str, blocks: &str) {
    let engine = if server.bin.join("valkey-server").exists() { "valkey" } else { "redis" };
    let policy =
        format!("1st Sat 00:00 UTC; destination file://{}; retention last 2; compression none", store.display());
    let lines = format!("  shards = 3\n  replicas_per_shard = 1\n  backup_policy = \"{policy}\"\n{more}");
    let rules = user("~app:* +@all -@dangerous +cluster +info", 1);
    workspace.write("main.tf", &(cluster(engine, &server.version, &lines) + &rules + blocks));
}

/// The backups of the only cluster in a store: their directories, oldest first.
fn kept(store: &Path) -> Vec<PathBuf> {
    let below = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    below(store).iter().flat_map(|name| below(name)).flat_map(|cluster| below(&cluster)).collect()
}

/// What lists the backups of the cluster, beside it.
const LIST: &str = r#"
data "justmanage_backups" "all" {
  cluster_id = justmanage_redis_cluster.cache.id
}

data "justmanage_backups" "newest_available" {
  cluster_id = justmanage_redis_cluster.cache.id
  status     = "available"
  limit      = 1
}

output "all" {
  value = data.justmanage_backups.all.backups
}

output "newest_available" {
  value = data.justmanage_backups.newest_available.backups[*].id
}
"#;

/// What is listed of the backups, with their names and what became of them.
fn listed(workspace: &Workspace) -> (Vec<Value>, Vec<(String, String)>) {
    workspace.apply().ok();
    let all = workspace.output("all").as_array().expect("a list").clone();
    let words = all.iter().map(|backup| (text(&backup["id"]), text(&backup["status"]))).collect();
    (all, words)
}

fn name_of(backup: &Path) -> String {
    backup.file_name().and_then(|name| name.to_str()).expect("a name").to_owned()
}

fn manifest(backup: &Path) -> Value {
    let text = fs::read(backup.join("manifest.json")).expect("a manifest");
    serde_json::from_slice(&text).expect("JSON")
}

fn pids(workspace: &Workspace, program: &str) -> BTreeSet<i32> {
    workspace.running(program).iter().map(|process| process.pid).collect()
}

/// A server that has loaded one part of a backup, as anybody can start it.
struct Loaded {
    server: Child,
    client: Connection,
    _home: tempfile::TempDir,
}

impl Loaded {
    fn new(server: &Server, part: &Path) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        fs::copy(part, home.path().join("dump.rdb")).expect("a copy");
        let socket = home.path().join("socket");
        let mut process = Command::new(server.bin.join("redis-server"))
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"])
            .arg(home.path())
            .arg("--unixsocket")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("a server");
        let url = format!("redis+unix://{}", socket.display());
        let connected = || redis::Client::open(url.as_str()).expect("a path").get_connection().ok();
        let client = wait_for("the part is loaded", DEADLINE, || {
            assert!(process.try_wait().expect("its status").is_none(), "it does not load");
            let mut client = connected()?;
            let pong: Result<String, _> = redis::cmd("PING").query(&mut client);
            pong.ok().map(|_| client)
        });
        Self { server: process, client, _home: home }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// All keys of [`fill`] are in a backup, each once and as it was written.
fn assert_loads(server: &Server, backup: &Path) {
    let mut parts: Vec<Loaded> =
        (0..3).map(|shard| Loaded::new(server, &backup.join(format!("shard-000{shard}.rdb")))).collect();
    let counts: Vec<usize> =
        parts.iter_mut().map(|part| redis::cmd("DBSIZE").query(&mut part.client).expect("a count")).collect();
    assert_eq!(counts.iter().sum::<usize>(), KEYS, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for number in 0..KEYS {
        let key = format!("app:kept-{number}");
        let held: Vec<String> = parts.iter_mut().filter_map(|part| part.client.get(&key).expect("an answer")).collect();
        assert_eq!(held, [number.to_string()], "{key}");
    }
}

#[test]
fn a_backup_that_is_asked_for_is_there_when_the_apply_ends_and_loads() {
    let (server, store) = (servers::usual("redis"), tempfile::tempdir().expect("a directory"));
    let workspace = prepared(&[directory(&server)], ("redis", &server.version), (3, 1));
    write(&workspace, &server, store.path(), "");
    workspace.apply().ok();
    assert_eq!(workspace.resource(CLUSTER)["last_backup"], Value::Null);
    fill(&workspace);
    let running = pids(&workspace, "redis-server");

    write(&workspace, &server, store.path(), "  backup_now = \"one\"");
    let planned = workspace.planned();
    assert_eq!(planned.after(CLUSTER)["impact"], serde_json::json!(["backup_now: live"]));
    workspace.apply().ok();
    let last = workspace.resource(CLUSTER)["last_backup"].clone();
    assert_eq!((&last["keys"], &last["verified"]), (&KEYS.into(), &true.into()), "{last}");
    assert_eq!(last["occasion"], "asked for by backup_now = \"one\"");
    workspace.assert_no_changes();
    let [backup] = kept(store.path()).try_into().expect("one backup");
    assert!(backup.ends_with(text(&last["id"])), "{backup:?}");
    assert_loads(&server, &backup);
    let manifest = manifest(&backup);
    assert_eq!((&manifest["keys"], &manifest["shards"][2]["shard"]), (&KEYS.into(), &2.into()));
    assert_eq!(manifest["users"]["app"], "~app:* +@all -@dangerous +cluster +info", "and no password");

    // Two are kept, and the oldest goes.
    for word in ["two", "three"] {
        write(&workspace, &server, store.path(), &format!("  backup_now = \"{word}\""));
        workspace.apply().ok();
    }
    let names: Vec<PathBuf> = kept(store.path());
    assert_eq!((names.len(), names.contains(&backup)), (2, false), "{names:?}");
    assert_eq!(
        pids(&workspace, "redis-server"),
        running,
        "no server was started again, and none is left that verified"
    );

    // Both are listed, newest first, and so is what is no backup (any more).
    let three = "  backup_now = \"three\"";
    write_more(&workspace, &server, store.path(), three, LIST);
    let status = |backup: &Path, word: &str| (name_of(backup), word.to_owned());
    let (all, words) = listed(&workspace);
    assert_eq!(words, [status(&names[1], "available"), status(&names[0], "available")]);
    let newest = &all[0];
    assert_eq!((&newest["keys"], &newest["verified"], &newest["shards"]), (&KEYS.into(), &true.into(), &3.into()));
    assert_eq!((&newest["type"], &newest["reason"]), (&"on-demand".into(), &Value::Null), "{newest}");
    assert_eq!(newest["occasion"], "asked for by backup_now = \"three\"");
    let size = |shard: usize| fs::metadata(names[1].join(format!("shard-000{shard}.rdb"))).expect("a part").len();
    let bytes = Value::from((0..3).map(size).sum::<u64>());
    assert_eq!((&newest["stored_bytes"], &newest["database_bytes"]), (&bytes, &bytes), "it is not compressed");
    assert!(newest["started_at"].as_str() <= newest["ended_at"].as_str(), "{newest}");
    assert!(text(&newest["releases"][0]).starts_with(&format!("redis {}", server.version)), "{newest}");
    let line = format!("redis {}", server.line());
    let restorable = newest["restorable_releases"].as_array().expect("lines");
    assert!(restorable.contains(&line.clone().into()), "{line}: {newest}");

    let place = names[0].parent().expect("the cluster's directory");
    let (half, odd) = (place.join("20990101T000000Z-900"), place.join("20990102T000000Z-901"));
    for (folder, file) in [(&half, "shard-0000.rdb"), (&odd, "manifest.json")] {
        fs::create_dir(folder).expect("a folder");
        fs::write(folder.join(file), "half of it").expect("a file");
    }
    let (all, words) = listed(&workspace);
    let kept_two = [status(&names[1], "available"), status(&names[0], "available")];
    assert_eq!(words[..2], [status(&odd, "unreadable"), status(&half, "unfinished")]);
    assert_eq!(words[2..], kept_two);
    assert!(text(&all[0]["reason"]).contains("line 1"), "{:?}", all[0]);
    assert_eq!((&all[1]["reason"], &all[1]["verified"]), (&Value::Null, &Value::Null), "{:?}", all[1]);
    assert_eq!(workspace.output("newest_available"), serde_json::json!([name_of(&names[1])]));
    for folder in [&half, &odd] {
        fs::remove_dir_all(folder).expect("removed");
    }

    // Taking the word away asks for nothing; and backups outlive their cluster.
    write(&workspace, &server, store.path(), "");
    workspace.apply().ok();
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
    assert_eq!(kept(store.path()), names);
}

#[test]
fn servers_go_over_after_they_were_backed_up_and_not_without() {
    let (old, new) = (servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0"));
    let (home, place) = (tempfile::tempdir().expect("a directory"), "backups");
    let store = home.path().join(place);
    let mut workspace = prepared(&[&old, &new].map(directory), ("redis", &old.version), (3, 1));
    workspace.allow_alarm("a backup has failed");
    write(&workspace, &old, &store, "");
    workspace.apply().ok();
    fill(&workspace);
    let running = pids(&workspace, "redis-server");

    // Something is in the way: nobody goes over.
    fs::write(&store, "a file").expect("a file");
    write(&workspace, &new, &store, "");
    let failed = workspace.apply().fails();
    let said = failed.errors().map(|error| format!("{}: {}", error.summary, error.detail)).collect::<String>();
    assert!(said.contains("Agents have stopped") && said.contains("The backup before the change"), "{said}");
    assert_eq!(pids(&workspace, "redis-server"), running);
    let failure = text(&workspace.resource(CLUSTER)["backup_failure"]);
    assert!(failure.contains("before the change from"), "{failure}");

    fs::remove_file(&store).expect("the file");
    let endpoints = endpoints(&workspace);
    let clients = Load::begin(&login(&workspace), &endpoints, "app:load-", 4);
    workspace.apply().ok();
    let seen = clients.end();
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    let state = workspace.resource(CLUSTER);
    assert_eq!((text(&state["version_actual"]), &state["backup_failure"]), (new.version.clone(), &Value::Null));
    let report = &state["last_operation"];
    assert_eq!((&report["outcome"], &report["lost_writes"]), (&"done".into(), &0.into()), "{report}");
    let [backup] = kept(&store).try_into().expect("one backup");
    assert!(backup.ends_with(text(&report["backup"])), "{report}");
    let manifest = manifest(&backup);
    let releases = manifest["releases"].to_string();
    assert!(releases.contains(&old.version) && !releases.contains(&new.version), "{releases}");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn the_agents_go_on_where_one_of_them_was_killed() {
    let (server, store) = (servers::usual("redis"), tempfile::tempdir().expect("a directory"));
    let mut workspace = prepared(&[directory(&server)], ("redis", &server.version), (3, 1));
    workspace.allow_alarm("");
    let steps = Steps::of(&mut workspace);
    write(&workspace, &server, store.path(), "");
    workspace.apply().ok();
    fill(&workspace);
    for (number, name) in [
        "backup: about to read the server",
        "backup: the part is in the store",
        "backup: the part is written down",
        "backup: about to write the manifest",
        "backup: the manifest is written",
    ]
    .into_iter()
    .enumerate()
    {
        steps.kill(Victim::Itself, &Point { name: format!("run: {name}"), time: 1 });
        write(&workspace, &server, store.path(), &format!("  backup_now = \"word-{number}\""));
        killed_when(&workspace, |workspace| workspace.root().join("steps/killed").exists());
        assert!(steps.was_killed(), "{name}: nobody passed it");
        workspace.apply().ok();
        let last = workspace.resource(CLUSTER)["last_backup"].clone();
        assert_eq!(last["occasion"], format!("asked for by backup_now = \"word-{number}\""), "{name}");
        assert_eq!((&last["keys"], &last["verified"]), (&KEYS.into(), &true.into()), "{name}: {last}");
        let newest = kept(store.path()).pop().expect("a backup");
        assert!(newest.ends_with(text(&last["id"])), "{name}: {newest:?}");
        let unfinished: Vec<PathBuf> =
            kept(store.path()).into_iter().filter(|backup| !backup.join("manifest.json").exists()).collect();
        assert!(unfinished.is_empty(), "{name}: {unfinished:?}");
        workspace.assert_no_changes();
    }
    assert_loads(&server, &kept(store.path()).pop().expect("a backup"));
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
