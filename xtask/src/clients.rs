//! `cargo xtask clients`: redis-py, ioredis, moto (which plays EC2) and pydo (which calls DigitalOcean) in the cache, as
//! `acceptance-tests/clients` pins them, hash by hash.
//!
//! Layout: `<cache>/clients/python`, `<cache>/clients/node` and so on, each with a copy of the file that pins it: what is there with another
//! copy is fetched again. Each appears by one rename, and warm, nothing needs the network.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{house, shell};

/// Libraries of one language.
struct Clients {
    /// Their folder in the cache.
    name: &'static str,
    /// What pins them, in `acceptance-tests/clients`.
    pins: &'static str,
    /// Puts them into a folder in which the files of `acceptance-tests/clients` are.
    install: fn(&Path) -> Command,
}

const ALL: [Clients; 4] = [
    Clients { name: "python", pins: "requirements.txt", install: |folder| pip("requirements.txt", folder) },
    Clients { name: "moto", pins: "moto.txt", install: |folder| pip("moto.txt", folder) },
    Clients { name: "pydo", pins: "pydo.txt", install: |folder| pip("pydo.txt", folder) },
    Clients { name: "node", pins: "package-lock.json", install: npm },
];

/// Fetches what is missing.
pub(crate) fn run() -> Result<()> {
    let sources = house::workspace().join("acceptance-tests/clients");
    let cache = house::cache()?.join("clients");
    for clients in &ALL {
        let place = cache.join(clients.name);
        if !is_there(&sources, &place, clients.pins) {
            let _one_at_a_time = house::lock("clients")?;
            if !is_there(&sources, &place, clients.pins) {
                clients.fetch(&sources, &place)?;
            }
        }
        println!("{}", place.display());
    }
    Ok(())
}

fn is_there(sources: &Path, place: &Path, pins: &str) -> bool {
    let read = |folder: &Path| fs::read(folder.join(pins)).ok();
    read(place).is_some_and(|have| read(sources) == Some(have))
}

impl Clients {
    fn fetch(&self, sources: &Path, place: &Path) -> Result<()> {
        eprintln!("fetching what acceptance-tests/clients/{} pins", self.pins);
        let cache = place.parent().context("the cache has a root")?;
        fs::create_dir_all(cache)?;
        let work = tempfile::tempdir_in(cache)?;
        let made = work.path().join(self.name);
        fs::create_dir(&made)?;
        for pins in ["requirements.txt", "moto.txt", "pydo.txt", "package.json", "package-lock.json"] {
            fs::copy(sources.join(pins), made.join(pins)).with_context(|| format!("cannot copy {pins}"))?;
        }
        shell::output((self.install)(&made).current_dir(&made))?;
        if place.exists() {
            fs::rename(place, work.path().join("old"))
                .with_context(|| format!("cannot replace {}", place.display()))?;
        }
        fs::rename(&made, place).with_context(|| format!("cannot move {} into the cache", self.name))
    }
}

fn pip(pins: &str, folder: &Path) -> Command {
    let mut pip = shell::plain("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary=:all:", "-r", pins, "--target"]).arg(folder);
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    pip
}

/// Nothing that a package brings is run.
fn npm(_: &Path) -> Command {
    let mut npm = shell::plain("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_file_pinned_is_not_there() {
        let (sources, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let there = || is_there(sources.path(), place.path(), "pins");
        assert!(!there(), "neither has any");
        fs::write(sources.path().join("pins"), "one").unwrap();
        assert!(!there());
        fs::write(place.path().join("pins"), "one").unwrap();
        assert!(there());
        fs::write(sources.path().join("pins"), "another").unwrap();
        assert!(!there());
    }
}
