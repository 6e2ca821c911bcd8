//! Import of clusters and users by id and by identity, the list of clusters, and the configuration made of what was found.

use std::collections::BTreeSet;
use std::fs;

use tfkit::testing::{HostError, State};
use tfkit::{Path, Severity, Value};

use crate::world::{CLUSTER, USER, World, cluster, io, one, refused, resources, text};

fn of(parts: &[(&'static str, &str)]) -> Value {
    Value::object(parts.iter().map(|(name, text)| (*name, Value::from(*text))))
}

/// A user's configuration.
fn user(cluster: &str, more: &[(&'static str, Value)]) -> Value {
    let all = [
        ("cluster_id", cluster.into()),
        ("name", "app".into()),
        ("acl", "~app:* +@all".into()),
        ("password_wo", "correct horse battery staple".into()),
    ];
    Value::object(all.into_iter().chain(more.iter().cloned()))
}

/// A cluster with the user `app`; the cluster's id, and the user.
async fn with_user(world: &mut World) -> (String, State) {
    let made = world.made(&cluster(&[])).await;
    let id = text(&made.value, "id").to_owned();
    let user = world.host.create(USER, &user(&id, &[])).await.expect("create");
    (id, user)
}

#[tokio::test]
async fn a_cluster_has_its_platform_and_name_as_identity_for_life() {
    let mut world = World::new().await;
    let made = world.made(&cluster(&[])).await;
    let identity = of(&[("platform", "local"), ("name", "cache")]);
    assert_eq!(made.identity, identity);
    let changed = world.apply(Some(&made), &cluster(&[("memory", "128MiB".into())])).await.state.expect("a state");
    assert_eq!(changed.identity, identity);
    let imported = world.host.import_identity(CLUSTER, &identity).await.expect("import");
    assert_eq!(imported, world.host.import(CLUSTER, "local/cache").await.expect("import"));
    assert_eq!(imported.identity, identity);
    let change = world.plan(Some(&imported), &cluster(&[("memory", "128MiB".into())])).await.expect("plan");
    assert!(change.is_empty(), "{:?}", change.planned);
}

#[tokio::test]
async fn an_identity_that_names_no_cluster_says_why() {
    let mut world = World::new().await;
    for (identity, summary, says) in [
        (of(&[("name", "cache")]), "Identity not complete", "lacks `platform`"),
        (of(&[("platform", "moon"), ("name", "cache")]), "Attribute value not accepted", "is none of: local, servers"),
        (of(&[("platform", "local"), ("name", "Cache")]), "Attribute value not accepted", "C"),
        (of(&[("platform", "local"), ("name", "cache")]), "Cluster cannot be imported", "no cluster local/cache"),
    ] {
        let error = refused(world.host.import_identity(CLUSTER, &identity).await);
        assert_eq!(error.summary, summary, "{identity:?}");
        assert!(error.detail.contains(says), "{error:?}");
    }
}

#[tokio::test]
async fn a_user_is_imported_by_id_and_by_identity_and_keeps_its_password() {
    let mut world = World::new().await;
    let (id, made) = with_user(&mut world).await;
    let identity = of(&[("cluster_id", &id), ("name", "app")]);
    assert_eq!(made.identity, identity);
    let before = world.stage.record().users;

    let by_id = world.host.import(USER, "local/cache/app").await.expect("by the short id");
    let by_whole_id = world.host.import(USER, text(&made.value, "id")).await.expect("by the id of the state");
    let by_identity = world.host.import_identity(USER, &identity).await.expect("by identity");
    for imported in [&by_id, &by_whole_id, &by_identity] {
        assert_eq!((&imported.value, &imported.identity), (&made.value, &identity));
        assert!(world.host.plan(USER, Some(imported), &user(&id, &[])).await.expect("plan").is_empty());
    }

    // Only another version sets the password of the configuration.
    let other = user(&id, &[("acl", "~app:* +@read".into()), ("password_wo", "another password".into())]);
    let changed = world.host.update(USER, &by_id, &other).await.expect("update");
    let now = world.stage.record().users;
    let passwords = |users: &std::collections::BTreeMap<justmanage_model::UserName, justmanage_model::User>| {
        users.values().next().expect("the user").passwords.clone()
    };
    assert_eq!(passwords(&now), passwords(&before));
    let other = user(&id, &[("password_wo", "another password".into()), ("password_wo_version", 1.into())]);
    world.host.update(USER, &changed, &other).await.expect("update");
    assert_ne!(passwords(&world.stage.record().users), passwords(&before));
}

#[tokio::test]
async fn a_user_is_imported_with_what_its_configuration_said_so_that_the_same_is_no_difference() {
    let mut world = World::new().await;
    let made = world.made(&cluster(&[])).await;
    let id = text(&made.value, "id").to_owned();
    let hash = "0a".repeat(32);
    for more in [
        vec![("password_wo_version", Value::from(7)), ("password_grace", "90m".into())],
        vec![("password_wo", Value::Null), ("password_sha256", hash.as_str().into())],
    ] {
        let config = user(&id, &more);
        let made = world.host.create(USER, &config).await.expect("create");
        let imported = world.host.import(USER, "local/cache/app").await.expect("import");
        let change = world.host.plan(USER, Some(&imported), &config).await.expect("plan");
        assert!(change.is_empty(), "{:?} -> {:?}", imported.value, change.planned);
        world.host.destroy(USER, &made).await.expect("destroy");
    }
}

#[tokio::test]
async fn a_user_by_the_short_name_of_its_cluster_stays_spelt_so() {
    let mut world = World::new().await;
    let (_, made) = with_user(&mut world).await;
    let identity = of(&[("cluster_id", "local/cache"), ("name", "app")]);
    let imported = world.host.import_identity(USER, &identity).await.expect("import");
    assert_eq!((text(&imported.value, "cluster_id"), &imported.identity), ("local/cache", &identity));
    assert_eq!(text(&imported.value, "acl"), text(&made.value, "acl"));
    assert!(world.host.plan(USER, Some(&imported), &user("local/cache", &[])).await.expect("plan").is_empty());
}

#[tokio::test]
async fn an_import_of_no_user_says_why() {
    let mut world = World::new().await;
    with_user(&mut world).await;
    for (id, summary, says) in [
        ("app", "Import id not valid", "local/cache/app"),
        ("cache/app", "Import id not valid", "must begin with a platform"),
        ("local/cache/jmc0123456789abcdef/a b", "Import id not valid", "local/cache/app"),
        ("local/other/app", "User cannot be imported", "no cluster local/other"),
        ("local/cache/worker", "User cannot be imported", "it has app"),
        ("local/cache/jmc0123456789abcdef/app", "User cannot be imported", "no cluster"),
    ] {
        let error = refused(world.host.import(USER, id).await);
        assert_eq!(error.summary, summary, "{id}");
        assert!(error.detail.contains(says), "{error:?}");
    }
    for node in world.stage.nodes() {
        world.stage.silence(node);
    }
    assert_eq!(refused(world.host.import(USER, "local/cache/app").await).summary, "Agent not reachable");
}

#[tokio::test]
async fn the_clusters_of_this_machine_are_listed_with_what_they_are_like() {
    let mut world = World::new().await;
    let (none, _) = world.host.list(CLUSTER, &Value::Null, 100, true).await.expect("list");
    assert!(none.is_empty());
    world.made(&cluster(&[])).await;
    let nodes = world.stage.nodes();
    world.made(&cluster(&[("name", "another".into()), ("on_crash", "restart".into())])).await;

    let (found, warnings) = world.host.list(CLUSTER, &Value::object::<&str>([]), 100, true).await.expect("list");
    assert!(warnings.is_empty(), "{warnings:?}");
    let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["another", "cache"]);
    for one in &found {
        let imported = world.host.import_identity(CLUSTER, &one.identity).await.expect("import");
        assert_eq!(one.object.as_ref(), Some(&imported.value));
    }
    let (found, _) = world.host.list(CLUSTER, &Value::Null, 1, false).await.expect("list");
    assert_eq!((found.len(), &found[0].object), (1, &None));

    // Who cannot be asked is listed, and said to be silent.
    for node in nodes {
        world.stage.silence(node);
    }
    let (found, warnings) = world.host.list(CLUSTER, &Value::Null, 100, true).await.expect("list");
    let seen: Vec<bool> = found.iter().map(|one| one.object.is_some()).collect();
    assert_eq!(seen, [true, false], "{found:?}");
    let warning = one(&warnings, Severity::Warning);
    assert!(warning.detail.contains("local/cache is listed without"), "{warning:?}");
}

/// The type that an example of a list names, and the names that it sets, in the block and in its `config`.
fn listed(example: &str) -> (&str, Vec<&str>, Vec<&str>) {
    let (_, block) = example.split_once("list \"").expect("a list");
    let (kind, block) = block.split_once('"').expect("a type");
    let (outer, config) = block.split_once("config {").unwrap_or((block, ""));
    (kind, assigned(outer), assigned(config))
}

fn assigned(block: &str) -> Vec<&str> {
    block.lines().filter_map(|line| Some(line.split_once('=')?.0.trim())).collect()
}

#[tokio::test]
async fn every_list_has_an_example_that_lists() {
    let mut world = World::new().await;
    world.made(&cluster(&[])).await;
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/list-resources");
    let folders = fs::read_dir(examples).expect("examples").map(|entry| entry.expect("an example").file_name());
    let folders: BTreeSet<String> = folders.map(|name| name.into_string().expect("a type's name")).collect();
    let lists = world.host.schemas().await.expect("schemas").lists.clone();
    assert_eq!(folders, lists.keys().cloned().collect());
    for folder in &folders {
        let example = fs::read_to_string(format!("{examples}/{folder}/list-resource.tfquery.hcl")).expect("an example");
        let (kind, arguments, config) = listed(&example);
        assert_eq!(kind, folder);
        assert!(arguments.iter().all(|name| ["provider", "include_resource", "limit"].contains(name)), "{arguments:?}");
        let known = |name: &&str| lists[kind].block.attributes.iter().any(|attribute| attribute.name == *name);
        assert!(config.iter().all(known), "{config:?}");
        let (found, _) = world.host.list(kind, &Value::Null, 100, false).await.expect("list");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[tokio::test]
async fn the_configuration_made_of_a_cluster_is_valid_and_plans_nothing() {
    let mut world = World::new().await;
    let more = [
        ("resources", resources(&[("cpu", "1.5".into()), ("io", io("weight", 200.into()))])),
        ("config", Value::map([("maxmemory-policy", "allkeys-lru".into())])),
        ("metrics_readers", Value::set_of([Value::from(format!("sha256:{}", "0a".repeat(32)))])),
    ];
    world.made(&cluster(&more)).await;
    let imported = world.host.import(CLUSTER, "local/cache").await.expect("import");
    let config = world.host.generate_config(CLUSTER, &imported).await.expect("a configuration");
    assert!(world.host.validate(CLUSTER, &config).await.expect("an answer").is_empty());
    assert!(world.plan(Some(&imported), &config).await.expect("plan").is_empty());
    for (name, written) in [("id", false), ("endpoints", false), ("on_crash", false), ("shards", true), ("local", true)]
    {
        let value = config.get(&Path::attribute(name)).expect("it is of the schema");
        assert_eq!(!value.is_null(), written, "{name}");
    }
}

#[tokio::test]
async fn no_other_type_becomes_ours_by_a_move() {
    let mut world = World::new().await;
    let from = ("registry.terraform.io/hashicorp/aws", "aws_elasticache_replication_group");
    let error = match world.host.move_state(from, (1, "{}"), CLUSTER).await {
        Err(HostError::Diagnostics(found)) => one(&found, Severity::Error),
        other => panic!("no error, but {other:?}"),
    };
    assert_eq!(error.summary, "Move not supported");
    assert!(error.detail.contains("aws_elasticache_replication_group of registry.terraform.io/hashicorp/aws"));
}
