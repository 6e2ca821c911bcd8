//! What is set up before a cluster's life begins: a provider that Terraform installs, an agent that tells all, an eye on users.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use acceptance_tests::{Workspace, binaries};

/// The provider as Terraform installs it.
pub(super) const INSTALLED: &str = concat!("terraform-provider-justmanage_v", env!("CARGO_PKG_VERSION"));

/// Puts the provider where Terraform installs it from, so that there is a `.terraform` with a backend and a provider.
pub(super) fn install(workspace: &Workspace) {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let version = env!("CARGO_PKG_VERSION");
    let mirror = workspace.root().join("mirror");
    let place = format!("registry.terraform.io/justmanage/justmanage/{version}/linux_{architecture}");
    fs::create_dir_all(mirror.join(&place)).expect("a directory");
    let provider = workspace.plugins().join(binaries::PROVIDER);
    fs::hard_link(provider, mirror.join(place).join(INSTALLED)).expect("the provider");
    let settings = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n");
    fs::write(workspace.root().join("cli.tfrc"), settings).expect("the CLI configuration");
    workspace.write("backend.tf", "terraform {\n  backend \"local\" {\n    path = \"terraform.tfstate\"\n  }\n}\n");
}

/// The agent's program as the provider finds it, with a level that no agent inherits from Terraform.
pub(super) fn talkative_agent(workspace: &Workspace) -> PathBuf {
    let (program, agent) = (workspace.root().join("talkative-agent"), workspace.plugins().join(binaries::AGENT));
    let script = format!("#!/bin/sh\nJUSTMANAGE_LOG=trace exec '{}' \"$@\"\n", agent.display());
    fs::write(&program, script).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("a program");
    program
}

/// The hashes of the passwords of temporary users that servers have at this moment.
pub(super) fn temporary_users(clusters: &Path) -> Vec<String> {
    let below = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let nodes = below(clusters.to_owned()).flat_map(below);
    let lists: String = nodes.filter_map(|node| fs::read_to_string(node.join("users.acl")).ok()).collect();
    let users = lists.lines().filter(|line| line.contains("justmanage-temporary-"));
    users.flat_map(str::split_whitespace).filter_map(|word| Some(word.strip_prefix('#')?.to_owned())).collect()
}
