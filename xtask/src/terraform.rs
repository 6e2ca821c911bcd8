//! Real Terraform (or OpenTofu) with the provider as it was just built, in a world of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{dist, shell};

/// What users write as `source` of the provider.
pub(crate) const SOURCE: &str = "justmanage/justmanage";

/// The provider's binary.
pub(crate) const PROVIDER: &str = "terraform-provider-justmanage";

/// The agent's binary; the provider looks for it beside itself.
pub(crate) const AGENT: &str = "justmanage-agent";

/// The cookie by which Terraform tells a plugin that it is the one who starts it (internal/plugin in its source).
pub(crate) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Terraform on `PATH`, or OpenTofu.
pub(crate) fn program() -> Result<PathBuf> {
    let found = ["terraform", "tofu"].into_iter().find_map(shell::on_path);
    found
        .context("neither terraform nor tofu is on PATH; get it from https://developer.hashicorp.com/terraform/install")
}

/// How Terraform finds the provider.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Install {
    /// `dev_overrides`: no `terraform init`, and a warning at each run.
    Override,
    /// A file system mirror, as users without a registry have it.
    Mirror,
}

/// A folder in which Terraform runs: with settings and data of its own, so that nothing of the caller's is read or changed.
pub(crate) struct Terraform {
    program: PathBuf,
    folder: PathBuf,
}

impl Terraform {
    /// Prepares `folder`: `cli.tfrc` that leads to the binaries in `binaries`, and homes for settings and data.
    pub(crate) fn new(folder: &Path, binaries: &Path, install: Install) -> Result<Self> {
        let program = program()?;
        for made in ["config", "home", "data", "settings", "tmp"] {
            fs::create_dir_all(folder.join(made))?;
        }
        let terraform = Self { program, folder: folder.to_path_buf() };
        let plugins = folder.join("plugins");
        let settings = match install {
            Install::Override => {
                place(binaries, &plugins, PROVIDER)?;
                format!("  dev_overrides {{\n    \"{SOURCE}\" = \"{}\"\n  }}\n  direct {{}}\n", plugins.display())
            }
            Install::Mirror => {
                let version = env!("CARGO_PKG_VERSION");
                let own =
                    plugins.join(terraform.registry()).join(SOURCE).join(version).join(dist::target_of_this_machine()?);
                place(binaries, &own, &format!("{PROVIDER}_v{version}"))?;
                format!(
                    "  filesystem_mirror {{\n    path    = \"{}\"\n    include = [\"{SOURCE}\"]\n  }}\n  direct {{\n    exclude = [\"{SOURCE}\"]\n  }}\n",
                    plugins.display()
                )
            }
        };
        fs::write(folder.join("cli.tfrc"), format!("provider_installation {{\n{settings}}}\n"))?;
        Ok(terraform)
    }

    /// The name that a person would type.
    pub(crate) fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The host that a source address without one means.
    fn registry(&self) -> &'static str {
        if self.name() == "tofu" { "registry.opentofu.org" } else { "registry.terraform.io" }
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
            ("TMPDIR", self.folder.join("tmp")),
            ("CHECKPOINT_DISABLE", "1".into()),
        ]
    }

    /// Terraform with `arguments`, in the configuration folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.config()).args(arguments).envs(self.environment());
        for cargos in ["LD_LIBRARY_PATH", "RUST_LOG", "TF_LOG", "TF_DATA_DIR", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS"]
        {
            command.env_remove(cargos);
        }
        command
    }
}

/// Puts provider and agent into `folder`, side by side.
fn place(binaries: &Path, folder: &Path, provider: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (binary, name) in [(PROVIDER, provider), (AGENT, AGENT)] {
        let (from, to) = (binaries.join(binary), folder.join(name));
        fs::metadata(&from).with_context(|| format!("{} is not built", from.display()))?;
        let _ = fs::remove_file(&to);
        // A hard link costs nothing; another file system needs a copy.
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
    }
    Ok(())
}
