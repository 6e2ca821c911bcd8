//! Another version, under clients that write all the while: up, down, across engines; and what is refused, or does not run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use acceptance_tests::load::Load;
use acceptance_tests::servers::{self, Server};
use acceptance_tests::{DEADLINE, Workspace, wait_until};

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

/// A program that is a server by its words, and does not run as one.
fn unfit(folder: &Path, version: &str) {
    let path = folder.join("redis-server");
    let script = format!(
        "#!/bin/sh\n# SSL_CTX_new\ncase \"$1\" in --version) echo 'Redis server v={version} sha=00000000:0 malloc=jemalloc bits=64 \
         build=0';; *) echo 'cannot find my libraries'; exit 127;; esac\n"
    );
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
}

#[test]
fn a_program_that_does_not_run_ends_the_apply_after_one_replica_and_all_is_as_it_was() {
    let home = tempfile::tempdir().expect("a directory");
    unfit(home.path(), "7.0.99");
    let old = servers::of_line("redis", "7.0");
    let artifacts = [directory(&old), format!("{{ directory = \"{}\" }}", home.path().display())];
    let mut workspace = prepared(&artifacts, ("redis", &old.version), (3, 1));
    workspace.allow_alarm("the server is down");
    workspace.apply().ok();
    let clients = load(&workspace);
    write(&workspace, ("redis", "7.0.99"), (3, 1));
    let run = workspace.apply().fails();
    let said = run.errors().find(|error| error.summary == "Agents have stopped");
    let detail = &said.unwrap_or_else(|| panic!("{run}")).detail;
    assert!(detail.contains("redis 7.0.99 is not fit") && detail.contains("cannot find my libraries"), "{run}");
    assert!(detail.contains(&format!("version = \"{}\" to go back", old.version)), "{run}");
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), old.version);
    assert_eq!(workspace.resource(CLUSTER)["converged"], false);
    write(&workspace, ("redis", &old.version), (3, 1));
    workspace.apply().ok();
    workspace.assert_no_changes();
    let seen = clients.end();
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
