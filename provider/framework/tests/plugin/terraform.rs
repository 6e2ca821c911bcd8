//! Real Terraform, by way of dev_overrides and of TF_REATTACH_PROVIDERS.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::Signal;
use tokio::process::Command;

use crate::{
    debug,
    support::{bare, directory, left_in, send, until, within},
};

/// A directory with a configuration, and the settings under which Terraform finds the bare provider.
struct World {
    directory: tempfile::TempDir,
}

impl World {
    /// A configuration with one thing that has this text.
    fn new(text: &str) -> Self {
        let world = Self { directory: directory() };
        for folder in ["bin", "tmp"] {
            std::fs::create_dir(world.path(folder)).unwrap();
        }
        std::os::unix::fs::symlink(bare(), world.path("bin/terraform-provider-bare")).unwrap();
        let overrides = format!("dev_overrides {{\n \"example.test/acme/bare\" = {:?}\n }}", world.path("bin"));
        std::fs::write(
            world.path("overrides.tfrc"),
            format!("provider_installation {{\n {overrides}\n direct {{}}\n}}"),
        )
        .unwrap();
        std::fs::write(world.path("plain.tfrc"), "").unwrap();
        let main = format!(
            "terraform {{\n  required_providers {{\n    bare = {{ source = \"example.test/acme/bare\" }}\n  }}\n}}\n\
             resource \"bare_thing\" \"x\" {{\n  text = {text:?}\n}}\n"
        );
        std::fs::write(world.path("main.tf"), main).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sockets(&self) -> PathBuf {
        self.path("tmp")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(self.directory.path()).kill_on_drop(true);
        command.env("TF_CLI_CONFIG_FILE", self.path("overrides.tfrc")).env("CHECKPOINT_DISABLE", "1");
        command.env("TMPDIR", self.sockets()).env_remove("XDG_RUNTIME_DIR").env("TF_IN_AUTOMATION", "1");
        command.env_remove("TF_LOG").env_remove("TF_REATTACH_PROVIDERS").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        let output = within("terraform", command.output()).await.expect("terraform is on PATH");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }
}

fn assert_empty(directory: &Path) {
    assert!(left_in(directory).is_empty(), "{:?}", left_in(directory));
}

#[tokio::test]
async fn the_schema_is_what_terraform_understood() {
    let world = World::new("hello");
    let (code, text) = world.run(&["providers", "schema", "-json"], &[]).await;
    assert_eq!(code, Some(0), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let attributes =
        &json["provider_schemas"]["example.test/acme/bare"]["resource_schemas"]["bare_thing"]["block"]["attributes"];
    assert_eq!(attributes["text"]["type"], "string");
    assert_eq!((&attributes["text"]["required"], &attributes["note"]["optional"]), (&true.into(), &true.into()));
    assert_empty(&world.sockets());
}

#[tokio::test]
async fn apply_plan_and_destroy_pass_and_leave_no_socket() {
    let world = World::new("hello");
    let (code, text) = world.run(&["apply", "-auto-approve", "-no-color"], &[]).await;
    assert!(code == Some(0) && text.contains("1 added"), "{text}");
    let (code, text) = world.run(&["plan", "-detailed-exitcode", "-no-color"], &[]).await;
    assert!(code == Some(0) && text.contains("No changes"), "{text}");
    let (code, text) = world.run(&["destroy", "-auto-approve", "-no-color"], &[]).await;
    assert!(code == Some(0) && text.contains("1 destroyed"), "{text}");
    assert_empty(&world.sockets());
}

#[tokio::test]
async fn terraform_shows_our_log_lines_as_they_are_meant() {
    let world = World::new("log print");
    let (code, text) = world.run(&["validate", "-no-color"], &[("TF_LOG", "TRACE")]).await;
    assert_eq!(code, Some(0), "{text}");
    let warning = text.lines().find(|line| line.contains("a warning")).unwrap_or_else(|| panic!("{text}"));
    assert!(warning.contains("[WARN]") && warning.contains("node=jmn1") && warning.contains("number=4"), "{warning}");
    assert!(!warning.contains("@message"), "taken as plain text: {warning}");
    let stray = text.lines().find(|line| line.contains("a forgotten print")).unwrap_or_else(|| panic!("{text}"));
    assert!(stray.contains("[WARN]") && stray.contains("unexpected data"), "{stray}");
    assert!(!text.contains("failed to exit gracefully"), "{text}");
}

#[tokio::test]
async fn a_panic_in_a_call_is_an_error_and_not_a_crash() {
    let world = World::new("panic-in-validate");
    let (code, text) = world.run(&["validate", "-no-color"], &[]).await;
    assert!(code == Some(1) && text.contains("asked to panic"), "{text}");
    assert!(!text.contains("plugin crashed"), "{text}");
    assert_empty(&world.sockets());
}

#[tokio::test]
async fn a_crash_is_reported_as_one() {
    let world = World::new("crash");
    let (code, text) = world.run(&["validate", "-no-color"], &[]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("The terraform-provider-bare plugin crashed!"), "{text}");
    assert!(text.contains("panic: fell over") && text.contains("bare.rs:"), "{text}");
}

#[tokio::test]
async fn an_interrupt_stops_the_apply_and_keeps_its_truth() {
    let world = World::new("wait");
    let log = world.path("log");
    let mut command = world.command(&["apply", "-auto-approve", "-no-color"]);
    let child = command.env("TF_LOG", "INFO").env("TF_LOG_PATH", &log).spawn().unwrap();
    until("the apply", || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("waiting"))).await;
    send(child.id().unwrap(), Signal::INT);
    let output = within("the end", child.wait_with_output()).await.unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success() && text.contains("stopped"), "{text}");
    let state = std::fs::read_to_string(world.path("terraform.tfstate")).unwrap();
    assert!(state.contains("\"tainted\"") && state.contains("\"wait\""), "{state}");
    assert_empty(&world.sockets());
}

#[tokio::test]
async fn terraform_attaches_to_a_provider_in_debug_mode_again_and_again() {
    let world = World::new("env");
    let sockets = directory();
    let (mut child, value, _) = debug::start(sockets.path()).await;
    let pid = child.id().unwrap();
    let settings = [("TF_REATTACH_PROVIDERS", value.as_str()), ("TF_CLI_CONFIG_FILE", "plain.tfrc")];
    let (code, text) = world.run(&["init", "-no-color"], &settings).await;
    assert_eq!(code, Some(0), "{text}");
    for _ in 0..2 {
        let (code, text) = world.run(&["validate", "-no-color"], &settings).await;
        assert!(code == Some(1) && text.contains(&format!("pid {pid}")), "another process answered: {text}");
    }
    send(pid, Signal::TERM);
    assert!(within("the end", child.wait()).await.unwrap().success());
    assert_empty(sockets.path());
}
