//! `cargo xtask servers`: Redis and Valkey from Debian packages, unpacked into the cache and runnable from there.
//!
//! Layout: `<cache>/servers/redis-7.0.15/{bin,lib,packages.txt}`. The names carry the version that the binary itself
//! prints. Nothing is installed and no service is started.
//!
//! The binaries find their libraries by a run path of `$ORIGIN/../lib`, written by Debian's patchelf. The other ways
//! were worse: `LD_LIBRARY_PATH` would leak into everything the agent starts, a wrapper script would hide the server's
//! own executable from supervision (`/proc/<pid>/exe`), and installing the libraries needs root and changes the system.

mod apt;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{house, shell};

/// Options of `cargo xtask servers`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fetch again even when the cache has every server
    #[arg(long)]
    refresh: bool,
}

/// What is fetched: an engine and the two Debian packages that hold its server and its tools.
///
/// Debian splits each engine so: `<engine>-server` holds the service and a link, `<engine>-tools` the real binaries.
struct Source {
    engine: &'static str,
    packages: [&'static str; 2],
}

const SOURCES: [Source; 2] = [
    Source { engine: "redis", packages: ["redis-server", "redis-tools"] },
    Source { engine: "valkey", packages: ["valkey-server", "valkey-tools"] },
];

/// A server in the cache.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Server {
    /// `redis` or `valkey`.
    pub(crate) engine: String,
    /// As the binary prints it, such as `7.0.15`.
    pub(crate) version: String,
    /// The folder that holds `bin` and `lib`.
    pub(crate) folder: PathBuf,
}

impl Server {
    /// The folder of the executables: what a provider's `artifacts` may point at.
    pub(crate) fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }
}

/// Runs the task and prints what is where.
pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = folder()?;
    if options.refresh && folder.exists() {
        let _one_at_a_time = house::lock("servers")?;
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    for server in ensure()? {
        println!("{} {}  {}", server.engine, server.version, server.bin().display());
    }
    Ok(())
}

/// Makes sure that the cache has one server of each engine, fetching what is missing, and returns all that it has.
///
/// Warm, this reads one folder. Two tasks at once wait for each other; a task that dies half-way leaves nothing that
/// looks finished, because a server appears by one rename.
pub(crate) fn ensure() -> Result<Vec<Server>> {
    let folder = folder()?;
    let missing = |have: &[Server]| -> Vec<&Source> {
        SOURCES.iter().filter(|source| !have.iter().any(|server| server.engine == source.engine)).collect()
    };
    let have = cached(&folder)?;
    if missing(&have).is_empty() {
        return Ok(have);
    }
    let _one_at_a_time = house::lock("servers")?;
    let have = cached(&folder)?; // another task may have been quicker
    let wanted = missing(&have);
    if wanted.is_empty() {
        return Ok(have);
    }
    fetch(&folder, &wanted)?;
    cached(&folder)
}

/// `<cache>/servers`.
fn folder() -> Result<PathBuf> {
    Ok(house::cache()?.join("servers"))
}

/// The servers in `folder`, by name and version; what is being made there starts with a dot and is not listed.
fn cached(folder: &Path) -> Result<Vec<Server>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((engine, version)) = name.split_once('-') else { continue };
        if SOURCES.iter().any(|source| source.engine == engine) {
            found.push(Server { engine: engine.into(), version: version.into(), folder: entry.path() });
        }
    }
    found.sort();
    Ok(found)
}

fn fetch(folder: &Path, wanted: &[&Source]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    remove_leftovers(folder)?;
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(folder)?;
    eprintln!("fetching {} from Debian packages", wanted.iter().map(|s| s.engine).collect::<Vec<_>>().join(" and "));
    let apt = apt::Apt::new(&work.path().join("apt"))?;
    let patchelf = unpack::patchelf(&apt, &work.path().join("patchelf"))?;
    for source in wanted {
        let made = work.path().join(source.engine);
        unpack::server(&apt, &patchelf, source.packages, &made)?;
        let version = version_of(&made.join("bin").join(format!("{}-server", source.engine)))?;
        let place = folder.join(format!("{}-{version}", source.engine));
        fs::rename(&made, &place).with_context(|| format!("cannot move the unpacked server to {}", place.display()))?;
    }
    Ok(())
}

/// Removes what a killed task left; called under the lock, so none of it is in use.
fn remove_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(".making-") {
            fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// What the server prints about itself (`Redis server v=7.0.15 sha=...`); that it starts is the proof that its libraries are found.
fn version_of(binary: &Path) -> Result<String> {
    let said = shell::output(shell::plain(binary).arg("--version").env_remove("LD_LIBRARY_PATH"))?;
    let Some(version) = version_in(&said) else {
        bail!("{} does not tell its version; it says: {said}", binary.display());
    };
    Ok(version.to_owned())
}

fn version_in(said: &str) -> Option<&str> {
    said.split_whitespace().find_map(|word| word.strip_prefix("v=")).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_what_servers_print() {
        for (said, version) in [
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0",
                Some("7.0.15"),
            ),
            ("Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", Some("8.0.1")),
            ("Valkey server v= sha=0", None),
            ("command not found", None),
        ] {
            assert_eq!(version_in(said), version, "{said}");
        }
    }

    #[test]
    fn half_made_servers_are_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["redis-7.0.15", ".making-x1", "valkey-8.0.1", "other-1", "redis"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let names: Vec<_> =
            cached(folder.path()).unwrap().into_iter().map(|s| format!("{} {}", s.engine, s.version)).collect();
        assert_eq!(names, ["redis 7.0.15", "valkey 8.0.1"]);
        remove_leftovers(folder.path()).unwrap();
        assert!(!folder.path().join(".making-x1").exists());
        assert!(folder.path().join("redis-7.0.15").exists());
    }
}
