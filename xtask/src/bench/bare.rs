//! A cluster of bare servers that somebody made and reshards with `redis-cli`: three primaries and a fourth without slots, each with a
//! replica; without TLS, users, persistence or agents.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::cluster;
use crate::{procfs, shell};

/// Servers of shards that have slots: primaries first.
const FORMED: usize = 6;
/// The fourth primary and its replica.
const NEW: [usize; 2] = [6, 7];
/// Where to look for free ports.
const PORTS: std::ops::Range<u16> = 17_200..19_000;
/// How far above a server's port its bus is.
const BUS: u16 = 10_000;
/// Longest wait for the cluster.
const LIMIT: Duration = Duration::from_secs(60);

/// The servers, which end with this.
pub(super) struct Bare {
    cli: PathBuf,
    ports: Vec<u16>,
    _running: Vec<cluster::Server>,
}

impl Bare {
    /// Starts the servers below `folder`, and has `redis-cli` make a cluster of them.
    pub(super) fn formed(folder: &Path, program: &Path, cli: &Path) -> Result<Self> {
        let free = |base: &u16| {
            let all = (*base..).take(FORMED + NEW.len());
            all.flat_map(|port| [port, port + BUS]).all(|port| !procfs::is_listening(port))
        };
        let base = PORTS.step_by(FORMED + NEW.len()).find(free).context("no free ports")?;
        let ports: Vec<u16> = (base..).take(FORMED + NEW.len()).collect();
        let running = ports.iter().map(|port| start(&folder.join(port.to_string()), program, *port));
        let bare = Self { cli: cli.to_owned(), _running: running.collect::<Result<_>>()?, ports };
        bare.until("listen", || Ok(bare.ports.iter().all(|port| procfs::is_listening(*port))))?;
        let nodes: Vec<String> = bare.ports[..FORMED].iter().map(|port| address(*port)).collect();
        let create = ["--cluster", "create", "--cluster-replicas", "1", "--cluster-yes"];
        shell::output(Command::new(cli).args(create).args(&nodes))?;
        bare.until("agree", || bare.agrees(FORMED))?;
        let [primary, replica] = NEW.map(|number| address(bare.ports[number]));
        bare.cluster(&["add-node", &primary, &nodes[0]])?;
        bare.until("take the new primary in", || bare.agrees(FORMED + 1))?;
        let id = bare.id(NEW[0])?;
        bare.cluster(&["add-node", &replica, &nodes[0], "--cluster-slave", "--cluster-master-id", &id])?;
        bare.until("take its replica in", || bare.agrees(FORMED + 2))?;
        Ok(bare)
    }

    /// Where its clients begin.
    pub(super) fn endpoints(&self) -> Vec<String> {
        self.ports.iter().map(|port| address(*port)).collect()
    }

    /// Waits until all replicas have their copies.
    pub(super) fn rests(&self) -> Result<()> {
        self.until("be in sync", || self.agrees(self.ports.len()))
    }

    /// Moves so many slots from the three to the fourth. How long `redis-cli` took.
    pub(super) fn reshard(&self, slots: u16, pipeline: &str) -> Result<f64> {
        let (nodes, new) = (self.says(0, &["CLUSTER", "NODES"])?, self.id(NEW[0])?);
        let lines = nodes.lines().filter(|line| line.contains("master") && !line.starts_with(&new));
        let from: Vec<&str> = lines.filter_map(|line| line.split(' ').next()).collect();
        let (from, slots) = (from.join(","), slots.to_string());
        let began = Instant::now();
        self.cluster(&[
            "reshard",
            &address(self.ports[0]),
            "--cluster-from",
            &from,
            "--cluster-to",
            &new,
            "--cluster-slots",
            &slots,
            "--cluster-pipeline",
            pipeline,
            "--cluster-yes",
        ])?;
        let took = began.elapsed().as_secs_f64();
        let moved = slots_of(&self.says(NEW[0], &["CLUSTER", "NODES"])?);
        ensure!(moved.to_string() == slots, "redis-cli has moved {moved} slots instead of {slots}");
        Ok(took)
    }

    fn cluster(&self, words: &[&str]) -> Result<()> {
        shell::output(Command::new(&self.cli).arg("--cluster").args(words)).map(drop)
    }

    fn id(&self, number: usize) -> Result<String> {
        Ok(self.says(number, &["CLUSTER", "MYID"])?.trim().to_owned())
    }

    fn says(&self, number: usize, words: &[&str]) -> Result<String> {
        shell::output(Command::new(&self.cli).args(["-p", &self.ports[number].to_string()]).args(words))
    }

    /// Whether the first so many servers know of so many, with every slot served, and have their copies.
    fn agrees(&self, count: usize) -> Result<bool> {
        for number in 0..count {
            let (info, replication) =
                (self.says(number, &["CLUSTER", "INFO"])?, self.says(number, &["INFO", "replication"])?);
            let (info, replication) = (fields(&info), fields(&replication));
            let well = info.get("cluster_state") == Some(&"ok")
                && info.get("cluster_known_nodes") == Some(&&*count.to_string())
                && replication.get("master_link_status").is_none_or(|link| *link == "up");
            if !well {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn until(&self, what: &str, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while !so()? {
            ensure!(began.elapsed() < LIMIT, "the bare servers do not {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn start(home: &Path, program: &Path, port: u16) -> Result<cluster::Server> {
    fs::create_dir_all(home)?;
    let mut command = Command::new(program);
    command.current_dir(home).args(["--port", &port.to_string(), "--cluster-enabled", "yes", "--save", ""]);
    let started = command.args(["--bind", "127.0.0.1"]).stdout(Stdio::null()).spawn();
    Ok(cluster::Server(started.with_context(|| format!("cannot start {}", program.display()))?))
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// How many slots a server has, by its own line of `CLUSTER NODES`: ranges and single ones stand from the ninth word on.
fn slots_of(nodes: &str) -> u32 {
    let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default();
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    let range = |word: &str| word.split_once('-').map_or(1, |(from, to)| number(to) + 1 - number(from));
    own.split_whitespace().skip(8).map(range).sum()
}

/// Lines `name:value`.
fn fields(said: &str) -> HashMap<&str, &str> {
    said.lines().filter_map(|line| line.trim().split_once(':')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_own_slots_are_counted() {
        let nodes = "a1 127.0.0.1:1@10001 master - 0 0 1 connected 0-99\n\
                     b2 127.0.0.1:2@10002 myself,master - 0 0 2 connected 100-199 300\n";
        assert_eq!(slots_of(nodes), 101);
        assert_eq!(slots_of("b2 127.0.0.1:2@10002 myself,slave a1 0 0 2 connected\n"), 0);
    }

    #[test]
    fn fields_are_read() {
        let said = fields("cluster_state:ok\r\n# Replication\r\ncluster_known_nodes:8\r\n");
        assert_eq!((said.get("cluster_state"), said.get("cluster_known_nodes")), (Some(&"ok"), Some(&"8")));
        assert_eq!(said.get("master_link_status"), None);
    }
}
