//! What a refresh makes of what is seen: only work that needs an apply shows in a plan.

use justmanage_model::{Artefact, ClusterId, ClusterSpec, Engine, Epoch, Phase, Program, Release};

use super::*;

fn cluster(converged: Attr<bool>) -> Cluster {
    Cluster {
        id: "local/cache/jmc0123456789abcdef".into(),
        name: "cache".into(),
        engine: "redis".into(),
        version: "7.0".into(),
        shards: 1,
        replicas_per_shard: 0,
        surge: None,
        spares: None,
        spare_after: None,
        memory: "64MiB".into(),
        config: None,
        on_crash: "failover".into(),
        resources: None,
        metrics_readers: None,
        operator_keys: None,
        maintenance_window: None,
        apply: None,
        approved_version: None,
        backup_policy: None,
        backup_now: None,
        rotate: None,
        deletion_protection: true,
        timeouts: None,
        local: Some(Local {}),
        servers: None,
        aws: None,
        monthly_cost_estimate: Attr::Null,
        endpoints: vec!["127.0.0.1:21000".to_owned()].into(),
        ca_certificate: "certificate".into(),
        version_actual: "7.0.15".into(),
        agent_version: "0.1.0".into(),
        converged,
        waiting_on: Vec::new().into(),
        pending: Vec::new().into(),
        impact: Vec::new().into(),
        known_vulnerabilities: Vec::new().into(),
        last_operation: Attr::Null,
        last_backup: Attr::Null,
        backup_failure: Attr::Null,
    }
}

fn view(converged: bool, needs_apply: bool) -> ClusterView {
    ClusterView {
        converged,
        needs_apply,
        waiting_on: if converged { Vec::new() } else { vec!["something".to_owned()] },
        ..ClusterView::unseen("local/cache/jmc0123456789abcdef".parse().expect("an id"))
    }
}

/// The Record of the same cluster, if it asks for this version.
fn record(version: &str) -> Record {
    Record {
        phase: Phase::Formed,
        unclaimed: false,
        operators: [Pin::from_digest([1; 32])].into(),
        ..Record::first(
            Epoch::from_entropy([1; 8]),
            ClusterId::from_entropy([1; 10]),
            "cache".parse().expect("a name"),
            ClusterSpec::new(Engine::Redis, version.parse().expect("a version"), 1, 0, Bytes::mib(64)),
            Program {
                release: Release::new(Engine::Redis, "7.0.15".parse().expect("a version")),
                artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).expect("an artefact"),
            },
        )
    }
}

#[test]
fn only_what_needs_an_apply_makes_a_converged_cluster_unfinished() {
    for (before, sees, expected) in [
        (true, view(true, false), true),
        (true, view(false, false), true),
        (true, view(false, true), false),
        (false, view(true, false), true),
        (false, view(false, false), false),
        (false, view(false, true), false),
    ] {
        let after = cluster(before.into()).refreshed(&sees);
        assert_eq!(after.converged, Attr::Known(expected), "{before} and {sees:?}");
        let reasons = after.waiting_on.known().expect("known").len();
        assert_eq!(reasons == 0, expected, "reasons go with it: {before} and {sees:?}");
    }
}

#[test]
fn a_change_under_way_that_the_state_does_not_know_is_unfinished_until_the_agents_have_ended_it() {
    let works_on = |version: &str| ClusterView { record: Some(record(version)), ..view(false, false) };
    let unknown = cluster(true.into()).refreshed(&works_on("7.2"));
    assert_eq!((unknown.version.as_str(), &unknown.converged), ("7.2", &false.into()));
    assert_eq!(unknown.waiting_on, vec!["something".to_owned()].into());
    let again = unknown.refreshed(&works_on("7.2"));
    assert_eq!(again.converged, false.into(), "the state knows the version by now, and nobody has waited yet");
    let ended = again.refreshed(&ClusterView { record: Some(record("7.2")), ..view(true, false) });
    assert_eq!((ended.converged, ended.waiting_on), (true.into(), Vec::new().into()));
    let healing = cluster(true.into()).refreshed(&works_on("7.0"));
    assert_eq!(healing.converged, true.into(), "nobody has changed anything: that is the agents' own");
}

#[test]
fn what_nobody_could_see_keeps_its_last_value() {
    let after = cluster(true.into()).refreshed(&view(false, true));
    assert_eq!(after.endpoints, cluster(true.into()).endpoints);
    assert_eq!(after.version_actual, "7.0.15".into());
}
