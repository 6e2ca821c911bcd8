//! What a plan says: refusals at the attribute that is wrong, and what the user should know before they say yes.

use justmanage_model::{Bytes, Engine, PackageRevision, Release};
use tfkit::testing::HostError;
use tfkit::{Path, Severity, Value};

use crate::world::{World, cluster, io, one, refused, resources};

#[tokio::test]
async fn what_cannot_be_changed_is_refused_by_the_plan() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let name = ("name", Value::from("other"));
    let error = refused(world.plan(Some(&state), &cluster(std::slice::from_ref(&name))).await);
    assert_eq!((error.summary.as_str(), error.path), ("Change not possible in place", Path::attribute("name")));
    let many = cluster(&[("shards", 100.into()), ("replicas_per_shard", 0.into())]);
    let error = refused(world.plan(Some(&state), &many).await);
    assert_eq!((error.summary.as_str(), error.path), ("Too many nodes on the way", Path::attribute("shards")));
    assert!(error.detail.contains("103 of them, and 100 are possible"), "{}", error.detail);
    // Another version can be gone over to, where there is one.
    let version = cluster(&[("version", "7.2".into())]);
    let error = refused(world.plan(Some(&state), &version).await);
    assert_eq!((error.summary.as_str(), &error.path), ("Server program not found", &Path::attribute("version")));
}

#[tokio::test]
async fn what_can_be_changed_is_changed() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let config = cluster(&[
        ("memory", "128MiB".into()),
        ("on_crash", "restart".into()),
        ("resources", resources(&[("cpu", "0.5".into()), ("memory", "1GiB".into())])),
        ("metrics_readers", Value::set_of([Value::from(format!("sha256:{}", "0a".repeat(32)))])),
        ("config", Value::map([("maxmemory-policy", "allkeys-lru".into())])),
    ]);
    let done = world.apply(Some(&state), &config).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    let spec = world.stage.record().spec;
    assert_eq!(spec.on_crash, justmanage_model::OnCrash::Restart);
    assert_eq!(spec.resources.cpu.expect("a limit").get(), 500);
    assert_eq!(spec.memory_limit(), justmanage_model::Bytes::mib(1024));
    assert_eq!(spec.metrics_readers.len(), 1);
    let state = world.refreshed(&done.state.expect("a state")).await;
    assert!(world.plan(Some(&state), &config).await.expect("plan").is_empty());
    let respelled = cluster(&[
        ("memory", "131072KiB".into()),
        ("on_crash", "restart".into()),
        ("resources", resources(&[("cpu", "500m".into()), ("memory", "1024MiB".into())])),
        ("metrics_readers", Value::set_of([Value::from(format!("sha256:{}", "0a".repeat(32)))])),
        ("config", Value::map([("maxmemory-policy", "allkeys-lru".into())])),
    ]);
    assert!(world.plan(Some(&state), &respelled).await.expect("plan").is_empty(), "another spelling is no change");
}

#[tokio::test]
async fn a_version_may_be_pinned_to_what_runs_and_let_go_again() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let pinned = cluster(&[("version", "7.0.15".into())]);
    let done = world.apply(Some(&state), &pinned).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert_eq!(world.stage.record().spec.version.to_string(), "7.0.15");
    let done = world.apply(done.state.as_ref(), &cluster(&[])).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert_eq!(world.stage.record().spec.version.to_string(), "7.0");
    assert_eq!(world.stage.record().release.version, "7.0.15".parse().expect("a version"), "nothing else runs");
}

#[tokio::test]
async fn a_change_that_restarts_servers_or_may_not_hold_the_data_says_so() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[("memory", "256MiB".into())])).await;
    let with = |memory: &str, key: &str| {
        cluster(&[("memory", memory.into()), ("config", Value::map([(key, Value::from("2"))]))])
    };
    let live = world.plan(Some(&state), &with("256MiB", "hz")).await.expect("plan");
    assert!(!live.is_empty() && live.warnings.is_empty(), "{:?}", live.warnings);
    let restart = world.plan(Some(&state), &with("256MiB", "io-threads")).await.expect("plan");
    let warning = one(&restart.warnings, Severity::Warning);
    assert_eq!(warning.summary, "Rolling restart");
    assert_eq!(warning.path, Path::attribute("config").key("io-threads"));

    let fullest = world.stage.nodes()[2];
    world.stage.promote(fullest);
    world.stage.uses(fullest, Bytes::mib(100));
    let fits = world.plan(Some(&state), &cluster(&[("memory", "128MiB".into())])).await.expect("plan");
    assert!(fits.warnings.is_empty(), "{:?}", fits.warnings);
    let less = |policy: &str| {
        cluster(&[("memory", "64MiB".into()), ("config", Value::map([("maxmemory-policy", policy.into())]))])
    };
    for policy in ["noeviction", "volatile-lru"] {
        let error = refused(world.plan(Some(&state), &less(policy)).await);
        assert_eq!(
            (error.summary.as_str(), &error.path),
            ("Data do not fit into less memory", &Path::attribute("memory"))
        );
        assert!(error.detail.contains("uses 100 MiB") && error.detail.contains("Set memory to 100MiB"), "{error:?}");
    }
    let evicts = world.plan(Some(&state), &less("allkeys-lru")).await.expect("plan");
    let warning = one(&evicts.warnings, Severity::Warning);
    assert_eq!(warning.path, Path::attribute("memory"));
    assert!(warning.detail.contains("removes keys by that policy, at once: about 36 MiB"), "{}", warning.detail);
}

/// A new authority by this word, with this grace.
#[tokio::test]
async fn resources_are_blamed_at_the_attribute_that_is_wrong_with_the_figures() {
    let mut world = World::new().await;
    let mut judged = async |resources: Value| {
        let errors = world.host.validate(crate::world::CLUSTER, &cluster(&[("resources", resources)])).await;
        let errors: Vec<_> =
            errors.expect("an answer").into_iter().filter(|one| one.severity == Severity::Error).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.into_iter().next().expect("one")
    };
    let of = || Path::attribute("resources");
    let error = judged(resources(&[("memory", "319MiB".into())])).await;
    assert_eq!((error.summary.as_str(), error.path), ("Less memory than the data can need", of().attr("memory")));
    let figures = [
        "memory = 64MiB can need 320MiB",
        "64MiB of data",
        "64MiB for what replicas",
        "128MiB for itself",
        "resources.memory = 319MiB",
    ];
    assert!(figures.iter().all(|words| error.detail.contains(words)), "{}", error.detail);
    let error = judged(resources(&[("cpu", "0".into())])).await;
    assert_eq!(error.path, of().attr("cpu"));
    for (name, value) in [
        ("read_bandwidth", Value::from("1KiB")),
        ("write_iops", 9.into()),
        ("weight", 0.into()),
        ("read_iops", (-1).into()),
    ] {
        let error = judged(resources(&[("io", io(name, value))])).await;
        assert_eq!(error.path, of().attr("io").attr(name), "{}", error.detail);
    }
    // What is enough for the data is, to the byte.
    let enough = cluster(&[("resources", resources(&[("memory", "320MiB".into())]))]);
    assert!(world.host.validate(crate::world::CLUSTER, &enough).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn resources_are_changed_live_and_less_memory_than_servers_use_is_refused() {
    let mut world = World::new().await;
    let of = |memory: &str, rate: &str| {
        let io = io("read_bandwidth", rate.into());
        cluster(&[("resources", resources(&[("cpu", "1".into()), ("memory", memory.into()), ("io", io)]))])
    };
    let state = world.made(&of("1GiB", "20MiB")).await;
    let plan = world.plan(Some(&state), &of("512MiB", "30MiB")).await.expect("plan");
    assert_eq!(crate::world::texts(&plan.planned, "impact"), ["resources.memory: live", "resources.io: live"]);
    // As servers can: what replicas have not been sent counts as used, and not against `memory`.
    let fullest = world.stage.nodes()[0];
    world.stage.uses(fullest, Bytes::mib(200));
    let error = refused(world.plan(Some(&state), &of("512MiB", "20MiB")).await);
    assert_eq!(
        (error.summary.as_str(), error.path),
        ("Servers do not fit into less memory", Path::attribute("resources").attr("memory"))
    );
    let figures =
        ["uses 200 MiB", "are 528 MiB", "would have 512MiB instead of 1GiB", "resources.memory to 528MiB or more"];
    assert!(figures.iter().all(|words| error.detail.contains(words)), "{}", error.detail);
    assert!(world.plan(Some(&state), &of("528MiB", "20MiB")).await.is_ok());
}

fn rotate(word: &str, grace: &str) -> Value {
    Value::object([
        ("certificates", Value::Null),
        ("authority", word.into()),
        ("replication_password", Value::Null),
        ("authority_grace", grace.into()),
    ])
}

#[tokio::test]
async fn a_rotation_is_asked_for_once_and_spelt_as_one_likes() {
    let mut world = World::new().await;
    let state = world.made(&cluster(&[])).await;
    let asks = cluster(&[("rotate", rotate("2026-11", "24h"))]);
    let plan = world.plan(Some(&state), &asks).await.expect("plan");
    assert!(
        crate::world::get(&plan.planned, "ca_certificate").is_unknown(),
        "it may be another one: {:?}",
        plan.planned
    );
    let done = world.apply(Some(&state), &asks).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    let asked = world.stage.record().spec.rotate;
    assert_eq!(asked.authority.as_deref(), Some("2026-11"));
    let state = world.refreshed(&done.state.expect("a state")).await;
    let said = crate::world::texts(&state.value, "impact");
    assert_eq!(said, ["rotate.authority: live", "rotate.authority_grace: live"]);
    for same in [asks, cluster(&[("rotate", rotate("2026-11", "1d"))])] {
        assert!(world.plan(Some(&state), &same).await.expect("plan").is_empty(), "it was asked for before");
    }
    // Nothing is asked for any more, and nothing is taken back.
    let done = world.apply(Some(&state), &cluster(&[])).await;
    assert!(done.diagnostics.is_empty(), "{:?}", done.diagnostics);
    assert!(world.stage.record().spec.rotate.is_nothing());
}

#[tokio::test]
async fn what_is_not_valid_is_blamed_at_its_attribute() {
    let mut world = World::new().await;
    for (attribute, value) in [
        ("replicas_per_shard", Value::from(6)),
        ("replicas_per_shard", (-1).into()),
        ("shards", 0.into()),
        ("shards", 51.into()),
        ("on_crash", "panic".into()),
        ("resources", resources(&[("cpu", "many".into())])),
        ("resources", resources(&[("cpu", "0".into())])),
        ("resources", resources(&[("memory", "lots".into())])),
        ("resources", resources(&[("memory", "64MiB".into())])),
        ("resources", resources(&[("io", io("write_bandwidth", "fast".into()))])),
        ("resources", resources(&[("io", io("write_bandwidth", "1KiB".into()))])),
        ("resources", resources(&[("io", io("read_iops", 1.into()))])),
        ("resources", resources(&[("io", io("read_iops", (-1).into()))])),
        ("resources", resources(&[("io", io("weight", 10_001.into()))])),
        ("metrics_readers", Value::set_of(["me"])),
        ("operator_keys", Value::set_of(["me"])),
        ("memory", "1MiB".into()),
        ("rotate", rotate("", "24h")),
        ("rotate", rotate("2026-11", "91d")),
        ("rotate", rotate("2026-11", "soon")),
    ] {
        let errors = world.host.validate(crate::world::CLUSTER, &cluster(&[(attribute, value.clone())])).await;
        let errors = errors.expect("an answer");
        let error = errors.iter().find(|error| error.severity == Severity::Error);
        let error = error.unwrap_or_else(|| panic!("{attribute} = {value:?} is fine?"));
        assert!(error.path.to_string().starts_with(attribute), "{error:?}");
    }
}

#[tokio::test]
async fn a_shape_that_cannot_stand_much_is_warned_of_when_it_is_chosen() {
    let mut world = World::new().await;
    for (shards, replicas, says) in [(1, 1, "Two nodes will not survive"), (3, 0, "No copy of the data")] {
        let config = cluster(&[("shards", shards.into()), ("replicas_per_shard", replicas.into())]);
        let change = world.plan(None, &config).await.expect("plan");
        assert!(one(&change.warnings, Severity::Warning).summary.contains(says), "{:?}", change.warnings);
    }
    for (shards, replicas) in [(2, 1), (1, 2), (3, 1)] {
        let config = cluster(&[("shards", shards.into()), ("replicas_per_shard", replicas.into())]);
        assert!(world.plan(None, &config).await.expect("plan").warnings.is_empty(), "{shards} x {replicas}");
    }
}

#[tokio::test]
async fn an_exact_pin_below_a_fix_is_a_warning_and_no_difference() {
    let mut world = World::new().await;
    world.stage.add_redis("7.0.11".parse().expect("a version")).expect("a program");
    let pinned = cluster(&[("version", "7.0.11".into())]);
    let change = world.plan(None, &pinned).await.expect("plan");
    let warning = one(&change.warnings, Severity::Warning);
    assert!(warning.summary.contains("known holes") && warning.detail.contains("CVE-"), "{warning:?}");
    assert_eq!(warning.path, Path::attribute("version"));

    let state = world.made(&pinned).await;
    let holes = crate::world::texts(&state.value, "known_vulnerabilities");
    assert!(holes.iter().any(|hole| hole.starts_with("CVE-") && hole.contains("fixed in")), "{holes:?}");
    let state = world.refreshed(&state).await;
    let change = world.plan(Some(&state), &pinned).await.expect("plan");
    assert!(change.is_empty());
    assert!(one(&change.warnings, Severity::Warning).summary.contains("known holes"));
}

#[tokio::test]
async fn a_line_whose_program_at_hand_lacks_a_fix_is_told_which_package_has_it() {
    let mut world = World::new().await;
    world.stage.add_program(crate::world::debian("5:7.0.15-1~deb12u9"), true).expect("a program");
    let says = |warnings: &tfkit::Diagnostics| {
        let warning = one(warnings, Severity::Warning);
        assert_eq!(
            (warning.summary.as_str(), &warning.path),
            ("Server program has known holes", &Path::attribute("version"))
        );
        let closes = "The package 5:7.0.15-1~deb12u10 closes all of them";
        assert!(warning.detail.contains("CVE-2026-81934") && warning.detail.contains(closes), "{warning:?}");
    };
    says(&world.plan(None, &cluster(&[])).await.expect("plan").warnings);
    let made = world.host.plan(crate::world::CLUSTER, None, &cluster(&[])).await.expect("plan");
    let made = world.host.apply(&made).await.expect("lawful").state.expect("a state");
    let state = world.refreshed(&made).await;
    let change = world.plan(Some(&state), &cluster(&[])).await.expect("plan");
    assert!(change.is_empty(), "a hole is no difference");
    says(&change.warnings);
}

#[tokio::test]
async fn a_line_that_ended_is_said_when_it_is_chosen_and_not_in_every_plan_after() {
    let mut world = World::new().await;
    world.stage.add_redis("7.0.15".parse().expect("a version")).expect("a program");
    let change = world.plan(None, &cluster(&[])).await.expect("plan");
    let warning = one(&change.warnings, Severity::Warning);
    assert!(
        warning.detail.contains("ended it on 2024-07-29") && warning.detail.contains("redis 7.2.16"),
        "{warning:?}"
    );
    let state = world.made(&cluster(&[])).await;
    assert!(!crate::world::texts(&state.value, "known_vulnerabilities").is_empty(), "it is in the state");
    let state = world.refreshed(&state).await;
    assert_eq!(world.plan(Some(&state), &cluster(&[])).await.expect("plan").warnings, Default::default());
}

#[tokio::test]
async fn a_distributions_package_whose_fixes_are_not_known_is_no_alarm() {
    let mut world = World::new().await;
    let package: PackageRevision = "5:7.0.11-1~made.up1".parse().expect("a revision");
    let version = "7.0.11".parse().expect("a version");
    let release = Release { engine: Engine::Redis, version, package: Some(package) };
    world.stage.add_program(release, true).expect("a program");
    let pinned = cluster(&[("version", "7.0.11".into())]);
    assert!(world.plan(None, &pinned).await.expect("plan").warnings.is_empty());
    let state = world.made(&pinned).await;
    assert_eq!(crate::world::texts(&state.value, "known_vulnerabilities"), Vec::<String>::new());
    let state = world.refreshed(&state).await;
    assert!(world.plan(Some(&state), &pinned).await.expect("plan").warnings.is_empty());
}

#[tokio::test]
async fn test_switches_are_said_on_every_plan_and_nothing_goes_without_them() {
    let mut world = World::new().await;
    world
        .stage
        .add_program(Release::new(Engine::Redis, "6.2.14".parse().expect("a version")), false)
        .expect("a program");
    let old = cluster(&[("version", "6.2".into())]);
    let error = refused(world.plan(None, &old).await);
    assert_eq!((error.summary.as_str(), error.path), ("Version line not offered", Path::attribute("version")));

    let switches = Value::object([("plaintext", true.into()), ("old_releases", true.into())]);
    world.restart(&[]).await;
    let warnings = world.configure(&[("testing", switches)]).await.expect("configure");
    let said: Vec<&str> = warnings.iter().map(|warning| warning.summary.as_str()).collect();
    assert_eq!(said, ["Test switch is on", "Test switch is on"]);
    let state = world.made(&old).await;
    assert_eq!(crate::world::text(&state.value, "version_actual"), "6.2.14");
    assert!(world.stage.record().spec.testing.plaintext);

    let only_old = Value::object([("old_releases", true.into())]);
    world.restart(&[("testing", only_old)]).await;
    let failed = world.apply(Some(&state), &cluster(&[("version", "6.2".into()), ("memory", "128MiB".into())])).await;
    assert_eq!(one(&failed.diagnostics, Severity::Error).summary, "Testing switches differ");
}

#[tokio::test]
async fn a_program_without_tls_is_not_taken() {
    let mut world = World::new().await;
    let bare = Release::new(Engine::Redis, "7.2.4".parse().expect("a version"));
    world.stage.add_program(bare, false).expect("a program");
    let error = refused(world.plan(None, &cluster(&[("version", "7.2".into())])).await);
    assert_eq!(error.summary, "Server program not found");
    assert!(matches!(world.plan(None, &cluster(&[])).await, Ok(_) | Err(HostError::Violations(..))));
}
