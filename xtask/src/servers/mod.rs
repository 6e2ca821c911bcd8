//! `cargo xtask servers`: Redis and Valkey of every release line that can be had, unpacked into the cache and runnable there.
//!
//! Layout: `<cache>/servers/redis-7.0.15/{bin,lib,packages.txt}`, one of each line; further patches of some of them lie in
//! `<cache>/patches` in the same way, so that who looks for a line finds the same server with and without them. The names carry
//! the version that the program itself prints. Nothing is installed and no service is started.
//!
//! The programs find their libraries by a run path of `$ORIGIN/../lib`, written by Debian's patchelf; those that need a newer
//! C library than the machine's start by a loader of their own, whose path is written into them as well. The other ways
//! were worse: `LD_LIBRARY_PATH` would leak into everything the agent starts, a wrapper script or a call of the loader would
//! hide the server's own executable from supervision (`/proc/<pid>/exe`), and installing needs root and changes the system.

mod apt;
mod build;
mod sources;
mod tarballs;
mod unpack;
mod wheel;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::{house, shell};
use apt::Apt;
use sources::{FURTHER, Origin, PATCHES, Source, Suite, USUAL};
use tarballs::{TARBALLS, Way, ways};

/// Options of `cargo xtask servers`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fetch again even when the cache has every server
    #[arg(long)]
    refresh: bool,
    /// Build a release such as `redis-8.0.6` of Debian's source and look whether it starts: the way that is taken where no package is left.
    /// The cache stays as it is
    #[arg(long, value_name = "RELEASE", conflicts_with = "refresh")]
    try_source: Option<String>,
}

/// A server in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    if let Some(release) = &options.try_source {
        return try_source(release);
    }
    for need in [Need::Every, Need::Patches] {
        let folder = need.folder()?;
        if options.refresh && folder.exists() {
            let _one_at_a_time = house::lock("servers")?;
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        for server in ensure(need)? {
            println!("{} {}  {}", server.engine, server.version, server.bin().display());
        }
    }
    Ok(())
}

/// Builds a release of its source, starts it, and forgets it.
fn try_source(release: &str) -> Result<()> {
    let name = |tarball: &tarballs::Tarball| format!("{}-{}", tarball.engine, tarball.version);
    let Some(tarball) = TARBALLS.iter().find(|one| name(one) == release) else {
        bail!(
            "no source of {release} is known; there are {}",
            TARBALLS.iter().map(name).collect::<Vec<_>>().join(", ")
        );
    };
    let work = tempfile::Builder::new().prefix("jm-source-").tempdir()?;
    let apt = Apt::new(&work.path().join("apt"), Suite::Bookworm)?;
    build::tried(&apt, tarball, work.path())?;
    println!("{release} is built of {}, and starts", tarball.path);
    Ok(())
}

/// Which servers are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Redis 7.0 and Valkey 8.0.
    Usual,
    /// Every line that can be had.
    Every,
    /// Further patches of some lines.
    Patches,
}

impl Need {
    fn sources(self) -> Vec<&'static Source> {
        match self {
            Self::Usual => USUAL.iter().collect(),
            Self::Every => USUAL.iter().chain(&FURTHER).collect(),
            Self::Patches => PATCHES.iter().collect(),
        }
    }

    /// Where they are: `<cache>/servers` or `<cache>/patches`.
    fn folder(self) -> Result<PathBuf> {
        Ok(house::cache()?.join(if self == Self::Patches { "patches" } else { "servers" }))
    }
}

/// Makes sure that the cache has the servers that are needed, fetching what is missing, and returns those, the newest of an
/// engine last.
///
/// Warm, this reads one folder. Two tasks at once wait for each other; a task that dies half-way leaves nothing that
/// looks finished, because a server appears by one rename.
pub(crate) fn ensure(need: Need) -> Result<Vec<Server>> {
    let folder = need.folder()?;
    let sources = need.sources();
    if missing(&sources, &cached(&folder)?).is_empty() {
        return Ok(needed(&sources, cached(&folder)?));
    }
    let _one_at_a_time = house::lock("servers")?;
    let wanted = missing(&sources, &cached(&folder)?); // another task may have been quicker
    if !wanted.is_empty() {
        fetch(&folder, &wanted)?;
    }
    Ok(needed(&sources, cached(&folder)?))
}

/// A `sources.list` of a release of Debian, by the machine's own mirrors and keys.
pub(crate) fn sources_list(codename: &str) -> Result<String> {
    match codename {
        "bookworm" => apt::sources_list(Suite::Bookworm),
        "trixie" => apt::sources_list(Suite::Trixie),
        other => bail!("nothing is known of the sources of {other}"),
    }
}

fn missing(sources: &[&'static Source], have: &[Server]) -> Vec<&'static Source> {
    let has = |source: &Source| have.iter().any(|server| source.brings(&server.engine, &server.version));
    sources.iter().copied().filter(|source| !has(source)).collect()
}

fn needed(sources: &[&Source], have: Vec<Server>) -> Vec<Server> {
    let wanted = |server: &Server| sources.iter().any(|source| source.brings(&server.engine, &server.version));
    have.into_iter().filter(wanted).collect()
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
        if USUAL.iter().any(|source| source.engine == engine) {
            found.push(Server { engine: engine.into(), version: version.into(), folder: entry.path() });
        }
    }
    found.sort_by_key(|server: &Server| (server.engine.clone(), numbers(&server.version)));
    Ok(found)
}

/// The numbers of a dotted version.
pub(crate) fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// Fetches servers: each suite of Debian at the same time as the others, for most of it is waiting for mirrors.
fn fetch(folder: &Path, wanted: &[&'static Source]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    remove_leftovers(folder)?;
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(folder)?;
    eprintln!("fetching {}", wanted.iter().map(|source| source.name()).collect::<Vec<_>>().join(", "));
    let suites: BTreeSet<Suite> = wanted.iter().filter_map(|source| source.suite()).chain([Suite::Bookworm]).collect();
    let apts = thread::scope(|scope| {
        let set_up = |suite| {
            let folder = work.path().join(format!("apt-{suite:?}"));
            scope.spawn(move || Ok((suite, Apt::new(&folder, suite)?)))
        };
        let running: Vec<_> = suites.into_iter().map(set_up).collect();
        running.into_iter().map(join).collect::<Result<BTreeMap<Suite, Apt>>>()
    })?;
    let patchelf = unpack::patchelf(&apts[&Suite::Bookworm], &work.path().join("patchelf"))?;
    let kitchen = Kitchen { folder, work: work.path(), patchelf: &patchelf, apts: &apts };
    thread::scope(|scope| {
        let running: Vec<_> = wanted.iter().map(|source| scope.spawn(|| kitchen.make(source))).collect();
        running.into_iter().try_for_each(join)
    })
}

fn join<T>(running: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What is needed to make a server.
struct Kitchen<'a> {
    folder: &'a Path,
    work: &'a Path,
    patchelf: &'a Path,
    apts: &'a BTreeMap<Suite, Apt>,
}

impl Kitchen<'_> {
    /// Fetches and unpacks one server, and puts it into its place.
    fn make(&self, source: &Source) -> Result<()> {
        self.make_at(source).with_context(|| format!("cannot make {}", source.name()))
    }

    fn make_at(&self, source: &Source) -> Result<()> {
        let made = self.work.join(source.name());
        match &source.origin {
            Origin::Debian(suite) => self.of_debian(source, &self.apts[suite], &made)?,
            Origin::Wheel(wheel) => {
                wheel::server(wheel, &made)?;
                if let Some((suite, packages)) = wheel.libraries {
                    unpack::libraries(&self.apts[&suite], self.patchelf, packages, &made)?;
                }
            }
        }
        let program = made.join("bin").join(format!("{}-server", source.engine));
        let version = version_of(&program, unpack::loader(&made)?.as_deref())?;
        if !source.brings(source.engine, &version) {
            bail!("it is {version}: name that line in xtask/src/servers/sources.rs");
        }
        let place = self.folder.join(format!("{}-{version}", source.engine));
        unpack::own_loader(self.patchelf, &made, &place)?;
        fs::rename(&made, &place).with_context(|| format!("cannot move the unpacked server to {}", place.display()))?;
        // At its place it starts as it is, or not at all.
        let there = place.join("bin").join(format!("{}-server", source.engine));
        version_of(&there, None).map(drop).inspect_err(|_| drop(fs::remove_dir_all(&place)))
    }

    /// By the first way that leads there; where none does, all of them are told.
    fn of_debian(&self, source: &Source, apt: &Apt, made: &Path) -> Result<()> {
        let indexed = apt.revisions(&format!("{}-server", source.engine))?;
        let mut failures = Vec::new();
        for way in ways(source, &indexed) {
            let went = match &way {
                Way::Package(revision) => unpack::server(apt, self.patchelf, (source.engine, revision), made),
                Way::Build(tarball) => build::server(apt, tarball, made),
            };
            let Err(why) = went else { return Ok(()) };
            eprintln!("{}: {why:#}", source.name());
            failures.push(format!("{why:#}"));
            if made.exists() {
                fs::remove_dir_all(made)?;
            }
        }
        bail!("Debian's index has {indexed:?}, and nothing else serves it:\n{}", failures.join("\n"))
    }
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

/// What the server prints about itself (`Redis server v=7.0.15 sha=...`), started by a loader if there is one; that it starts
/// is the proof that its libraries are found.
fn version_of(program: &Path, loader: Option<&Path>) -> Result<String> {
    let mut command = shell::plain(loader.unwrap_or(program));
    command.args(loader.map(|_| program));
    let said = shell::output(command.arg("--version").env_remove("LD_LIBRARY_PATH"))?;
    let Some(version) = version_in(&said) else {
        bail!("{} does not tell its version; it says: {said}", program.display());
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

    fn cache_with(names: &[&str]) -> (tempfile::TempDir, Vec<Server>) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let servers = cached(folder.path()).unwrap();
        (folder, servers)
    }

    fn names(servers: &[Server]) -> Vec<String> {
        servers.iter().map(|server| format!("{} {}", server.engine, server.version)).collect()
    }

    #[test]
    fn half_made_servers_are_not_seen() {
        let (folder, servers) = cache_with(&["redis-7.0.15", ".making-x1", "valkey-8.0.1", "other-1", "redis"]);
        assert_eq!(names(&servers), ["redis 7.0.15", "valkey 8.0.1"]);
        remove_leftovers(folder.path()).unwrap();
        assert!(!folder.path().join(".making-x1").exists());
        assert!(folder.path().join("redis-7.0.15").exists());
    }

    #[test]
    fn what_is_needed_is_returned_and_what_is_missing_is_fetched() {
        let (_folder, servers) = cache_with(&["redis-8.10.1", "redis-7.0.15", "redis-8.6.3", "valkey-8.1.1"]);
        assert_eq!(names(&servers), ["redis 7.0.15", "redis 8.6.3", "redis 8.10.1", "valkey 8.1.1"], "by number");
        let usual = Need::Usual.sources();
        assert_eq!(names(&needed(&usual, servers.clone())), ["redis 7.0.15"]);
        let lacking: Vec<String> = missing(&usual, &servers).iter().map(|source| source.name()).collect();
        assert_eq!(lacking, ["valkey 8.0"]);
        let every = missing(&Need::Every.sources(), &servers);
        assert_eq!(every.len(), USUAL.len() + FURTHER.len() - 3);
    }
}
