//! The library without Terraform: its example makes, shows and removes the same cluster.

use std::process::Command;

use acceptance_tests::{Workspace, binaries, servers};

#[test]
fn the_example_of_the_library_works_as_it_is_written() {
    let workspace = Workspace::new();
    let output = Command::new(binaries::built("justmanage-example-library"))
        .args([workspace.clusters(), binaries::built(binaries::AGENT), servers::usual("redis").bin])
        .current_dir(workspace.config())
        .env("HOME", workspace.root().join("home"))
        .env("XDG_CONFIG_HOME", workspace.root().join("settings"))
        .env_remove("JUSTMANAGE_OPERATOR_KEY")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let nodes: Vec<&str> =
        said.lines().filter(|line| line.starts_with("shard ") && line.ends_with("running")).collect();
    assert_eq!(nodes.len(), 6, "{said}");
    assert_eq!(nodes.iter().filter(|line| line.contains("Primary")).count(), 3, "{said}");
    assert_eq!(nodes.iter().filter(|line| line.contains("Replica")).count(), 3, "{said}");
    workspace.assert_nothing_left();
}
