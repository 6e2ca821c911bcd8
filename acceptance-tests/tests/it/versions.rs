//! Another version, under clients that write all the while: up, down, across engines; and what is refused, or does not run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use acceptance_tests::load::Load;
use acceptance_tests::servers::{self, Server};
use acceptance_tests::{DEADLINE, Run, Workspace, wait_until};

use crate::artifacts::{packed, serve};
use crate::cut_short::killed_when;
use crate::world::{CLUSTER, PASSWORD, cluster, login, text, user};

/// A cluster of this shape whose programs come from these entries of `artifacts`.
pub(crate) fn prepared(
    artifacts: &[String],
    (engine, version): (&str, &str),
    (shards, replicas): (u16, u16),
) -> Workspace {
    let mut workspace = Workspace::new();
    workspace.set("TF_VAR_app_password", PASSWORD);
    let block = artifacts.join(",\n    ");
    workspace.write(
        "provider.tf",
        &format!(
            "terraform {{\n  required_providers {{\n    justmanage = {{\n      source = \"justmanage/justmanage\"\n    }}\n  }}\n}}\n\n\
             provider \"justmanage\" {{\n  artifacts = [\n    {block}\n  ]\n}}\n"
        ),
    );
    write(&workspace, (engine, version), (shards, replicas));
    workspace
}

/// Asks for another release or shape of it. Its user may do what clients of clusters ask for (docs/guides/clients.md).
pub(crate) fn write(workspace: &Workspace, (engine, version): (&str, &str), (shards, replicas): (u16, u16)) {
    let shape = format!("  shards = {shards}\n  replicas_per_shard = {replicas}");
    workspace
        .write("main.tf", &(cluster(engine, version, &shape) + &user("~app:* +@all -@dangerous +cluster +info", 1)));
}

/// Its entry of `artifacts`.
pub(crate) fn directory(server: &Server) -> String {
    format!("{{ directory = \"{}\" }}", server.bin.display())
}

/// As a user's own mirror has it: an archive, by HTTP.
fn mirrored(workspace: &Path, engine: &str, server: &Server) -> String {
    let (bytes, digest) = packed(workspace, engine, server);
    let address = serve(bytes);
    format!(
        "{{ url = \"http://{address}/{engine}.tar.gz\", sha256 = \"{digest}\", engine = \"{engine}\", version = \"{}\" }}",
        server.version
    )
}

fn load(workspace: &Workspace) -> Load {
    let endpoints = workspace.resource(CLUSTER)["endpoints"].as_array().cloned().expect("endpoints");
    let endpoints: Vec<String> = endpoints.iter().map(text).collect();
    Load::begin(&login(workspace), &endpoints, "app:", 4)
}

/// Applies another version under load: nothing is lost, no error gets through, and nothing is left to do.
fn goes_over(workspace: &Workspace, says: &str, version: &str) {
    let clients = load(workspace);
    let plan = workspace.plan().ok();
    let told = plan.warnings().find(|warning| warning.summary == says);
    assert!(
        told.is_some_and(|warning| warning.detail.contains("1 handover") || warning.detail.contains("3 handovers")),
        "{plan}"
    );
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    workspace.apply().ok();
    let seen = clients.end();
    eprintln!("{says} to {version}: {seen:?}");
    let state = workspace.resource(CLUSTER);
    assert_eq!(text(&state["version_actual"]), version);
    let report = &state["last_operation"];
    assert_eq!((&report["outcome"], &report["proven"]), (&"done".into(), &true.into()), "{report}");
    workspace.assert_no_changes();
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
}

#[test]
fn a_patch_is_taken_from_a_mirror_and_put_back_again() {
    let (old, new) = (servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0"));
    assert_ne!(old.version, new.version);
    let home = tempfile::tempdir().expect("a directory");
    let artifacts = [&old, &new].map(|server| {
        let place = home.path().join(&server.version);
        fs::create_dir(&place).expect("a directory");
        mirrored(&place, "redis", server)
    });
    let workspace = prepared(&artifacts, ("redis", &old.version), (3, 1));
    workspace.apply().ok();
    write(&workspace, ("redis", &new.version), (3, 1));
    goes_over(&workspace, "Rolling upgrade", &new.version);
    write(&workspace, ("redis", &old.version), (3, 1));
    goes_over(&workspace, "Rolling downgrade", &old.version);
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn the_apply_after_a_killed_one_sees_the_upgrade_through() {
    let (old, new) = (servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0"));
    let mut workspace = prepared(&[&old, &new].map(directory), ("redis", &old.version), (3, 1));
    // A provider that dies cannot say goodbye to the agents.
    workspace.allow_alarm("");
    workspace.apply().ok();
    write(&workspace, ("redis", &new.version), (3, 1));
    killed_when(&workspace, |workspace| {
        workspace.running("redis-server").iter().any(|server| server.exe.starts_with(&new.bin))
    });
    workspace.plan().ok();
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!((&state["converged"], text(&state["version_actual"])), (&true.into(), new.version.clone()));
    assert_eq!(state["last_operation"]["outcome"], "done", "{state}");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_line_is_left_for_another_and_redis_for_valkey() {
    let steps = [("redis", "7.0"), ("redis", "7.2"), ("valkey", "8.0"), ("valkey", "9.1")];
    let servers = steps.map(|(engine, line)| servers::of_line(engine, line));
    let workspace = prepared(&servers.each_ref().map(directory), ("redis", "7.0"), (1, 2));
    workspace.apply().ok();
    for ((engine, line), server) in steps.iter().zip(&servers).skip(1) {
        write(&workspace, (engine, line), (1, 2));
        goes_over(&workspace, "Rolling upgrade", &server.version);
    }
    // Back over a line: what the newer one wrote is not read, everything is copied anew.
    write(&workspace, ("valkey", "8.0"), (1, 2));
    goes_over(&workspace, "Rolling downgrade", &servers[2].version);
    // And to the Redis that it began as.
    write(&workspace, ("redis", "7.2"), (1, 2));
    goes_over(&workspace, "Rolling downgrade", &servers[1].version);
    workspace.destroy().ok();
}

#[test]
fn a_way_that_loses_something_is_refused_by_the_plan() {
    let lines = [("valkey", "9.1"), ("valkey", "8.1"), ("redis", "7.4")];
    let artifacts = lines.map(|(engine, line)| directory(&servers::of_line(engine, line)));
    let workspace = prepared(&artifacts, ("valkey", "9.1"), (1, 1));
    workspace.apply().ok();
    let mut client = login(&workspace).connect().expect("connect");
    let set: i64 = redis::cmd("HSET").arg("app:hash").arg("field").arg("value").query(&mut client).expect("a hash");
    assert_eq!(set, 1);
    write(&workspace, ("valkey", "8.1"), (1, 1));
    workspace.plan().ok();
    let times: Vec<i64> = redis::cmd("HEXPIRE")
        .arg(&["app:hash", "3600", "FIELDS", "1", "field"])
        .query(&mut client)
        .expect("a field that expires");
    assert_eq!(times, [1]);
    // Agents of a cluster at rest look at their servers every two seconds.
    wait_until("the plan sees it", DEADLINE, || workspace.plan().code == Some(1));
    let refused = workspace.plan().fails();
    let error = refused.error("version", "Version cannot be reached");
    assert!(error.detail.contains("1 keys are hashes with fields that expire"), "{refused}");
    let _: Vec<i64> =
        redis::cmd("HPERSIST").arg(&["app:hash", "FIELDS", "1", "field"]).query(&mut client).expect("kept for good");
    wait_until("the plan sees that, too", DEADLINE, || workspace.plan().code == Some(0));
    workspace.destroy().ok();

    let workspace = prepared(&artifacts, ("redis", "7.4"), (1, 0));
    workspace.apply().ok();
    write(&workspace, ("valkey", "8.1"), (1, 0));
    let refused = workspace.plan().fails();
    assert!(refused.error("version", "Version cannot be reached").detail.contains("cannot copy the data"), "{refused}");
    write(&workspace, ("redis", "7.4"), (1, 0));
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

/// A program of this engine, which is the script `run` when it is to serve.
fn scripted(folder: &Path, engine: &str, asked: &str, run: &str) {
    let path = folder.join(format!("{engine}-server"));
    // Whether a program knows TLS is asked of its file.
    let script = format!("#!/bin/sh\n# SSL_CTX_new\ncase \"$1\" in --version) {asked};; *) {run};; esac\n");
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
}

/// What a program says that is a server by its words alone.
fn says(engine: &str, version: &str) -> String {
    let name = if engine == "redis" { "Redis" } else { "Valkey" };
    format!("echo '{name} server v={version} sha=00000000:0 malloc=jemalloc bits=64 build=0'")
}

/// Applies a version that is no good under load: the apply says so and what to do, every server is what it was but for those that agents
/// are putting back, and after an apply of the old one nothing is left of it.
fn ends_after_one(old: (&str, &str, &Server), home: &Path, version: &str, words: &str) {
    let (engine, asked, server) = old;
    let artifacts = [directory(server), format!("{{ directory = \"{}\" }}", home.display())];
    let mut workspace = prepared(&artifacts, (engine, asked), (3, 1));
    workspace.allow_alarm("the server is down");
    workspace.allow_alarm("the server does not answer");
    // A server that crashes writes its last report first, and answers nobody meanwhile.
    workspace.allow_alarm("the server did not answer");
    // One that crashes half a second after its start may have been in sync by then, and have got leave to take over.
    workspace.allow_alarm("cannot be reached");
    workspace.apply().ok();
    let clients = load(&workspace);
    write(&workspace, (engine, version), (3, 1));
    let run = workspace.apply().fails();
    let said = run.errors().find(|error| error.summary == "Agents have stopped");
    let detail = &said.unwrap_or_else(|| panic!("{run}")).detail;
    assert!(detail.contains(&format!("{engine} {version} is not fit")) && detail.contains(words), "{run}");
    assert!(detail.contains(&format!("version = \"{}\" to go back", server.version)), "{run}");
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), server.version);
    assert_eq!(workspace.resource(CLUSTER)["converged"], false);
    write(&workspace, (engine, &server.version), (3, 1));
    workspace.apply().ok();
    workspace.assert_no_changes();
    let running = workspace.running(&format!("{engine}-server"));
    assert!(running.len() == 6 && running.iter().all(|one| one.exe.starts_with(&server.bin)), "{running:?}");
    let seen = clients.end();
    eprintln!("{engine} {version}: {seen:?}");
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

fn a_program_that_does_not_run(engine: &str, line: &str, version: &str) {
    let (home, old) = (tempfile::tempdir().expect("a directory"), servers::of_line(engine, line));
    scripted(home.path(), engine, &says(engine, version), "echo 'cannot find my libraries'; exit 127");
    ends_after_one((engine, &old.version, &old), home.path(), version, "cannot find my libraries");
}

#[test]
fn a_program_that_does_not_run_ends_the_apply_after_one_replica_and_all_is_as_it_was_redis() {
    a_program_that_does_not_run("redis", "7.0", "7.0.99");
}

#[test]
fn a_program_that_does_not_run_ends_the_apply_after_one_replica_and_all_is_as_it_was_valkey() {
    a_program_that_does_not_run("valkey", "9.1", "9.1.99");
}

/// The real one, which serves, and crashes half a second later.
fn a_release_that_crashes(engine: &str, lines: [&str; 2]) {
    let home = tempfile::tempdir().expect("a directory");
    let [old, new] = lines.map(|line| servers::of_line(engine, line));
    let program = new.bin.join(format!("{engine}-server"));
    let real = program.display();
    // Ended by a signal of its own (SIGSEGV), and not by one that somebody sends who wants it to end.
    let run = format!("(sleep 0.5; kill -SEGV $$) & exec '{real}' \"$@\"");
    scripted(home.path(), engine, &format!("exec '{real}' --version"), &run);
    ends_after_one((engine, &old.version, &old), home.path(), &new.version, "SIGSEGV");
}

#[test]
fn a_release_that_crashes_within_its_first_minute_is_put_back_and_all_is_as_it_was_redis() {
    a_release_that_crashes("redis", ["7.0", "7.2"]);
}

#[test]
fn a_release_that_crashes_within_its_first_minute_is_put_back_and_all_is_as_it_was_valkey() {
    a_release_that_crashes("valkey", ["8.1", "9.1"]);
}

/// The real one, of which the first server that goes over crashes after twelve seconds: by then, all have gone over.
#[test]
fn a_release_that_crashes_when_all_have_gone_over_is_put_back_where_it_crashed_and_the_plan_says_so() {
    let home = tempfile::tempdir().expect("a directory");
    let [old, new] = ["8.1", "9.1"].map(|line| servers::of_line("valkey", line));
    let program = new.bin.join("valkey-server");
    let (real, once) = (program.display(), home.path().join("once"));
    let once = once.display();
    let run = format!("(mkdir '{once}' 2>&- && sleep 12 && kill -SEGV $$) & exec '{real}' \"$@\"");
    scripted(home.path(), "valkey", &format!("exec '{real}' --version"), &run);
    let artifacts = [directory(&old), format!("{{ directory = \"{}\" }}", home.path().display())];
    let mut workspace = prepared(&artifacts, ("valkey", &old.version), (3, 1));
    for alarm in ["the server is down", "the server does not answer", "the server did not answer"] {
        workspace.allow_alarm(alarm);
    }
    workspace.apply().ok();
    let clients = load(&workspace);
    write(&workspace, ("valkey", &new.version), (3, 1));
    let run = workspace.apply();
    let ended = run.code != Some(0);
    let said = |run: &Run| run.errors().any(|error| error.summary == "Agents have stopped");
    assert!(!ended || said(&run), "{run}");
    let runs_old = || workspace.running("valkey-server").iter().filter(|one| one.exe.starts_with(&old.bin)).count();
    let words = [&format!("valkey {} is not fit", new.version), "SIGSEGV", "was put back to", "nodes run valkey"];
    let mut state = serde_json::Value::Null;
    wait_until("the node is put back, and the state says so", DEADLINE, || {
        workspace.terraform(&["apply", "-refresh-only", "-auto-approve", "-no-color"]).ok();
        state = workspace.resource(CLUSTER);
        let (waiting_on, halted) = (state["waiting_on"].to_string(), state["last_operation"]["outcome"].to_string());
        let all = words.iter().all(|words| waiting_on.contains(*words)) && halted.contains("halted: valkey");
        if !all {
            eprintln!("not yet: {waiting_on}, {halted}");
        }
        runs_old() > 0 && all
    });
    assert_eq!((&state["converged"], text(&state["version_actual"])), (&false.into(), old.version.clone()));
    // What agents do by themselves is never a difference; that a person has to look into it is.
    assert_eq!(workspace.plan().code, Some(0));
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    // And back, as after any release that is no good.
    write(&workspace, ("valkey", &old.version), (3, 1));
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert_eq!(runs_old(), 6);
    let seen = clients.end();
    eprintln!("valkey {}: {seen:?}", new.version);
    assert_eq!(seen.errors, Vec::<String>::new(), "{seen:?}");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
