//! The data source: a cluster node by node, as it is at this moment.

use tfkit::testing::HostError;
use tfkit::{Path, Value};

use crate::world::{CLUSTER, World, cluster, get, refused, text, texts};

async fn read(world: &mut World, config: &[(&str, Value)]) -> Result<Value, HostError> {
    world.host.read_data_source(CLUSTER, &Value::object(config.iter().cloned())).await
}

/// An attribute of every node.
fn of_nodes(value: &Value, name: &str) -> Vec<Value> {
    get(value, "nodes").as_elements().expect("nodes").iter().map(|node| get(node, name).clone()).collect()
}

#[tokio::test]
async fn a_cluster_is_looked_up_by_its_id_or_by_its_name() {
    let mut world = World::new().await;
    let made = world.made(&cluster(&[])).await;
    let id = text(&made.value, "id").to_owned();
    let by_id = read(&mut world, &[("id", id.as_str().into())]).await.expect("by id");
    let local = Value::object::<&str>([]);
    let by_name = read(&mut world, &[("name", "cache".into()), ("local", local)]).await.expect("by name");
    for found in [&by_id, &by_name] {
        assert_eq!(text(found, "id"), id);
        assert_eq!(text(found, "name"), "cache");
        assert_eq!(text(found, "phase"), "formed");
        assert_eq!(get(found, "converged"), &true.into());
        assert_eq!(texts(found, "slots"), ["0-5461", "5462-10922", "10923-16383"]);
        assert_eq!(texts(found, "endpoints"), texts(&made.value, "endpoints"));
        assert!(text(found, "leader").starts_with("jmn"));
    }
}

#[tokio::test]
async fn nodes_show_their_place_their_role_and_how_they_are() {
    let mut world = World::new().await;
    let made = world.made(&cluster(&[])).await;
    let config = [("id", text(&made.value, "id").into())];
    let found = read(&mut world, &config).await.expect("found");
    let texts_of = |found: &Value, name: &str| -> Vec<String> {
        of_nodes(found, name).iter().map(|value| value.as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(of_nodes(&found, "shard"), [0, 0, 1, 1, 2, 2].map(Value::from));
    assert_eq!(of_nodes(&found, "ordinal"), [0, 1, 0, 1, 0, 1].map(Value::from));
    assert_eq!(texts_of(&found, "state"), ["running"; 6]);
    assert_eq!(texts_of(&found, "version"), ["7.0.15"; 6]);
    let roles = texts_of(&found, "role");
    assert_eq!(roles.iter().filter(|role| *role == "primary").count(), 3);
    let (lag, ids) = (of_nodes(&found, "replication_lag_bytes"), texts_of(&found, "id"));
    for (index, role) in roles.iter().enumerate() {
        let replica = role == "replica";
        assert_eq!(lag[index].is_null(), !replica, "a primary lags behind nobody");
        let other = index ^ 1;
        let of = of_nodes(&found, "replica_of")[index].as_str().map(str::to_owned);
        assert_eq!(of, replica.then(|| ids[other].clone()));
    }
    let replica = world.stage.nodes()[roles.iter().position(|role| role == "replica").expect("a replica")];
    world.stage.promote(replica);
    let after = read(&mut world, &config).await.expect("found");
    assert_ne!(texts_of(&after, "role"), roles, "a failover shows here");

    world.stage.silence(world.stage.nodes()[5]);
    let after = read(&mut world, &config).await.expect("found");
    assert_eq!(texts_of(&after, "state")[5], "unknown");
    assert_eq!(get(&after, "converged"), &false.into());
}

#[tokio::test]
async fn what_is_not_there_or_not_clear_is_an_error() {
    let mut world = World::new().await;
    let local = || Value::object::<&str>([]);
    let error = refused(read(&mut world, &[("name", "cache".into()), ("local", local())]).await);
    assert_eq!(error.summary, "Cluster not found");
    for (config, at) in [
        (vec![], Path::root()),
        (vec![("name", Value::from("cache"))], Path::attribute("local")),
        (vec![("name", "cache".into()), ("id", "local/cache".into()), ("local", local())], Path::attribute("name")),
    ] {
        let error = refused(read(&mut world, &config).await);
        assert_eq!((error.summary.as_str(), error.path), ("Which cluster?", at));
    }
}
