//! What a change does to servers that run, by the configuration before and after and by the state alone: a plan is made twice, and
//! says the same both times.

use justmanage_core::manager::temporary;
use justmanage_model::{ClusterSpec, ReleaseTarget, Version};

use super::super::resources;
use super::shape;
use super::warnings::handovers;

/// What each part of the change does, a sentence each; none where nothing changes that servers notice. `running`: the version that all
/// servers run, by the state; `None` where it was not seen, or where they are on their way from one to another.
pub(super) fn impact(from: &ClusterSpec, to: &ClusterSpec, running: Option<Version>) -> Vec<String> {
    let mut said: Vec<String> = release(from, to, running).into_iter().collect();
    if from.shards != to.shards {
        let slots = shape::count(&shape::moves(from, to, None));
        said.push(format!("shards {} -> {}: data move ({slots} slots)", from.shards, to.shards));
    }
    if from.replicas_per_shard != to.replicas_per_shard {
        said.push(format!("replicas_per_shard {} -> {}: live", from.replicas_per_shard, to.replicas_per_shard));
    }
    if from.spares != to.spares {
        said.push(format!("spares {} -> {}: live", from.spares, to.spares));
    }
    if from.memory != to.memory {
        said.push(format!("memory {} -> {}: live", from.memory, to.memory));
    }
    let restarts = justmanage_releases::restarts(to.engine, to.version.line(), &from.config, &to.config);
    let keys = from.config.keys().chain(to.config.keys()).collect::<std::collections::BTreeSet<_>>();
    for key in keys.into_iter().filter(|key| from.config.get(*key) != to.config.get(*key)) {
        let how = if restarts.contains(key) { roll(to) } else { "live".to_owned() };
        said.push(format!("config {key}: {how}"));
    }
    let live = [
        ("surge", from.surge != to.surge),
        ("spare_after", from.spare_patience() != to.spare_patience()),
        ("on_crash", from.on_crash != to.on_crash),
        ("metrics_readers", from.metrics_readers != to.metrics_readers),
        ("operator_keys", from.operator_keys != to.operator_keys),
        ("maintenance_window", from.maintenance_window != to.maintenance_window),
        ("apply", from.apply != to.apply),
        ("approved_version", from.approved_version != to.approved_version),
        ("backup_now", from.backup_now != to.backup_now),
        ("backup_policy", from.backup_policy != to.backup_policy),
        ("rotate.certificates", from.rotate.certificates != to.rotate.certificates),
        ("rotate.authority", from.rotate.authority != to.rotate.authority),
        ("rotate.replication_password", from.rotate.replication_password != to.rotate.replication_password),
        ("rotate.authority_grace", from.rotate.authority_grace != to.rotate.authority_grace),
    ];
    let live = live.into_iter().chain(resources::changes(from, to));
    said.extend(live.filter(|(_, changed)| *changed).map(|(name, _)| format!("{name}: live")));
    said
}

/// What another release does. To say otherwise which one is wanted ("7.2" or "7.2.4") is nothing to servers that run it; from a line to
/// one of its patches, only what runs can tell.
fn release(from: &ClusterSpec, to: &ClusterSpec, running: Option<Version>) -> Option<String> {
    if (from.engine, from.version) == (to.engine, to.version) {
        return None;
    }
    let running = running.filter(|_| from.engine == to.engine);
    if running.is_some_and(|running| to.version.admits(running)) {
        return Some(format!("version {} -> {}: live", from.version, to.version));
    }
    let goes_over =
        |before: String| Some(format!("{} {before} -> {} {}: {}", from.engine, to.engine, to.version, change(to)));
    match (from.version, running) {
        // What a line stands for here.
        (ReleaseTarget::LatestPatch { .. }, Some(running)) if from.version.line() == to.version.line() => {
            goes_over(running.to_string())
        }
        (ReleaseTarget::Exactly(_), None) if matches!(to.version, ReleaseTarget::Exactly(_)) => {
            goes_over(from.version.to_string())
        }
        (_, None) if from.engine == to.engine && from.version.line() == to.version.line() => None,
        _ => goes_over(from.version.to_string()),
    }
}

/// How servers go over to another release.
fn change(spec: &ClusterSpec) -> String {
    match temporary(spec) {
        0 => roll(spec),
        temporary => format!(
            "rolling restart of {} nodes, {temporary} of them temporary, {}",
            spec.nodes() + temporary,
            handovers(spec)
        ),
    }
}

/// How servers are restarted.
fn roll(spec: &ClusterSpec) -> String {
    let nodes = spec.nodes();
    let restarts =
        if nodes == 1 { "restart of the only node".to_owned() } else { format!("rolling restart of {nodes} nodes") };
    match spec.replicas_per_shard {
        0 => format!("{restarts}, no handover: each shard is away for that moment"),
        _ => format!("{restarts}, {}", handovers(spec)),
    }
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Bytes, Engine};

    use super::*;

    fn spec(engine: Engine, version: &str, shards: u16, replicas: u16) -> ClusterSpec {
        ClusterSpec::new(engine, version.parse().expect("a version"), shards, replicas, Bytes::mib(64))
    }

    #[test]
    fn each_part_of_a_change_says_what_it_does() {
        let three = |version| spec(Engine::Redis, version, 3, 1);
        let rolls = "rolling restart of 6 nodes, 3 handovers";
        for (from, to, said) in [
            (three("8.0"), three("8.0"), vec![]),
            // What runs may be that patch.
            (three("8.0"), three("8.0.6"), vec![]),
            (three("8.0.6"), three("8.0"), vec![]),
            (three("8.0.2"), three("8.0.6"), vec![format!("redis 8.0.2 -> redis 8.0.6: {rolls}")]),
            (three("7.2"), three("8.0"), vec![format!("redis 7.2 -> redis 8.0: {rolls}")]),
            (three("7.2"), spec(Engine::Valkey, "8.0", 3, 1), vec![format!("redis 7.2 -> valkey 8.0: {rolls}")]),
            (
                three("7.2"),
                ClusterSpec { memory: Bytes::mib(96), ..three("7.2") },
                vec!["memory 64MiB -> 96MiB: live".to_owned()],
            ),
            (three("7.2"), spec(Engine::Redis, "7.2", 4, 1), vec!["shards 3 -> 4: data move (4096 slots)".to_owned()]),
            (
                three("7.2"),
                spec(Engine::Redis, "7.2", 1, 2),
                vec!["shards 3 -> 1: data move (10922 slots)".to_owned(), "replicas_per_shard 1 -> 2: live".to_owned()],
            ),
        ] {
            assert_eq!(impact(&from, &to, None), said);
        }
        let surging = |spec| ClusterSpec { surge: true, ..spec };
        assert_eq!(
            impact(&three("8.0.2"), &surging(three("8.0.6")), None),
            ["redis 8.0.2 -> redis 8.0.6: rolling restart of 9 nodes, 3 of them temporary, 3 handovers", "surge: live"]
        );
        assert_eq!(
            impact(&surging(spec(Engine::Redis, "7.0", 1, 0)), &surging(spec(Engine::Redis, "7.2", 1, 0)), None),
            ["redis 7.0 -> redis 7.2: rolling restart of 2 nodes, 1 of them temporary, 2 handovers"]
        );
        let with = |key: &str| {
            let config = [(key.to_owned(), "2".to_owned())].into();
            ClusterSpec { config, ..three("7.2") }
        };
        assert_eq!(impact(&three("7.2"), &with("io-threads"), None), [format!("config io-threads: {rolls}")]);
        assert_eq!(impact(&three("7.2"), &with("timeout"), None), ["config timeout: live"]);
        let alone = |version| spec(Engine::Redis, version, 1, 0);
        assert_eq!(
            impact(&alone("7.0"), &alone("7.2"), None),
            ["redis 7.0 -> redis 7.2: restart of the only node, no handover: each shard is away for that moment"]
        );
    }

    #[test]
    fn what_another_release_does_depends_on_what_runs() {
        let of = |(engine, version)| spec(engine, version, 3, 1);
        let (redis, valkey) = (Engine::Redis, Engine::Valkey);
        let rolls = "rolling restart of 6 nodes, 3 handovers";
        for (from, to, running, said) in [
            // A line that becomes one of its patches: the one that runs, a later one, an earlier one, and where nobody knows.
            ((redis, "7.2"), (redis, "7.2.4"), Some("7.2.4"), Some("version 7.2 -> 7.2.4: live".to_owned())),
            ((redis, "7.2"), (redis, "7.2.5"), Some("7.2.4"), Some(format!("redis 7.2.4 -> redis 7.2.5: {rolls}"))),
            ((redis, "7.2"), (redis, "7.2.3"), Some("7.2.4"), Some(format!("redis 7.2.4 -> redis 7.2.3: {rolls}"))),
            ((redis, "7.2"), (redis, "7.2.4"), None, None),
            // The other way: whatever patch runs, it is of the line.
            ((redis, "7.2.4"), (redis, "7.2"), Some("7.2.4"), Some("version 7.2.4 -> 7.2: live".to_owned())),
            ((redis, "7.2.4"), (redis, "7.2"), None, None),
            // From patch to patch, also where the servers have been there before the words.
            ((redis, "8.0.2"), (redis, "8.0.6"), Some("8.0.2"), Some(format!("redis 8.0.2 -> redis 8.0.6: {rolls}"))),
            ((redis, "8.0.2"), (redis, "8.0.6"), Some("8.0.6"), Some("version 8.0.2 -> 8.0.6: live".to_owned())),
            ((redis, "8.0.2"), (redis, "8.0.6"), None, Some(format!("redis 8.0.2 -> redis 8.0.6: {rolls}"))),
            // From line to line, and from one text to another of what runs.
            ((redis, "7.2"), (redis, "8.0"), Some("7.2.4"), Some(format!("redis 7.2 -> redis 8.0: {rolls}"))),
            ((redis, "7.2"), (redis, "8.0"), Some("8.0.6"), Some("version 7.2 -> 8.0: live".to_owned())),
            ((redis, "7.2"), (redis, "8.0.6"), None, Some(format!("redis 7.2 -> redis 8.0.6: {rolls}"))),
            // Another engine is another program, whatever its version.
            ((redis, "7.2"), (valkey, "8.0"), Some("7.2.4"), Some(format!("redis 7.2 -> valkey 8.0: {rolls}"))),
            ((redis, "8.0"), (valkey, "8.0"), Some("8.0.1"), Some(format!("redis 8.0 -> valkey 8.0: {rolls}"))),
            ((redis, "7.2"), (redis, "7.2"), Some("7.2.4"), None),
        ] {
            let running: Option<Version> = running.map(|version: &str| version.parse().expect("a version"));
            let (from, to) = (of(from), of(to));
            let first = impact(&from, &to, running);
            assert_eq!(first, said.into_iter().collect::<Vec<_>>(), "{from:?} {to:?} {running:?}");
            assert_eq!(first, impact(&from, &to, running), "a plan is made twice");
        }
    }
}
