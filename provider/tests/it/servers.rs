//! Servers of the user's own: what the provider says of them at a cluster, in the data source, and in its own block, as far as that goes
//! without one.

use std::process::Command;

use tfkit::testing::HostError;
use tfkit::{Path, Value};

use crate::provider;
use crate::world::{CLUSTER, World, cluster, get, refused, text, texts};

const SERVERS: &str = "justmanage_servers";

/// A cluster of three shards with a replica each on servers.
fn on(servers: &[(&str, Value)], more: &[(&str, Value)]) -> Value {
    let servers = Value::object(servers.iter().cloned());
    cluster(&[&[("local", Value::Null), ("servers", servers)], more].concat())
}

/// A pool of so many servers.
fn pool(servers: usize) -> String {
    (1..=servers).map(|number| format!("10.0.0.{number}")).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_cluster_that_a_pool_has_too_few_servers_for_is_refused_with_the_numbers() {
    let mut world = World::new().await;
    let of = |pool: &str, more: &[(&str, Value)]| on(&[("pool", pool.into())], more);
    let hidden = format!("{}; 10.0.1.1 hidden; 10.0.1.2 hidden", pool(5));
    for (config, says) in [
        (of(&pool(5), &[]), "6 in all, by shards = 3, replicas_per_shard = 1 and spares = 0. The pool has 5."),
        (
            of(&pool(6), &[("spares", 1.into())]),
            "7 in all, by shards = 3, replicas_per_shard = 1 and spares = 1. The pool has 6.",
        ),
        (of(&hidden, &[]), "The pool has 7, of which 5 can be had: 2 hidden."),
    ] {
        let said = world.errors(CLUSTER, &config).await;
        assert!(said.len() == 1 && said[0].0 == "servers.pool" && said[0].1.contains(says), "{says}: {said:?}");
        // Where the pool is known only in the plan, the plan says so.
        let error = refused(world.plan(None, &config).await);
        assert_eq!((error.summary.as_str(), error.path.to_string().as_str()), ("Not enough servers", "servers.pool"));
        assert!(error.detail.contains(says), "{error:?}");
    }
    let labels = Value::map([("disk", "nvme".into())]);
    let labelled = format!("{} disk=nvme; 10.0.1.1 disk=hdd", pool(6));
    let config = on(&[("pool", labelled.as_str().into()), ("labels", labels)], &[]);
    let said = world.errors(CLUSTER, &config).await;
    let says = "of which 1 can be had: 6 without the labels that are asked for.";
    assert!(said.len() == 1 && said[0].1.contains(says), "{said:?}");
}

#[tokio::test]
async fn what_is_asked_of_servers_is_judged_at_its_attribute() {
    let mut world = World::new().await;
    let enough = pool(6);
    for (name, value, at, says) in [
        ("pool", Value::from("10.0.0.300"), "servers.pool", "\"10.0.0.300\" is no address"),
        ("processors", 0.into(), "servers.processors", "Ask for 1 or more."),
        ("memory", "lots".into(), "servers.memory", "MiB"),
        ("memory", "32MiB".into(), "servers.memory", "64MiB for data"),
        ("disk", "100".into(), "", ""),
        ("disk", "100 GiB".into(), "servers.disk", "without a space"),
        ("labels", Value::map([("zone", "a".into())]), "servers.labels[\"zone\"]", "a word of its own"),
        ("labels", Value::map([("disk", "nv me".into())]), "servers.labels[\"disk\"]", "\"nv me\""),
    ] {
        let said = world.errors(CLUSTER, &on(&[("pool", enough.as_str().into()), (name, value)], &[])).await;
        assert_eq!(said.len(), usize::from(!at.is_empty()), "{name}: {said:?}");
        assert!(said.iter().all(|(path, detail)| path == at && detail.contains(says)), "{at} {says}: {said:?}");
    }
    let both = on(&[("pool", enough.as_str().into())], &[("local", Value::object::<&str>([]))]);
    let said = world.errors(CLUSTER, &both).await;
    assert!(said.len() == 1 && said[0].0 == "servers" && said[0].1.contains("Leave one of them out"), "{said:?}");
    let said = world.errors(CLUSTER, &cluster(&[("local", Value::Null)])).await;
    assert!(said.len() == 1 && said[0].0 == "local", "{said:?}");
}

#[tokio::test]
async fn what_is_not_known_yet_is_not_judged() {
    let mut world = World::new().await;
    for config in [
        on(&[("pool", Value::unknown())], &[]),
        on(&[("pool", "10.0.0.1".into())], &[("shards", Value::unknown())]),
        on(&[("pool", "10.0.0.1".into()), ("labels", Value::map([("disk", Value::unknown())]))], &[]),
        cluster(&[("local", Value::Null), ("servers", Value::unknown())]),
    ] {
        assert_eq!(world.errors(CLUSTER, &config).await, [], "{config:?}");
        world.plan(None, &config).await.expect("it is judged when it is known");
    }
}

#[tokio::test]
async fn a_plan_says_of_how_many_shards_nodes_have_to_share_a_zone() {
    let mut world = World::new().await;
    // As long as nobody knows how to log in, no server is asked.
    world.configure(&[("ssh", ssh(&[("private_key", Value::unknown())]))]).await.expect("unknown yet");
    let zones = |zones: &[&str]| {
        let server = |(number, zone): (usize, &&str)| format!("10.0.0.{} zone {zone}", number + 1);
        zones.iter().enumerate().map(server).collect::<Vec<_>>().join("; ")
    };
    for (pool, says) in [
        (zones(&["a", "a", "b", "b", "c", "c"]), None),
        (
            zones(&["a", "a", "a", "a", "b", "c"]),
            Some("It has servers in 3 that the cluster can have, and 1 of 3 shards"),
        ),
        (zones(&["a"; 6]), Some("It has servers in 1 that the cluster can have, and 3 of 3 shards")),
        (pool(6), None),
    ] {
        let plan = world.plan(None, &on(&[("pool", pool.as_str().into())], &[])).await.expect("plan");
        let said = plan.warnings.iter().find(|warning| warning.summary == "Nodes of a shard share a zone");
        assert_eq!(said.map(|warning| warning.path.to_string()).as_deref(), says.map(|_| "servers.pool"), "{pool}");
        assert!(said.zip(says).is_none_or(|(said, says)| said.detail.contains(says)), "{said:?}");
    }
}

/// What servers have is asked when it is planned, so that nothing is begun that cannot be finished.
#[tokio::test]
async fn a_plan_says_which_servers_do_not_answer_and_nothing_moves_to_servers_in_place() {
    let mut world = World::new().await;
    // Nobody listens on port 1.
    let silent: Vec<String> = (1..7).map(|number| format!("127.0.0.{number} port 1")).collect();
    let config = on(&[("pool", silent.join("; ").as_str().into())], &[]);
    assert_eq!(world.errors(CLUSTER, &config).await, []);
    let error = refused(world.plan(None, &config).await);
    assert!(error.detail.contains("127.0.0.1"), "{error:?}");
    // A cluster that is here does not move there.
    let state = world.made(&cluster(&[])).await;
    let error = refused(world.plan(Some(&state), &config).await);
    assert_eq!((error.summary.as_str(), &error.path), ("Change not possible in place", &Path::attribute("servers")));
}

async fn read(world: &mut World, pool: &str) -> Result<Value, HostError> {
    world.host.read_data_source(SERVERS, &Value::object([("pool", Value::from(pool))])).await
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_shown_with_the_reason() {
    let mut world = World::new().await;
    // Nobody listens on port 1.
    let found =
        read(&mut world, "127.0.0.1 port 1 zone a disk=nvme; 127.0.0.2 port 1 hidden").await.expect("an answer");
    let [first, second] = get(&found, "servers").as_elements().expect("servers") else { panic!("two: {found:?}") };
    assert_eq!((text(first, "address"), text(first, "zone"), text(first, "state")), ("127.0.0.1", "a", "unreachable"));
    let label = first.get(&Path::attribute("labels").key("disk"));
    assert_eq!(label.and_then(Value::as_str), Some("nvme"));
    assert_eq!(text(second, "state"), "hidden");
    for server in [first, second] {
        let missing = texts(server, "missing");
        assert!(missing.len() == 1 && missing[0].contains("is not reachable by SSH"), "{missing:?}");
        for name in ["processors", "memory", "disk", "disk_free", "system", "cluster"] {
            assert!(get(server, name).is_null(), "{name}: {server:?}");
        }
    }
    let error = refused(read(&mut world, "10.0.0.300").await);
    assert_eq!(error.path, Path::attribute("pool"));
}

/// A private key with this passphrase.
fn key(passphrase: &str) -> String {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]).arg(&file).status();
    assert!(made.expect("ssh-keygen").success());
    std::fs::read_to_string(file).expect("a key")
}

fn ssh(settings: &[(&str, Value)]) -> Value {
    Value::object(settings.iter().cloned())
}

#[tokio::test]
async fn ways_to_log_in_that_cannot_be_used_are_refused_where_they_are_written() {
    let mut world = World::new().await;
    let (open, locked) = (key(""), key("wrong horse"));
    let text = |text: &str| Value::from(text);
    for settings in [
        vec![],
        vec![("private_key", text(&open)), ("agent", false.into())],
        vec![("private_key", text(&locked)), ("passphrase", "wrong horse".into()), ("connect_timeout", "1m".into())],
        vec![("private_key_file", "~/.ssh/id_ed25519".into()), ("known_hosts_files", Value::List(Vec::new()))],
        vec![("private_key", Value::unknown())],
    ] {
        world.configure(&[("ssh", ssh(&settings))]).await.unwrap_or_else(|error| panic!("{settings:?}: {error:?}"));
    }
    for (settings, at) in [
        (vec![("private_key", text(&locked))], "ssh.private_key"),
        (vec![("private_key", text("~/.ssh/id_ed25519"))], "ssh.private_key"),
        (vec![("private_key_file", text(&open))], "ssh.private_key_file"),
        (vec![("passphrase", text("wrong horse"))], "ssh.passphrase"),
        (vec![("connect_timeout", text("soon"))], "ssh.connect_timeout"),
        (vec![("connect_timeout", text("1h"))], "ssh.connect_timeout"),
    ] {
        let error = refused(world.configure(&[("ssh", ssh(&settings))]).await);
        assert_eq!(error.path.to_string(), at, "{error:?}");
        let said = format!("{error:?}");
        assert!(!["PRIVATE KEY", "horse", "id_ed25519"].iter().any(|part| said.contains(part)), "{said}");
    }
    // What is read when it is needed is not repeated then either.
    world.configure(&[("ssh", ssh(&[("private_key_file", text("/no/such/key"))]))]).await.expect("nothing is read yet");
    let error = refused(read(&mut world, "127.0.0.1 port 1").await);
    assert!(error.detail.contains("`ssh.private_key_file`") && !error.detail.contains("/no/such/key"), "{error:?}");
}

#[tokio::test]
async fn an_ssh_agent_that_is_to_be_asked_has_to_be_there() {
    let launch = provider().env_remove("SSH_AUTH_SOCK").start().await;
    let mut host = launch.expect("the provider starts");
    let error = refused(host.configure(&Value::object([("ssh", ssh(&[("agent", true.into())]))])).await);
    assert_eq!(error.path.to_string(), "ssh.agent");
    assert!(error.detail.contains("SSH_AUTH_SOCK"), "{error:?}");
}
