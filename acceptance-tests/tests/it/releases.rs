//! What a user learns about releases and their holes: from the data source, and from a plan.

use acceptance_tests::Workspace;

use crate::world::{CLUSTER, cluster};

#[test]
fn the_example_of_the_data_source_answers_without_a_cluster() {
    let workspace = Workspace::with_provider("");
    workspace.copy_example("data-sources/justmanage_releases");
    workspace.apply().ok();
    assert_eq!(
        workspace.output("holes"),
        serde_json::json!({"CVE-2026-81934": "5:7.0.15-1~deb12u10", "CVE-2026-92925": "5:7.0.15-1~deb12u10"})
    );
    let lines = workspace.output("lines");
    assert!(lines["9.1"].as_str().is_some_and(|patch| patch.starts_with("9.1.")), "{lines}");
    workspace.assert_no_changes();
}

#[test]
fn a_version_that_there_is_not_is_blamed_with_the_nearest() {
    let workspace = Workspace::with_provider("");
    for (engine, version, at, says) in [
        ("redis", "7.3", "version", "Did you mean \"7."),
        ("valkey", "7.4", "version", "is that the engine you mean?"),
        ("valky", "8.1", "engine", "Did you mean \"valkey\"?"),
    ] {
        let block =
            format!("data \"justmanage_releases\" \"x\" {{\n  engine  = \"{engine}\"\n  version = \"{version}\"\n}}\n");
        workspace.write("main.tf", &block);
        let run = workspace.validate().fails();
        let error = run.errors().find(|error| error.attribute == at);
        assert!(error.is_some_and(|error| error.detail.contains(says)), "{run}");
    }
}

#[test]
fn a_plan_warns_of_known_holes_of_what_would_run_and_says_what_closes_them() {
    let workspace = Workspace::with_provider("");
    // The cache's program is Debian's, but no package manager knows it here: it counts as its makers released it.
    workspace.write("main.tf", &cluster("redis", "7.0", ""));
    let run = workspace.plan().ok();
    let warning = run.warnings().find(|warning| warning.summary == "Server program has known holes");
    let warning = warning.unwrap_or_else(|| panic!("no warning\n{run}"));
    assert_eq!((warning.address.as_str(), warning.attribute.as_str()), (CLUSTER, "version"));
    for part in ["CVE-2026-81934 (fixed in 7.2.16)", "ended it on 2024-07-29", "redis 7.2.16 closes"] {
        assert!(warning.detail.contains(part), "{part}: {warning:#?}");
    }
}
