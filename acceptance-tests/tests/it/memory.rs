//! More and less memory under clients that write all the while: live, on every node, and refused where the data would not fit.

use std::collections::BTreeSet;

use acceptance_tests::load::Load;
use acceptance_tests::servers;
use acceptance_tests::{DEADLINE, Workspace, wait_until};

use crate::scale::{assert_kept, client, each_server, endpoints, fill};
use crate::versions::{directory, prepared};
use crate::world::{CLUSTER, cluster, login, user};

fn write(workspace: &Workspace, (engine, version): (&str, &str), memory: &str) {
    let text = cluster(engine, version, "  shards = 3\n  replicas_per_shard = 1");
    let text = text.replace("\"64MiB\"", &format!("{memory:?}"));
    assert!(text.contains(memory), "{text}");
    workspace.write("main.tf", &(text + &user("~app:* +@all", 1)));
}

/// What each server keeps to, in MiB.
fn in_force(workspace: &Workspace) -> BTreeSet<u64> {
    let asks = |mut server| {
        let pair: Vec<String> = redis::cmd("CONFIG").arg("GET").arg("maxmemory").query(&mut server).expect("a setting");
        pair[1].parse::<u64>().expect("a number") >> 20
    };
    each_server(workspace).map(asks).collect()
}

fn goes_up_and_down(engine: &str, line: &str) {
    let server = servers::of_line(engine, line);
    let release = (engine, server.version.as_str());
    let workspace = prepared(&[directory(&server)], release, (3, 1));
    write(&workspace, release, "64MiB");
    workspace.apply().ok();
    fill(&workspace);
    let pids = || {
        let running = workspace.running(&format!("{engine}-server"));
        running.iter().map(|process| process.pid).collect::<BTreeSet<_>>()
    };
    let before = pids();
    let clients = Load::begin(&login(&workspace), &endpoints(&workspace), "app:", 6);
    for memory in [96, 48] {
        write(&workspace, release, &format!("{memory}MiB"));
        assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
        workspace.apply().ok();
        assert_eq!(in_force(&workspace), BTreeSet::from([memory]), "{engine}: everywhere");
        workspace.assert_no_changes();
    }
    let seen = clients.end();
    eprintln!("{engine}: {seen:?}");
    assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{seen:?}");
    assert_kept(&workspace, engine);
    assert_eq!(pids(), before, "{engine}: nobody was restarted");

    // One slot, hence one shard, holds more than there would be.
    let (mut client, value) = (client(&workspace), "x".repeat(1 << 20));
    for number in 0..24 {
        redis::cmd("SET").arg(format!("app:{{large}}-{number}")).arg(&value).exec(&mut client).expect("a write");
    }
    write(&workspace, release, "20MiB");
    // Agents of a cluster at rest look at their servers every two seconds.
    wait_until("the plan sees the data", DEADLINE, || workspace.plan().code == Some(1));
    let refused = workspace.plan().fails();
    let error = refused.error("memory", "Data do not fit into less memory");
    assert!(error.detail.contains("instead of 48MiB") && error.detail.contains("Set memory to"), "{refused}");
    write(&workspace, release, "48MiB");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn memory_goes_up_and_down_under_clients_redis() {
    goes_up_and_down("redis", "7.2");
}

#[test]
fn memory_goes_up_and_down_under_clients_valkey() {
    goes_up_and_down("valkey", "9.1");
}
