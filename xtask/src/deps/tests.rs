//! Each rule is broken once, and seen to be broken.

use super::graph::{Graph, Kind};
use super::rules::violations;
use crate::house;

/// A small house in order, to which each case adds one thing that is wrong.
fn house_in_order() -> Graph {
    let mut graph = Graph::default();
    for own in [
        "justmanage-model",
        "justmanage-releases",
        "justmanage-planner",
        "justmanage-engine",
        "justmanage-platforms",
        "justmanage-platform-contract",
        "justmanage-platform-local",
        "justmanage-core",
        "justmanage-agent",
        "tfkit",
        "terraform-provider-justmanage",
        "justmanage-sim",
        "acceptance-tests",
    ] {
        graph.add(own, true);
    }
    for foreign in ["serde", "tokio", "jiff", "mio", "rustls", "ring"] {
        graph.add(foreign, false);
    }
    for (from, to, kind) in [
        ("justmanage-releases", "justmanage-model", Kind::Normal),
        ("justmanage-planner", "justmanage-releases", Kind::Normal),
        ("justmanage-model", "serde", Kind::Normal),
        ("justmanage-model", "jiff", Kind::Normal),
        ("justmanage-planner", "justmanage-sim", Kind::Dev),
        ("justmanage-platform-local", "justmanage-platform-contract", Kind::Dev),
        ("justmanage-planner", "tokio", Kind::Dev),
        ("justmanage-agent", "justmanage-planner", Kind::Normal),
        ("justmanage-agent", "tokio", Kind::Normal),
        ("terraform-provider-justmanage", "tfkit", Kind::Normal),
        ("tokio", "mio", Kind::Normal),
        ("rustls", "ring", Kind::Normal),
    ] {
        graph.import(from, to, kind);
    }
    graph
}

#[test]
fn order_is_not_blamed() {
    assert_eq!(violations(&house_in_order()), Vec::<String>::new());
}

#[test]
fn every_rule_is_seen_broken() {
    let imports: &[(&str, &str, Kind, &str)] = &[
        (
            "justmanage-model",
            "justmanage-releases",
            Kind::Normal,
            "justmanage-model must not import justmanage-releases",
        ),
        (
            "justmanage-engine",
            "justmanage-planner",
            Kind::Build,
            "justmanage-engine must not import justmanage-planner",
        ),
        ("justmanage-core", "justmanage-agent", Kind::Dev, "justmanage-core must not import justmanage-agent"),
        ("justmanage-agent", "justmanage-core", Kind::Normal, "justmanage-agent must not import justmanage-core"),
        ("justmanage-core", "justmanage-sim", Kind::Normal, "justmanage-core must not import justmanage-sim"),
        (
            "justmanage-platform-local",
            "justmanage-platform-contract",
            Kind::Normal,
            "justmanage-platform-local must not import justmanage-platform-contract",
        ),
        (
            "justmanage-platform-contract",
            "justmanage-platform-local",
            Kind::Dev,
            "justmanage-platform-contract must not import justmanage-platform-local",
        ),
        ("terraform-provider-justmanage", "justmanage-planner", Kind::Normal, "must not import justmanage-planner"),
        ("tfkit", "justmanage-model", Kind::Normal, "tfkit must not link justmanage-model"),
        ("justmanage-releases", "tokio", Kind::Normal, "justmanage-releases must not link tokio"),
        ("justmanage-model", "mio", Kind::Normal, "justmanage-planner must not link mio"),
        ("justmanage-agent", "tfkit", Kind::Normal, "justmanage-agent must not link tfkit"),
    ];
    for (from, to, kind, expected) in imports {
        let mut graph = house_in_order();
        graph.import(from, to, *kind);
        let found = violations(&graph).join("\n");
        assert!(found.contains(expected), "{from} -> {to}: expected {expected:?} in {found:?}");
    }
}

#[test]
fn strangers_in_the_tree_are_seen() {
    for (from, stranger, expected) in [
        ("justmanage-agent", "aws-sdk-ec2", "justmanage-agent must not link aws-sdk-ec2"),
        ("mio", "kube-client", "justmanage-agent -> tokio -> mio -> kube-client"),
        ("rustls", "aws-lc-rs", "aws-lc-rs: there is one crypto provider"),
        ("serde", "openssl-sys", "openssl-sys: there is one crypto provider"),
        ("serde", "rand", "justmanage-model must not link rand"),
        ("jiff", "getrandom", "justmanage-planner -> justmanage-releases -> justmanage-model -> jiff -> getrandom"),
        ("mio", "rustls", "rustls: 2 versions"),
    ] {
        let mut graph = house_in_order();
        graph.add(stranger, false);
        graph.import(from, stranger, Kind::Normal);
        let found = violations(&graph).join("\n");
        assert!(found.contains(expected), "{from} -> {stranger}: expected {expected:?} in {found:?}");
    }
}

#[test]
fn a_crate_that_nobody_listed_is_an_error() {
    let mut graph = house_in_order();
    graph.add("justmanage-helpers", true);
    assert_eq!(violations(&graph).len(), 1);
    assert!(violations(&graph)[0].contains("justmanage-helpers: not in the house"));
}

#[test]
fn a_missing_clock_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    assert!(super::clock_is_forbidden("x", folder.path()).is_err(), "no clippy.toml at all");
    std::fs::write(folder.path().join("clippy.toml"), "disallowed-methods = [\"jiff::Timestamp::now\"]").unwrap();
    let found = super::clock_is_forbidden("x", folder.path()).unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn the_real_workspace_is_read_whole() {
    let graph = Graph::of_workspace(&house::workspace()).unwrap();
    assert!(graph.is_own("xtask") && !graph.is_own("serde"));
    let linked = graph.linked_into("xtask");
    assert!(linked.iter().any(|(name, _)| *name == "clap_builder"), "{linked:?}");
    assert!(!linked.iter().any(|(name, _)| *name == "proptest"), "dev-dependencies are not linked");
}
