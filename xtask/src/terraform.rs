//! Real Terraform (or OpenTofu) with the provider as it was just built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// What users write as `source` of the provider.
pub(crate) const SOURCE: &str = "justmanage/justmanage";

/// The provider's binary.
pub(crate) const PROVIDER: &str = "terraform-provider-justmanage";

/// The agent's binary; the provider looks for it beside itself.
pub(crate) const AGENT: &str = "justmanage-agent";

/// A folder in which Terraform runs: with settings and data of its own, so that nothing of the caller's is read or changed.
pub(crate) struct Terraform {
    program: PathBuf,
    folder: PathBuf,
}

impl Terraform {
    /// Prepares `folder`: `cli.tfrc` that points at the binaries in `binaries`, and homes for settings and data.
    pub(crate) fn new(folder: &Path, binaries: &Path) -> Result<Self> {
        let found = ["terraform", "tofu"].into_iter().find_map(shell::on_path);
        let program = found.context("neither terraform nor tofu is on PATH")?;
        let plugins = folder.join("plugins");
        for made in ["plugins", "config", "home", "data", "settings", "runtime"] {
            fs::create_dir_all(folder.join(made))?;
        }
        for binary in [PROVIDER, AGENT] {
            let from = binaries.join(binary);
            fs::metadata(&from).with_context(|| format!("{} is not built", from.display()))?;
            // A hard link keeps the binary together with what stands beside it, and costs nothing; another file system copies.
            let to = plugins.join(binary);
            fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
        }
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"{SOURCE}\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            plugins.display()
        );
        fs::write(folder.join("cli.tfrc"), overrides)?;
        Ok(Self { program, folder: folder.to_path_buf() })
    }

    /// The folder that holds the configuration (`*.tf`) and the state.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    /// `$XDG_DATA_HOME` of everything that is started: below it the agents keep their nodes.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The variables that make the folder Terraform's whole world.
    pub(crate) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("TF_CLI_CONFIG_FILE", self.folder.join("cli.tfrc")),
            ("HOME", self.folder.join("home")),
            ("XDG_DATA_HOME", self.data()),
            ("XDG_CONFIG_HOME", self.folder.join("settings")),
            ("CHECKPOINT_DISABLE", "1".into()),
        ]
    }

    /// Terraform with `arguments`, in the configuration folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = shell::plain(&self.program);
        command.current_dir(self.config()).args(arguments).envs(self.environment());
        for cargos in ["LD_LIBRARY_PATH", "RUST_LOG", "TF_LOG", "TF_DATA_DIR", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS"]
        {
            command.env_remove(cargos);
        }
        command
    }
}
