//! What a change does to servers that run, by the configuration before and after alone: a plan is made twice, and says the same
//! both times.

use justmanage_core::manager::temporary;
use justmanage_model::{ClusterSpec, ReleaseTarget};

use super::super::resources;
use super::shape;
use super::warnings::handovers;

/// What each part of the change does, a sentence each; none where nothing changes that servers notice.
pub(super) fn impact(from: &ClusterSpec, to: &ClusterSpec) -> Vec<String> {
    let mut said = Vec::new();
    if goes_over(from, to) {
        said.push(format!("{} {} -> {} {}: {}", from.engine, from.version, to.engine, to.version, change(to)));
    }
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

/// Whether servers go over to another release, whatever they run. From a line to one of its patches, or back, only what runs can
/// tell whether anything is to be done: then the plan warns.
fn goes_over(from: &ClusterSpec, to: &ClusterSpec) -> bool {
    from.engine != to.engine
        || match (from.version, to.version) {
            (ReleaseTarget::Exactly(from), ReleaseTarget::Exactly(to)) => from != to,
            (from, to) => from.line() != to.line(),
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
            assert_eq!(impact(&from, &to), said);
        }
        let surging = |spec| ClusterSpec { surge: true, ..spec };
        assert_eq!(
            impact(&three("8.0.2"), &surging(three("8.0.6"))),
            ["redis 8.0.2 -> redis 8.0.6: rolling restart of 9 nodes, 3 of them temporary, 3 handovers", "surge: live"]
        );
        assert_eq!(
            impact(&surging(spec(Engine::Redis, "7.0", 1, 0)), &surging(spec(Engine::Redis, "7.2", 1, 0))),
            ["redis 7.0 -> redis 7.2: rolling restart of 2 nodes, 1 of them temporary, 2 handovers"]
        );
        let with = |key: &str| {
            let config = [(key.to_owned(), "2".to_owned())].into();
            ClusterSpec { config, ..three("7.2") }
        };
        assert_eq!(impact(&three("7.2"), &with("io-threads")), [format!("config io-threads: {rolls}")]);
        assert_eq!(impact(&three("7.2"), &with("timeout")), ["config timeout: live"]);
        let alone = |version| spec(Engine::Redis, version, 1, 0);
        assert_eq!(
            impact(&alone("7.0"), &alone("7.2")),
            ["redis 7.0 -> redis 7.2: restart of the only node, no handover: each shard is away for that moment"]
        );
    }
}
