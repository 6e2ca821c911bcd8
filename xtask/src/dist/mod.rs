//! `cargo xtask dist`: what registries and mirrors want of a release, in `dist/`.
//!
//! | file (`T` is `terraform-provider-justmanage`) | holds |
//! |---|---|
//! | `T_X.Y.Z_OS_ARCH.zip` | `T_vX.Y.Z`, `justmanage-agent`, `LICENSE` |
//! | `justmanage-agent_X.Y.Z_OS_ARCH` | the agent alone: machines of a cloud fetch it at their first boot |
//! | `T_X.Y.Z_manifest.json` | which protocol the provider speaks: `terraform-registry-manifest.json` |
//! | `T_X.Y.Z_SHA256SUMS` | digests of all, as `sha256sum --check` reads them |
//! | `T_X.Y.Z_SHA256SUMS.sig` | with `--gpg-key`: its detached signature, binary, as registries ask for it |
//!
//! The agent travels in the provider's archive, so that both are always of one version (docs/decisions/0017-known-holes-and-dist.md).
//! An archive of the same programs is the same, byte by byte. `docs/releasing.md` says how a release is made.

mod archive;
mod target;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::terraform::{AGENT, PROVIDER};
use crate::{house, shell};
use archive::{Entry, digest};
pub(crate) use target::own as target_of_this_machine;

/// The version of all that the workspace makes.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Options of `cargo xtask dist`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to write
    #[arg(long, default_value = "dist")]
    out: PathBuf,
    /// How to build; `dev` takes minutes less, and the programs are large and slow
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// For which target, as rustc names it; it has to be installed, with a linker (docs/releasing.md). Default: this machine's
    #[arg(long)]
    target: Option<String>,
    /// Build nothing; pack the programs in this folder
    #[arg(long, conflicts_with_all = ["profile"])]
    programs: Option<PathBuf>,
    /// Sign the list of digests with this key of gpg
    #[arg(long)]
    gpg_key: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    Dev,
    Release,
}

/// Builds and packs.
pub(crate) fn run(options: &Options) -> Result<()> {
    let platform = match &options.target {
        Some(triple) => target::platform(triple)?,
        None => target::own()?,
    };
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => build(options)?,
    };
    fs::create_dir_all(&options.out).with_context(|| format!("cannot make {}", options.out.display()))?;
    let list = pack(&programs, &options.out, &platform)?;
    if let Some(key) = &options.gpg_key {
        let signature = PathBuf::from(format!("{}.sig", list.display()));
        let mut gpg = shell::plain("gpg");
        gpg.args(["--batch", "--yes", "--local-user", key, "--detach-sign", "--output"]);
        shell::output(gpg.arg(&signature).arg(&list))?;
        println!("{}", signature.display());
    }
    Ok(())
}

/// Builds the two programs, and says where they are.
fn build(options: &Options) -> Result<PathBuf> {
    let mut cargo = house::cargo()?;
    cargo.args(["build", "--locked", "--package", PROVIDER, "--package", AGENT, "--bins"]);
    let folder = match options.profile {
        Profile::Dev => "debug",
        Profile::Release => {
            cargo.arg("--release");
            "release"
        }
    };
    let mut target = house::target()?;
    if let Some(triple) = &options.target {
        cargo.args(["--target", triple]);
        target.push(triple);
    }
    shell::stream(&mut cargo)?;
    Ok(target.join(folder))
}

/// Writes archive, manifest and digests; returns the path of the latter.
fn pack(programs: &Path, out: &Path, platform: &str) -> Result<PathBuf> {
    let root = house::workspace();
    let entries = [
        Entry { name: format!("{PROVIDER}_v{VERSION}"), file: programs.join(PROVIDER), mode: 0o755 },
        Entry { name: AGENT.to_owned(), file: programs.join(AGENT), mode: 0o755 },
        Entry { name: "LICENSE".to_owned(), file: root.join("LICENSE"), mode: 0o644 },
    ];
    let name = |rest: &str| out.join(format!("{PROVIDER}_{VERSION}_{rest}"));
    let archive = name(&format!("{platform}.zip"));
    archive::write(&archive, entries.into())?;
    // Whoever changes this name changes where provider/src/settings/agents.rs looks.
    let agent = out.join(format!("{AGENT}_{VERSION}_{platform}"));
    fs::copy(programs.join(AGENT), &agent).context("the agent cannot be copied")?;
    let manifest = name("manifest.json");
    fs::copy(root.join("terraform-registry-manifest.json"), &manifest).context("the manifest cannot be copied")?;
    let list = name("SHA256SUMS");
    fs::write(&list, digests(out)?)?;
    for file in [&archive, &agent, &manifest, &list] {
        println!("{}", file.display());
    }
    Ok(list)
}

/// Of every archive and agent of this version in the folder (other targets are added to it one by one) and the manifest.
fn digests(out: &Path) -> Result<String> {
    let ours = |name: &str| {
        let rest = name.strip_prefix(&format!("{PROVIDER}_{VERSION}_"));
        rest.is_some_and(|rest| rest.ends_with(".zip") || rest == "manifest.json")
            || name.starts_with(&format!("{AGENT}_{VERSION}_"))
    };
    let entries = fs::read_dir(out)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = entries.collect::<std::io::Result<_>>()?;
    names.retain(|name| ours(name));
    names.sort();
    if names.len() < 2 {
        bail!("{} lacks an archive or the manifest: {names:?}", out.display());
    }
    let line = |name: &String| Ok(format!("{}  {name}\n", digest(&out.join(name))?));
    names.iter().map(line).collect()
}
