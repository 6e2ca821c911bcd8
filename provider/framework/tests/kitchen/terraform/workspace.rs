//! A directory with a configuration, in which the real Terraform runs the kitchen provider.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A workspace of its own, gone at the end of the test.
pub(crate) struct Workspace {
    directory: TempDir,
}

/// What Terraform said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Run {
    /// The run, which must have ended so.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }

    /// The run, which must have said this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.text.contains(text), "expected {text:?} in:\n{}", self.text);
        self
    }

    /// The run, which must not have said this.
    #[track_caller]
    pub(crate) fn says_not(self, text: &str) -> Self {
        assert!(!self.text.contains(text), "unexpected {text:?} in:\n{}", self.text);
        self
    }
}

/// The provider's binary. Cargo builds it with the tests of the whole package; when only this test was built, it may be
/// missing or old, and is built now.
fn provider() -> PathBuf {
    let test = std::env::current_exe().expect("this test is a file");
    let binaries = test.parent().and_then(Path::parent).expect("it stands in target/debug/deps");
    let binary = binaries.join("examples/kitchen");
    if !is_fresh(&binary) {
        let mut build = Command::new(env!("CARGO"));
        let built = build.args(["build", "--quiet", "--package", "tfkit", "--example", "kitchen"]).status();
        assert!(built.expect("cargo runs").success(), "the example does not build");
    }
    binary
}

/// Whether a binary is newer than all its sources, which cargo lists beside it (spaces in names are escaped).
fn is_fresh(binary: &Path) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let Ok(listed) = std::fs::read_to_string(binary.with_extension("d")) else { return false };
    let Some((_, sources)) = listed.split_once(": ") else { return false };
    let Some(built) = changed(binary) else { return false };
    let sources = sources.replace("\\ ", "\0");
    sources.split_whitespace().all(|source| {
        let source = source.replace('\0', " ");
        changed(Path::new(&source)).is_some_and(|changed| changed <= built)
    })
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        let bin = directory.path().join("bin");
        std::fs::create_dir(&bin).expect("a directory");
        std::os::unix::fs::symlink(provider(), bin.join("terraform-provider-kitchen")).expect("a link");
        let rc = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"example.test/justmanage/kitchen\" = {bin:?}\n  }}\n  direct {{}}\n}}\n"
        );
        std::fs::write(directory.path().join("rc"), rc).expect("written");
        Self { directory }
    }

    /// A workspace with a provider that keeps its things in `things`, and this configuration.
    pub(crate) fn with(config: &str) -> Self {
        let workspace = Self::new();
        workspace.configure(config);
        workspace
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, config: &str) {
        let things = self.things();
        self.write(&format!("provider \"kitchen\" {{\n  directory = {things:?}\n}}\n{config}"));
    }

    /// Replaces the configuration, the provider block included.
    pub(crate) fn write(&self, config: &str) {
        let required = "terraform {\n  required_providers {\n    kitchen = {\n      source = \
                        \"example.test/justmanage/kitchen\"\n    }\n  }\n}\n";
        std::fs::write(self.directory.path().join("main.tf"), format!("{required}{config}")).expect("written");
    }

    /// Where the provider keeps its things.
    pub(crate) fn things(&self) -> PathBuf {
        self.directory.path().join("things")
    }

    /// A thing's file.
    pub(crate) fn thing(&self, name: &str) -> PathBuf {
        self.things().join(format!("{name}.json"))
    }

    /// Terraform with these arguments, not yet started.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("terraform");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("HOME", self.directory.path())
            .env("TF_CLI_CONFIG_FILE", self.directory.path().join("rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .stdin(Stdio::null());
        command
    }

    /// Runs Terraform to its end.
    pub(crate) fn terraform(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().expect("terraform is on the PATH");
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        // Terraform wraps what it says to the width of a terminal; the frame and the line ends say nothing.
        let text =
            text.split_whitespace().filter(|word| !matches!(*word, "│" | "╷" | "╵")).collect::<Vec<_>>().join(" ");
        Run { code: output.status.code(), text }
    }

    pub(crate) fn apply(&self) -> Run {
        self.terraform(&["apply", "-auto-approve"])
    }

    /// Plans: exit code 0 is "no changes", 2 is "changes".
    pub(crate) fn plan(&self) -> Run {
        self.terraform(&["plan", "-detailed-exitcode"])
    }

    /// The text of the state file.
    pub(crate) fn state_text(&self) -> String {
        std::fs::read_to_string(self.state_file()).expect("there is a state")
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.directory.path().join("terraform.tfstate")
    }

    /// The stored instance of a resource; null when there is none.
    pub(crate) fn instance(&self, kind: &str, name: &str) -> Json {
        let state: Json = serde_json::from_str(&self.state_text()).expect("JSON");
        let resources = state["resources"].as_array().expect("a list").iter();
        let found = resources.clone().find(|one| one["type"] == kind && one["name"] == name);
        found.map_or(Json::Null, |one| one["instances"][0].clone())
    }
}
