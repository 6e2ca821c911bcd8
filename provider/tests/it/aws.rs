//! Instances of AWS: what the provider says of them at a cluster and in its own blocks, as far as that goes without AWS.

use tfkit::{Path, Value};

use crate::world::{CLUSTER, World, cluster, refused};

/// A cluster of three shards with a replica each on instances.
fn on(aws: &[(&str, Value)], more: &[(&str, Value)]) -> Value {
    let usual: [(&str, Value); 2] = [("region", "eu-central-1".into()), ("operator_cidrs", set(&["192.0.2.7/32"]))];
    let mut all: std::collections::BTreeMap<&str, Value> = usual.into();
    all.extend(aws.iter().cloned());
    cluster(&[&[("local", Value::Null), ("aws", Value::object(all))], more].concat())
}

fn set(texts: &[&str]) -> Value {
    Value::set_of(texts.iter().copied())
}

#[tokio::test]
async fn what_is_asked_of_instances_is_judged_at_its_attribute() {
    let mut world = World::new().await;
    let map = |key: &str, value: &str| Value::map([(key, Value::from(value))]);
    for (name, value, at, says) in [
        ("region", "eu-central-1".into(), "", ""),
        ("region", Value::from("eu-central-1a"), "aws.region", "A zone has a letter more"),
        ("subnets", set(&["subnet-0123456789abcdef0"]), "", ""),
        ("subnets", set(&["vpc-0123456789abcdef0"]), "aws.subnets", "none"),
        ("subnets", set(&[]), "aws.subnets", "The list is empty"),
        ("allowed_cidrs", set(&["10.0.0.0/8", "2001:db8::/32"]), "", ""),
        ("allowed_cidrs", set(&["10.0.0.7/8"]), "aws.allowed_cidrs", "the network of that length is 10.0.0.0/8"),
        ("operator_cidrs", set(&["my-laptop"]), "aws.operator_cidrs", "\"my-laptop\" is no network"),
        ("operator_cidrs", set(&[]), "aws.operator_cidrs", "Nobody could reach the agents"),
        ("allowed_security_groups", set(&["web"]), "aws.allowed_security_groups", "sg-0123456789abcdef0"),
        ("instance_types", Value::list(["r7g.large"]), "", ""),
        ("instance_types", Value::list(["large"]), "aws.instance_types[0]", "Write it as r7g.large"),
        ("image", "ubuntu".into(), "", ""),
        ("image", "ami-0123456789abcdef0".into(), "aws.image", "Images of your own are `images`"),
        ("images", map("x86_64", "ami-0123456789abcdef0"), "", ""),
        ("images", map("amd64", "ami-0123456789abcdef0"), "aws.images[\"amd64\"]", "Write x86_64 or aarch64"),
        ("images", map("x86_64", "debian-12"), "aws.images[\"x86_64\"]", "ami-"),
        ("disk", "20GiB".into(), "", ""),
        ("disk", "20000MiB".into(), "aws.disk", "no number of whole GiB"),
        ("tags", map("team", "storage"), "", ""),
        ("tags", map("jm:node", "mine"), "aws.tags[\"jm:node\"]", "ours (jm:)"),
        ("tags", map("AWS:mine", "x"), "aws.tags[\"AWS:mine\"]", "AWS' own"),
    ] {
        let said = world.errors(CLUSTER, &on(&[(name, value)], &[])).await;
        assert_eq!(said.len(), usize::from(!at.is_empty()), "{name} {says}: {said:?}");
        assert!(said.iter().all(|(path, detail)| path == at && detail.contains(says)), "{at} {says}: {said:?}");
    }
    let both = on(&[("image", "debian".into()), ("images", map("x86_64", "ami-0123456789abcdef0"))], &[]);
    let said = world.errors(CLUSTER, &both).await;
    assert!(said.len() == 1 && said[0].0 == "aws.images", "{said:?}");
    let twice = on(&[], &[("servers", Value::object([("pool", Value::from("10.0.0.1"))]))]);
    let said = world.errors(CLUSTER, &twice).await;
    assert!(said.iter().any(|(path, detail)| path == "aws" && detail.contains("`servers` and `aws`")), "{said:?}");
    let unknown = on(&[("subnets", Value::unknown()), ("operator_cidrs", Value::unknown())], &[]);
    assert_eq!(world.errors(CLUSTER, &unknown).await, []);
    world.plan(None, &unknown).await.expect("it is judged when it is known");
}

#[tokio::test]
async fn a_plan_needs_the_operator_key_and_a_program_that_machines_can_be_given() {
    let mut world = World::new().await;
    let nowhere = tempfile::tempdir().expect("a directory").path().join("operator.key");
    world.restart(&[("operator_key", nowhere.to_str().expect("UTF-8").into())]).await;
    let missing = refused(world.plan(None, &on(&[], &[])).await);
    assert_eq!(missing.summary, "No operator key", "{missing:?}");
    world.restart(&[]).await;
    // What is on this machine is of no use there.
    let here = refused(world.plan(None, &on(&[], &[])).await);
    assert_eq!(
        (here.summary.as_str(), &here.path),
        ("Server program not found", &Path::attribute("version")),
        "{here:?}"
    );
    let url = |version: &str| {
        let entry = [("url", "https://mirror/redis.tar.gz".into()), ("sha256", "ab".repeat(32).as_str().into())];
        let what = [("engine", Value::from("redis")), ("version", Value::from(version))];
        Value::list([Value::object(entry.into_iter().chain(what))])
    };
    world.restart(&[("artifacts", url("7.0.15"))]).await;
    let plan = world.plan(None, &on(&[], &[])).await.expect("it is fetched when it is applied");
    assert!(plan.warnings.iter().all(|warning| warning.summary != "Server program not found"), "{:?}", plan.warnings);
    // A cluster that is here does not move there.
    world.restart(&[]).await;
    let state = world.made(&cluster(&[])).await;
    let error = refused(world.plan(Some(&state), &on(&[], &[])).await);
    assert_eq!((error.summary.as_str(), &error.path), ("Change not possible in place", &Path::attribute("aws")));
}

#[tokio::test]
async fn where_agents_are_fetched_and_how_aws_is_asked_is_judged_at_its_attribute() {
    let mut world = World::new().await;
    let source = |parts: &[(&'static str, &str)]| {
        Value::object(parts.iter().map(|(name, text)| (*name, Value::from(*text))).collect::<Vec<_>>())
    };
    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    for (sources, at) in [
        (vec![source(&[("url", "https://mirror/agent")])], None),
        (vec![source(&[("url", "https://mirror/agent"), ("machine", "aarch64"), ("sha256", &one)])], None),
        (vec![source(&[("url", "file:///srv/agent")])], Some("agents[0].url")),
        (vec![source(&[("url", "https://mirror/my agent")])], Some("agents[0].url")),
        (vec![source(&[("url", "https://mirror/agent"), ("sha256", "abc")])], Some("agents[0].sha256")),
        (vec![source(&[("url", "https://mirror/agent"), ("machine", "riscv64")])], Some("agents[0].machine")),
        (vec![source(&[("url", "https://mirror/agent"), ("machine", "aarch64")])], Some("agents[0].sha256")),
        (
            vec![
                source(&[("url", "https://one/agent"), ("sha256", &one)]),
                source(&[("url", "https://two/agent"), ("sha256", &other)]),
            ],
            Some("agents[1].sha256"),
        ),
    ] {
        let answer = world.configure(&[("agents", Value::list(sources.clone()))]).await;
        match at {
            None => drop(answer.unwrap_or_else(|error| panic!("{sources:?}: {error:?}"))),
            Some(at) => assert_eq!(refused(answer).path.to_string(), at, "{sources:?}"),
        }
    }
    for (settings, at) in [
        (source(&[("access_key", "AKIA"), ("secret_key", "hidden-word")]), None),
        (source(&[("endpoint", "https://vpce.example")]), None),
        (source(&[("access_key", "AKIA")]), Some("aws.access_key")),
        (source(&[("secret_key", "hidden-word")]), Some("aws.secret_key")),
        (source(&[("session_token", "hidden-word")]), Some("aws.session_token")),
        (source(&[("endpoint", "vpce.example")]), Some("aws.endpoint")),
    ] {
        let answer = world.configure(&[("aws", settings.clone())]).await;
        match at {
            None => drop(answer.unwrap_or_else(|error| panic!("{settings:?}: {error:?}"))),
            Some(at) => {
                let error = refused(answer);
                assert_eq!(error.path.to_string(), at, "{settings:?}");
                assert!(!error.detail.contains("hidden"), "{error:?}");
            }
        }
    }
}
