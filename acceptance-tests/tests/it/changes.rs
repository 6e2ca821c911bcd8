//! What can be changed in place: memory and configuration, live where the server can, by one restart where it cannot.

use redis::TypedCommands;

use crate::world::{CLUSTER, applied, cluster, login, server, user};

/// The configuration with these lines, and a user that may ask for the configuration in force.
fn configuration(memory: &str, more: &str) -> String {
    cluster("redis", "7.0", more).replace("64MiB", memory) + &user("~* +@all", 1)
}

#[test]
fn memory_and_live_keys_change_without_a_restart_and_others_with_one() {
    let workspace = applied("redis");
    // A restart ends the server by our own hand; that is no crash and no alarm.
    let before = server(&workspace, "redis");
    workspace.write("main.tf", &configuration("96MiB", "  config = { \"maxmemory-policy\" = \"volatile-lfu\" }"));
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert_eq!(server(&workspace, "redis"), before, "live");
    let mut client = login(&workspace).connect().expect("connect");
    let in_force = |client: &mut redis::Connection, key: &str| {
        let pair: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(key).query(client).expect("CONFIG GET");
        pair[1].clone()
    };
    assert_eq!(in_force(&mut client, "maxmemory"), (96 * 1024 * 1024).to_string());
    assert_eq!(in_force(&mut client, "maxmemory-policy"), "volatile-lfu");
    client.set("app:kept", "yes").expect("write");

    // `io-threads` is fixed while Redis 7.0 runs, and the policy goes back to the server's own default.
    workspace.write("main.tf", &configuration("96MiB", "  config = { \"io-threads\" = \"2\" }"));
    let plan = workspace.plan().ok();
    let restart = plan.diagnostics.iter().find(|one| one.summary == "Rolling restart");
    let warning = restart.unwrap_or_else(|| panic!("the restart is not said\n{plan}"));
    assert_eq!(warning.attribute, "config.io-threads");
    assert!(warning.detail.contains("start: io-threads.") && warning.detail.contains("maxmemory-policy."), "{plan}");
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert_ne!(server(&workspace, "redis"), before, "restarted");
    let mut client = login(&workspace).connect().expect("connect");
    assert_eq!(in_force(&mut client, "io-threads"), "2");
    assert_eq!(in_force(&mut client, "maxmemory-policy"), "noeviction");
    assert_eq!(client.get("app:kept").expect("read").as_deref(), Some("yes"), "a restart keeps the data");
    workspace.destroy().ok();
}

#[test]
fn a_version_is_pinned_to_what_runs_and_let_go_again_without_a_restart() {
    let workspace = applied("redis");
    let before = server(&workspace, "redis");
    let file = workspace.config().join("main.tf");
    let line = std::fs::read_to_string(&file).expect("configuration");
    let runs = acceptance_tests::servers::usual("redis").version.clone();
    for text in [line.replace("version = \"7.0\"", &format!("version = \"{runs}\"")), line.clone()] {
        workspace.write("main.tf", &text);
        assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
        workspace.apply().ok();
        workspace.assert_no_changes();
        assert_eq!(server(&workspace, "redis"), before);
    }
    workspace.destroy().ok();
}

#[test]
fn a_resource_that_gets_another_name_keeps_its_cluster() {
    let workspace = applied("redis");
    let before = (workspace.resource(CLUSTER)["id"].clone(), server(&workspace, "redis"));
    let renamed = (cluster("redis", "7.0", "") + &user("~app:* +@all -@dangerous", 1))
        .replace("\"justmanage_redis_cluster\" \"cache\"", "\"justmanage_redis_cluster\" \"sessions\"")
        .replace("redis_cluster.cache.id", "redis_cluster.sessions.id")
        .replace("\"justmanage_redis_user\" \"app\"", "\"justmanage_redis_user\" \"web\"");
    let moved = [("redis_cluster.cache", "redis_cluster.sessions"), ("redis_user.app", "redis_user.web")]
        .map(|(from, to)| format!("moved {{\n  from = justmanage_{from}\n  to   = justmanage_{to}\n}}\n"));
    workspace.write("main.tf", &(renamed + &moved.concat()));
    let plan = workspace.planned();
    assert!(plan.is_empty(), "nothing but the names: {plan:?}");
    workspace.apply().ok();
    let after = workspace.resource("justmanage_redis_cluster.sessions")["id"].clone();
    assert_eq!((after, server(&workspace, "redis")), before);
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn another_spelling_of_the_same_size_is_no_change() {
    let workspace = applied("redis");
    let main = std::fs::read_to_string(workspace.config().join("main.tf")).expect("configuration");
    workspace.write("main.tf", &main.replace("\"64MiB\"", "\"65536KiB\""));
    let plan = workspace.planned();
    assert!(plan.is_empty(), "{plan:?}");
    workspace.destroy().ok();
}

#[test]
fn a_configuration_changed_by_hand_is_put_right_by_the_agent_alone() {
    let workspace = applied("redis");
    workspace.write("main.tf", &configuration("64MiB", ""));
    workspace.apply().ok();
    let mut client = login(&workspace).connect().expect("connect");
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1gb").exec(&mut client).expect("by hand");
    acceptance_tests::wait_until("the agent puts it right", acceptance_tests::DEADLINE, || {
        let pair: Vec<String> =
            redis::cmd("CONFIG").arg("GET").arg("maxmemory").query(&mut client).expect("CONFIG GET");
        pair[1] == (64 * 1024 * 1024).to_string()
    });
    workspace.assert_no_changes();
    workspace.destroy().ok();
}
