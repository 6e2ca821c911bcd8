//! The provider is installed from its archive, without a registry, by the commands of the guide.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance_tests::secrets::sha256;
use acceptance_tests::{Workspace, binaries, servers};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use crate::world::{CLUSTER, cluster, text};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A workspace in which nothing says where the provider is, with `dist/` beside the configuration.
fn with_dist() -> Workspace {
    let mut workspace = Workspace::bare();
    workspace.set("TF_CLI_CONFIG_FILE", "");
    let program = binaries::built(binaries::PROVIDER);
    binaries::built(binaries::AGENT);
    dist(&workspace, program.parent().expect("a directory"));
    workspace.write(
        "provider.tf",
        &format!(
            "terraform {{\n  required_providers {{\n    justmanage = {{\n      source = \"justmanage/justmanage\"\n    }}\n  }}\n}}\n\n\
             provider \"justmanage\" {{\n  artifacts = [{{ directory = \"{}\" }}]\n}}\n",
            servers::usual("redis").bin.display()
        ),
    );
    workspace.write("main.tf", &cluster("redis", "7.0", ""));
    workspace
}

/// Packs these programs as a release is packed.
fn dist(workspace: &Workspace, programs: &Path) {
    let out = workspace.config().join("dist");
    let mut command = Command::new(binaries::built("xtask"));
    let done =
        command.arg("dist").arg("--programs").arg(programs).arg("--out").arg(&out).output().expect("xtask starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The first shell lines below a heading of the guide.
fn commands(heading: &str) -> String {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/install-without-a-registry.md");
    let text = fs::read_to_string(guide).expect("the guide");
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).expect("the section");
    let (_, block) = section.split_once("```shell\n").expect("a block of commands");
    block.split_once("```").expect("its end").0.to_owned()
}

/// Where Terraform unpacks the provider.
fn installed(workspace: &Workspace) -> PathBuf {
    let below = format!(".terraform/providers/registry.terraform.io/justmanage/justmanage/{VERSION}");
    let version = workspace.config().join(below);
    let mut platforms = fs::read_dir(&version).expect("the provider is installed").flatten();
    platforms.next().expect("a platform").path()
}

fn sha256_of(file: &Path) -> String {
    sha256(&fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// The checksum that a lock file has for an archive with these files: Go's `dirhash.Hash1`.
fn h1(files: &[(&str, PathBuf)]) -> String {
    let lines: String = files.iter().map(|(name, file)| format!("{}  {name}\n", sha256_of(file))).collect();
    format!("h1:{}", BASE64_STANDARD.encode(digest(&SHA256, lines.as_bytes())))
}

#[test]
fn the_archive_of_a_release_is_installed_by_the_commands_of_the_guide() {
    let workspace = with_dist();
    assert_complete(&workspace);

    workspace.shell(&commands("The implied directory")).ok();
    assert!(installed(&workspace).join(binaries::AGENT).is_file());
    assert_eq!(workspace.planned().actions(CLUSTER), ["create"]);
    workspace.shell("rm -r terraform.d .terraform .terraform.lock.hcl").ok();

    workspace.shell(&commands("A file system mirror")).ok();
    a_cluster_lives_and_the_lock_file_holds_both_programs(&workspace);
    another_archive_of_the_same_version_is_refused(&workspace);
}

fn a_cluster_lives_and_the_lock_file_holds_both_programs(workspace: &Workspace) {
    let place = installed(workspace);
    let provider = format!("{}_v{VERSION}", binaries::PROVIDER);
    // In the order of their names.
    let license = Path::new(env!("CARGO_MANIFEST_DIR")).join("../LICENSE");
    let files = [
        ("LICENSE", license),
        (binaries::AGENT, binaries::built(binaries::AGENT)),
        (provider.as_str(), binaries::built(binaries::PROVIDER)),
    ];
    for (name, original) in &files {
        let mode = fs::metadata(place.join(name)).expect("it was in the archive").permissions().mode();
        assert_eq!(mode & 0o111 != 0, *name != "LICENSE", "{name}: {mode:o}");
        assert_eq!(sha256_of(&place.join(name)), sha256_of(original), "{name}");
    }
    let lock = fs::read_to_string(workspace.config().join(".terraform.lock.hcl")).expect("the lock file");
    let expected = h1(&files);
    assert!(
        lock.contains(&format!("\"{expected}\"")) && lock.contains(&format!("\"{VERSION}\"")),
        "{expected}: {lock}"
    );

    let planned = workspace.plan().ok();
    assert!(!planned.stdout.contains("development overrides"), "{planned}");
    workspace.apply().ok();
    assert_eq!(workspace.resource(CLUSTER)["converged"], true);
    assert_eq!(text(&workspace.resource(CLUSTER)["version_actual"]), servers::usual("redis").version);
    assert_eq!(workspace.running(binaries::AGENT).len(), 1);
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

fn another_archive_of_the_same_version_is_refused(workspace: &Workspace) {
    let other = workspace.root().join("other");
    fs::create_dir(&other).expect("a directory");
    for name in [binaries::PROVIDER, binaries::AGENT] {
        fs::write(other.join(name), "#!/bin/sh\nexit 1\n").expect("a program");
    }
    dist(workspace, &other);
    let copy = "cp dist/terraform-provider-justmanage_*.zip ~/.terraform.d/mirror/registry.terraform.io/justmanage/justmanage/";
    workspace.shell(copy).ok();
    fs::remove_dir_all(workspace.config().join(".terraform")).expect("what was installed");
    let refused = workspace.terraform(&["init", "-no-color"]).fails();
    assert!(refused.stderr.contains("checksum"), "{refused}");
}

/// What stands in `dist/` besides the archive is right.
#[track_caller]
fn assert_complete(workspace: &Workspace) {
    let entries = fs::read_dir(workspace.config().join("dist")).expect("dist").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let [agent, list, archive, manifest] = &names[..] else { panic!("four files: {names:?}") };
    let prefix = format!("{}_{VERSION}_", binaries::PROVIDER);
    assert_eq!(list, &format!("{prefix}SHA256SUMS"));
    assert_eq!(manifest, &format!("{prefix}manifest.json"));
    assert!(archive.starts_with(&prefix) && archive.ends_with(".zip"), "{archive}");
    let checked = workspace.shell("cd dist; sha256sum --check --strict *_SHA256SUMS").ok();
    assert_eq!(checked.stdout, format!("{agent}: OK\n{archive}: OK\n{manifest}: OK\n"));
    // Machines of a cloud look for it by this name (provider/src/settings/agents.rs).
    let built = binaries::built(binaries::AGENT);
    assert!(agent.starts_with(&format!("{}_{VERSION}_linux_", binaries::AGENT)), "{agent}");
    let content = |path: &std::path::Path| fs::read(path).expect("a program");
    assert!(content(&workspace.config().join("dist").join(agent)) == content(&built), "the agent of this build");
    let manifest = fs::read(workspace.config().join("dist").join(manifest)).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["metadata"]["protocol_versions"], serde_json::json!(["6.0"]));
}
