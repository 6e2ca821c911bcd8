//! The directory in which one test lives, Terraform in it, and its end.
//!
//! `run` starts Terraform, `end` cleans up and complains.

mod end;
mod run;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::binaries;
use crate::logs::LogWatch;
use crate::processes::{self, Process};

/// How the directories begin; the process id of the test follows, so that a later test can tell a killed one's.
const PREFIX: &str = "jm-test-";

/// A directory that is the whole world of one test.
pub struct Workspace {
    root: TempDir,
    terraform: PathBuf,
    environment: BTreeMap<String, String>,
    logs: LogWatch,
    allowed: Vec<String>,
    abandoned: bool,
    /// Longest time for a run of Terraform.
    patience: Duration,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// Makes the directory, with provider and agent as they were built, and removes what killed tests left.
    ///
    /// # Panics
    /// When Terraform is missing, or a binary is missing or stale; with what to do.
    pub fn new() -> Self {
        let workspace = Self::bare();
        for binary in [binaries::PROVIDER, binaries::AGENT] {
            let (from, to) = (binaries::built(binary), workspace.plugins().join(binary));
            // Linked: a copy of a debug build costs 0.1 s and 100 MB for each test.
            fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).expect("the binary");
        }
        workspace
    }

    /// The same without provider and agent: what Terraform does by itself.
    ///
    /// # Panics
    /// When Terraform is missing.
    pub fn bare() -> Self {
        end::sweep(&env::temp_dir());
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let root = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary directory");
        for made in ["plugins", "config", "home", "data", "settings", "tmp"] {
            fs::create_dir(root.path().join(made)).expect("a directory");
        }
        let plugins = root.path().join("plugins");
        let overrides = format!("    \"justmanage/justmanage\" = \"{}\"\n", plugins.display());
        let cli = format!("provider_installation {{\n  dev_overrides {{\n{overrides}  }}\n  direct {{}}\n}}\n");
        fs::write(root.path().join("cli.tfrc"), cli).expect("the CLI configuration");
        let logs = LogWatch::start(root.path().join("data"));
        let mut made = Self {
            terraform: program(),
            environment: BTreeMap::new(),
            logs,
            allowed: Vec::new(),
            abandoned: false,
            patience: run::TERRAFORM_LIMIT,
            root,
        };
        made.environment = made.world();
        made
    }

    /// A workspace whose `provider.tf` finds the two usual servers. `settings` are further lines of the provider block.
    pub fn with_provider(settings: &str) -> Self {
        let workspace = Self::new();
        let directory = |engine| format!("{{ directory = \"{}\" }}", crate::servers::usual(engine).bin.display());
        let servers = ["redis", "valkey"].map(directory).join(", ");
        workspace.write(
            "provider.tf",
            &format!(
                "terraform {{\n  required_providers {{\n    justmanage = {{\n      source = \"justmanage/justmanage\"\n    }}\n  }}\n}}\n\n\
                 provider \"justmanage\" {{\n  artifacts = [{servers}]\n{settings}\n}}\n"
            ),
        );
        workspace
    }

    /// The environment of everything that is started: nothing of the test's own, except where programs are.
    fn world(&self) -> BTreeMap<String, String> {
        let path = env::var("PATH").unwrap_or_default();
        let inside = |name: &str| self.root.path().join(name).display().to_string();
        [
            ("PATH", path),
            ("HOME", inside("home")),
            ("XDG_DATA_HOME", inside("data")),
            ("XDG_CONFIG_HOME", inside("settings")),
            ("TMPDIR", inside("tmp")),
            ("TF_CLI_CONFIG_FILE", inside("cli.tfrc")),
            ("TF_IN_AUTOMATION", "1".into()),
            ("CHECKPOINT_DISABLE", "1".into()),
            ("LC_ALL", "C.UTF-8".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Sets a variable for everything that is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.into(), value.into());
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Another place of a configuration and a state, of the same user on the same machine: clusters and operator key are shared.
    ///
    /// # Panics
    /// As [`Workspace::with_provider`].
    pub fn beside(&self) -> Self {
        let mut other = Self::with_provider("");
        for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "settings")] {
            other.set(name, &self.root.path().join(folder).display().to_string());
        }
        other
    }

    /// The root of it all.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The directory from which Terraform takes the provider: the provider's and the agent's binary, side by side.
    pub fn plugins(&self) -> PathBuf {
        self.root.path().join("plugins")
    }

    /// The directory of the configuration and the state.
    pub fn config(&self) -> PathBuf {
        self.root.path().join("config")
    }

    /// Where the provider keeps local clusters: `$XDG_DATA_HOME/justmanage`. Not there before the first apply.
    pub fn clusters(&self) -> PathBuf {
        self.root.path().join("data/justmanage")
    }

    /// The operator key that the provider makes for itself.
    pub fn operator_key(&self) -> PathBuf {
        self.root.path().join("settings/justmanage/operator.key")
    }

    /// Writes a file of the configuration.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.config().join(name), text).expect("a file of the configuration");
    }

    /// Copies `examples/<name>`, exactly as users get it.
    pub fn copy_example(&self, name: &str) {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
        copy(&examples, &self.config());
    }

    /// The directories of all nodes, sorted: `<clusters>/<cluster>/<node>`.
    pub fn nodes(&self) -> Vec<PathBuf> {
        let below = |folder: &Path| -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let visible = |path: &PathBuf| !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.');
            entries.filter(|path| path.is_dir()).filter(visible).collect()
        };
        let mut nodes: Vec<_> = below(&self.clusters()).iter().flat_map(|cluster| below(cluster)).collect();
        nodes.sort();
        nodes
    }

    /// Every process that lives in the workspace.
    pub fn processes(&self) -> Vec<Process> {
        processes::inside(self.root.path())
    }

    /// The processes whose program's file name begins with `name`, such as `justmanage-agent` or `redis-server`. What a server forks to
    /// write its data down is that server.
    pub fn running(&self, name: &str) -> Vec<Process> {
        let named =
            |process: &Process| process.exe.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
        let all: Vec<Process> = self.processes().into_iter().filter(named).collect();
        let forked = |process: &Process| {
            let parent = processes::parent(process.pid);
            all.iter().any(|other| Some(other.pid) == parent && other.exe == process.exe)
        };
        all.iter().filter(|process| !forked(process)).cloned().collect()
    }

    /// What the agents logged so far, line by line.
    pub fn log(&self) -> Vec<String> {
        self.logs.lines()
    }
}

/// Copies what is below a directory.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("the example").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file of the example");
        }
    }
}

fn program() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = || env::split_paths(&path);
    let found = ["terraform", "tofu"].iter().find_map(|name| all().map(|f| f.join(name)).find(|file| file.is_file()));
    found.expect("terraform (or tofu) on PATH: https://developer.hashicorp.com/terraform/install")
}
