//! `justmanage_redis_credentials` as Terraform uses it: opened, renewed, closed, and never mistaken for a user of its own.

use std::time::{Duration, SystemTime};

use justmanage_core::manager::hash_password;
use justmanage_model::Secret;
use tfkit::testing::State;
use tfkit::{Path, Severity, Value};

use crate::world::{USER, World, cluster, get, refused, text, texts};

const CREDENTIALS: &str = "justmanage_redis_credentials";

fn of(cluster: &State, more: &[(&str, Value)]) -> Value {
    let id = [("cluster_id", Value::from(text(&cluster.value, "id")))];
    Value::object([&id, more].concat())
}

#[tokio::test]
async fn whoever_opens_gets_a_user_and_all_that_a_client_needs_until_it_is_closed() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let before = SystemTime::now();
    let mut open = world.host.open(CREDENTIALS, &of(&cluster, &[])).await.expect("open");
    assert!(open.warnings.is_empty(), "{:?}", open.warnings);
    let (name, user) = world.stage.record().users.into_iter().next().expect("a user");
    assert_eq!(text(&open.result, "username"), name.as_str());
    let hash = hash_password(&Secret::new(text(&open.result, "password").to_owned()));
    assert_eq!(user.passwords[0].hash, hash);
    assert_eq!(user.acl.as_str(), "~* &* +@all -@dangerous");
    assert!(user.acl.finds_cluster());
    let endpoints = texts(&open.result, "endpoints");
    assert_eq!(endpoints, texts(&cluster.value, "endpoints"));
    let Value::Number(port) = get(&open.result, "port") else { panic!("a number") };
    assert_eq!(format!("{}:{port}", text(&open.result, "host")), endpoints[0]);
    assert_eq!(get(&open.result, "ca_certificate"), get(&cluster.value, "ca_certificate"));
    let half = open.renew_at.expect("to be renewed").duration_since(before).expect("later");
    assert!(half.abs_diff(Duration::from_secs(1800)) < Duration::from_secs(60), "{half:?}");

    world.stage.change(|record| {
        record.users.values_mut().for_each(|user| {
            user.passwords[0].until = user.passwords[0].until.map(|until| until - Duration::from_secs(1000));
        })
    });
    let until = world.stage.record().users[&name].last_end().expect("an end");
    world.host.renew(&mut open).await.expect("renewed");
    let later = world.stage.record().users[&name].last_end().expect("an end");
    assert!(later >= until + Duration::from_secs(990), "{until} {later}");
    assert!(open.renew_at.is_some());

    world.host.close(&open).await.expect("closed");
    assert!(world.stage.record().users.is_empty());
    world.host.close(&open).await.expect("closed twice");
    let error = refused(world.host.renew(&mut open).await);
    assert_eq!(error.summary, "Temporary user gone");
}

#[tokio::test]
async fn each_one_is_of_its_own_and_ends_by_itself_where_nobody_closes_it() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    let config = of(&cluster, &[("acl", "~app:* +get".into()), ("ttl", "5m".into())]);
    let one = world.host.open(CREDENTIALS, &config).await.expect("open");
    let other = world.host.open(CREDENTIALS, &config).await.expect("open");
    assert_ne!(text(&one.result, "username"), text(&other.result, "username"));
    assert_ne!(text(&one.result, "password"), text(&other.result, "password"));
    assert_eq!(world.stage.record().users.len(), 2);
    world.stage.change(|record| {
        let users = record.users.values_mut();
        users.for_each(|user| user.passwords[0].until = Some(justmanage_model::Timestamp::now()));
    });
    world.refreshed(&cluster).await;
    assert!(world.stage.record().users.is_empty());
}

#[tokio::test]
async fn what_is_not_valid_is_blamed_at_its_attribute_and_a_cluster_that_is_gone_is_said_to_be() {
    let mut world = World::new().await;
    let cluster = world.made(&cluster(&[])).await;
    for (attribute, value) in
        [("acl", "~* >secret"), ("ttl", "4m"), ("ttl", "2d"), ("ttl", "long"), ("cluster_id", "cache")]
    {
        let error = refused(world.host.open(CREDENTIALS, &of(&cluster, &[(attribute, value.into())])).await);
        assert_eq!(error.path, Path::attribute(attribute), "{error:?}");
        assert!(!error.detail.contains("secret"), "{error:?}");
    }
    // Nobody can take its name for a user that stays.
    let user = of(&cluster, &[("name", "justmanage-temporary-0a0a0a0a0a0a0a0a".into()), ("acl", "~*".into())]);
    let found = world.host.validate(USER, &user).await.expect("an answer");
    assert!(found.iter().any(|error| error.path == Path::attribute("name") && error.severity == Severity::Error));

    let open = world.host.open(CREDENTIALS, &of(&cluster, &[])).await.expect("open");
    for node in world.stage.nodes() {
        world.stage.lose(node).expect("gone");
    }
    assert!(world.host.close(&open).await.expect("gone with the cluster").is_empty());
    let error = refused(world.host.open(CREDENTIALS, &of(&cluster, &[])).await);
    assert_eq!((error.summary.as_str(), error.path), ("Cluster not found", Path::attribute("cluster_id")));
}
