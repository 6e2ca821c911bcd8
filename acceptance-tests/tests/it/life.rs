//! A node is made, serves, changes nothing when nothing changed, and goes without a trace.

use acceptance_tests::processes;
use redis::TypedCommands;

use crate::world::{CLUSTER, PASSWORD, USER, agent, applied, login, server, text};

fn whole_life(engine: &str) {
    let workspace = applied(engine);
    let cluster = workspace.resource(CLUSTER);
    assert_eq!(cluster["converged"], true);
    assert_eq!(cluster["waiting_on"], serde_json::json!([]));
    let id = text(&cluster["id"]);
    assert!(id.starts_with("local/cache/jmc"), "{id}");
    let version = acceptance_tests::servers::usual(engine).version;
    assert_eq!(text(&cluster["version_actual"]), version);
    assert_eq!(text(&workspace.resource(USER)["id"]), format!("{id}/app"));

    let mut client = login(&workspace).connect().expect("the user gets in");
    client.set("app:greeting", "hello").expect("write");
    assert_eq!(client.get("app:greeting").expect("read").as_deref(), Some("hello"));

    workspace.assert_no_changes();
    let (agent, server) = (agent(&workspace), server(&workspace, engine));
    workspace.apply().ok();
    assert_eq!((agent, server), (crate::world::agent(&workspace), crate::world::server(&workspace, engine)));

    assert!([agent, server].iter().all(|pid| !processes::listening_of(*pid).is_empty()));
    workspace.destroy().ok();
    workspace.assert_nothing_left();
    // Their ports may be another test's by now.
    assert!([agent, server].iter().all(|pid| !processes::is_alive(*pid)));
}

#[test]
fn redis_lives_and_goes() {
    whole_life("redis");
}

#[test]
fn valkey_lives_and_goes() {
    whole_life("valkey");
}

#[test]
fn everything_is_in_the_directory_and_on_the_ports_that_the_documentation_names() {
    let workspace = applied("redis");
    let nodes = workspace.nodes();
    assert_eq!(nodes.len(), 1);
    assert!(nodes[0].starts_with(workspace.root().join("data/justmanage/cache")), "{nodes:?}");

    let mut listening = processes::listening_of(server(&workspace, "redis"));
    listening.sort();
    let [(first, client), (second, bus)] = &listening[..] else { panic!("two ports: {listening:?}") };
    assert!((21000..=22767).contains(client), "{client}");
    assert_eq!(*bus, client + 10000);
    assert!(first.is_loopback() && second.is_loopback(), "nobody else's network: {listening:?}");
    let agents = processes::listening_of(agent(&workspace));
    assert_eq!(agents, [(*first, client - 2000)]);
    assert_eq!(login(&workspace).endpoint, format!("127.0.0.1:{client}"));
    workspace.destroy().ok();
}

#[test]
fn it_outlives_terraform_and_inherits_nothing_of_its_environment() {
    let workspace = applied("redis");
    for pid in [agent(&workspace), server(&workspace, "redis")] {
        let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).expect("environment");
        assert!(!environment.contains("TF_VAR_") && !environment.contains(PASSWORD), "{environment}");
        assert_eq!(processes::shared_pipes(pid), Vec::<String>::new(), "{pid} holds pipes of somebody else");
    }
    workspace.destroy().ok();
}

#[test]
fn two_clusters_live_side_by_side_and_go_one_by_one() {
    let workspace = applied("redis");
    let second = crate::world::cluster("redis", "7.0", "").replace("\"cache\"", "\"queue\"");
    workspace.write("queue.tf", &second);
    workspace.apply().ok();
    assert_eq!(workspace.running("redis-server").len(), 2);
    let endpoints = |address: &str| text(&workspace.resource(address)["endpoints"][0]);
    assert_ne!(endpoints(CLUSTER), endpoints("justmanage_redis_cluster.queue"));

    std::fs::remove_file(workspace.config().join("queue.tf")).expect("take it out of the configuration");
    workspace.apply().ok();
    assert_eq!(workspace.running("redis-server").len(), 1);
    login(&workspace).connect().expect("the first one still serves");
    workspace.destroy().ok();
}

#[test]
fn clusters_live_where_the_provider_says_and_obey_the_key_that_it_names() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().join("clusters");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem();
    let settings = format!("  local = {{ directory = \"{}\" }}\n  operator_key = {:?}", directory.display(), key);
    let workspace = acceptance_tests::Workspace::with_provider(&settings);
    workspace.write("main.tf", &crate::world::cluster("redis", "7.0", ""));
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert!(directory.join("cache").is_dir());
    assert!(!workspace.clusters().exists() && !workspace.operator_key().exists());
    workspace.destroy().ok();
    assert!(!directory.exists(), "and nothing stays there");
}
