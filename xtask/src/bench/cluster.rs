//! A cluster of three shards with a replica each: how long it takes to make one, and how long writes stop when a primary dies
//! or its machine stands still. The peer makes the same with `redis-cli --cluster create`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::median;
use super::node::{APPLY, DESTROY, Side};
use super::table::{Row, Unit};
use crate::demo::Cleaner;
use crate::nodes::{self, Node};
use crate::{procfs, servers, shell};

/// How often a cluster is made: seconds each, so fewer than the rest.
const CREATIONS: usize = 3;
/// How often a primary dies: its shard must come to rest in between.
const DEATHS: usize = 5;
/// How often a machine stands still: ten seconds each, and as long until everything is at rest.
const FREEZES: usize = 3;
/// The writer's program, of the package `acceptance-tests`.
pub(super) const WRITER: &str = "shard-writer";
/// The password of the writer, in a cluster that lives for a minute.
pub(super) const PASSWORD: &str = "bench-password-0123456789";
/// How long a primary that was started takes no writes, in seconds: the servers' own `CLUSTER_WRITABLE_DELAY`.
const WRITABLE_DELAY: f64 = 2.0;
/// What a plan of only `terraform_data` took on the machine for which the target was set, in seconds.
const FLOOR_THERE: f64 = 0.034;

pub(super) const CLUSTER: &str = r#"
variable "app_password" {
  type      = string
  sensitive = true
  ephemeral = true
}
variable "on_crash" { default = "failover" }
resource "justmanage_redis_cluster" "bench" {
  name                = "bench"
  engine              = "redis"
  version             = "LINE"
  shards              = 3
  replicas_per_shard  = 1
  memory              = "64MiB"
  deletion_protection = false
  on_crash            = var.on_crash
  local               = {}
}
resource "justmanage_redis_user" "app" {
  cluster_id          = justmanage_redis_cluster.bench.id
  name                = "app"
  acl                 = "~* +@all -@dangerous"
  password_wo         = var.app_password
  password_wo_version = 1
}
data "justmanage_redis_cluster" "bench" {
  id = justmanage_redis_cluster.bench.id
}
output "ca" { value = justmanage_redis_cluster.bench.ca_certificate }
output "nodes" { value = data.justmanage_redis_cluster.bench.nodes }
"#;

const FLOOR: &str = "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n}\n";

/// Measures with the release binaries in `binaries`.
pub(super) fn measure(binaries: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("jm-bench-").tempdir()?.keep();
    let cleaner = Cleaner::watch(&folder)?;
    let ours = Side::new(&folder.join("cluster"), binaries, CLUSTER)?.with("TF_VAR_app_password", PASSWORD);
    let floor = Side::new(&folder.join("floor"), binaries, FLOOR)?;
    let mut rows = Vec::new();
    eprintln!("creating and destroying a cluster of six nodes, {CREATIONS} times, and the peer's");
    rows.extend(creations(&ours, &floor, &folder)?);
    let interrupted = |times: usize, apply: &[&str], happens| {
        (0..times).map(|_| interruption(&ours, apply, &folder, binaries, happens)).collect::<Result<Vec<_>>>()
    };
    eprintln!("{DEATHS} deaths of a primary's process");
    rows.extend(gap(
        ["writes stop when a primary's process dies", "  acknowledged writes lost in it"],
        Some(0.3),
        &interrupted(DEATHS, &APPLY, die)?,
    ));
    eprintln!("the same, when it is to be started where it is");
    let restart = [&APPLY[..], &["-var=on_crash=restart"]].concat();
    rows.extend(gap(
        ["the same, on_crash = \"restart\"", "  acknowledged writes lost in it"],
        None,
        &interrupted(DEATHS, &restart, die)?,
    ));
    eprintln!("a primary's machine stands still");
    rows.extend(gap(
        ["writes stop when a machine stands still", "  acknowledged writes lost in it"],
        Some(10.0),
        &interrupted(FREEZES, &APPLY, freeze)?,
    ));
    ours.run(&DESTROY)?;
    let left = procfs::inside(&folder);
    ensure!(left.is_empty(), "destroy left {left:?}");
    cleaner.finish()?;
    Ok(rows)
}

/// The last creation stays, for what is measured next.
fn creations(ours: &Side, floor: &Side, folder: &Path) -> Result<[Row; 2]> {
    let (mut made, mut peers, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..CREATIONS {
        if turn > 0 {
            ours.run(&DESTROY)?;
            floor.run(&DESTROY)?;
        }
        peers.push(redis_cli_creates(&folder.join(format!("peer-{turn}")))?);
        floors.push(floor.run(&APPLY)?);
        made.push(ours.run(&APPLY)?);
    }
    let (made, peer, floor) = (median(made), median(peers), median(floors));
    let peer = Some(("redis-cli --cluster create", peer));
    let row = |what, target, measured, pace| Row { what, target, measured, peer, unit: Unit::Milliseconds, pace };
    Ok([
        row("apply that creates 3 x 2 and a user", Some(3.0), made, Some(pace_beside_wait(made, floor / FLOOR_THERE))),
        row("  at most half of the peer's", peer.map(|(_, value)| value / 2.0), made, None),
    ])
}

/// The pace of something of which [`WRITABLE_DELAY`] is the same on every machine.
fn pace_beside_wait(measured: f64, pace: f64) -> f64 {
    let work = (measured - WRITABLE_DELAY).max(0.0);
    measured / (measured - work + work / pace)
}

/// Starts six servers, lets `redis-cli` make a cluster of them, and ends them: without TLS, users and persistence.
fn redis_cli_creates(folder: &Path) -> Result<f64> {
    let server = servers::ensure(servers::Need::Usual)?.into_iter().rfind(|server| server.engine == "redis");
    let bin = server.context("no Redis")?.bin();
    let ports: Vec<u16> = (17_100..17_106).collect();
    let started = Instant::now();
    let mut running = Vec::new();
    for port in &ports {
        let home = folder.join(port.to_string());
        fs::create_dir_all(&home)?;
        let mut command = Command::new(bin.join("redis-server"));
        command.current_dir(&home).args(["--port", &port.to_string(), "--cluster-enabled", "yes", "--save", ""]);
        running.push(Server(command.stdout(Stdio::null()).spawn().context("cannot start redis-server")?));
    }
    let nodes: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ports.iter().all(|port| procfs::is_listening(*port)) {
        ensure!(Instant::now() < deadline, "the peer's servers do not listen");
        std::thread::sleep(Duration::from_millis(2));
    }
    let cli = bin.join("redis-cli");
    let create = ["--cluster", "create", "--cluster-replicas", "1", "--cluster-yes"];
    shell::output(Command::new(&cli).args(create).args(&nodes))?;
    // Done when it serves and its replicas have their data: what ours is measured by.
    for port in &ports {
        let says = |command: &[&str]| {
            shell::output(Command::new(&cli).args(["-p", &port.to_string()]).args(command)).unwrap_or_default()
        };
        while !says(&["cluster", "info"]).contains("cluster_state:ok")
            || says(&["info", "replication"]).contains("master_link_status:down")
        {
            ensure!(Instant::now() < deadline, "the peer's cluster does not come about");
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

/// A server of the peer's; it ends with this.
pub(super) struct Server(pub(super) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What clients saw of an interruption.
struct Interruption {
    gap_s: f64,
    acknowledged: f64,
    lost: f64,
}

/// What clients saw when this happened to the primary of shard 0.
fn interruption(
    ours: &Side,
    apply: &[&str],
    folder: &Path,
    binaries: &Path,
    happens: fn(&Node) -> Result<()>,
) -> Result<Interruption> {
    let shard = at_rest(ours, apply)?;
    let shard: Vec<&Value> = shard.iter().filter(|node| node["shard"] == 0).collect();
    let endpoint = |node: &&Value| node["endpoint"].as_str().map(str::to_owned);
    let primary = shard.iter().find(|node| node["role"] == "primary").and_then(endpoint).context("no primary")?;
    let endpoints: Vec<String> = shard.iter().filter_map(endpoint).collect();
    let ca = folder.join("ca.pem");
    fs::write(&ca, ours.output("ca")?.as_str().context("a certificate is text")?)?;

    let mut writer = Command::new(binaries.join(WRITER));
    writer.arg(&ca).arg("app").args(&endpoints).env("WRITER_PASSWORD", PASSWORD);
    let mut writer = Server(writer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(WRITER)?);
    let mut says = BufReader::new(writer.0.stdout.take().context("no output")?).lines();
    says.next().context("the writer ended")??; // its first write is acknowledged
    let nodes = nodes::below(folder)?;
    let node = nodes.iter().find(|node| node.endpoint == primary).context("the primary is no node of ours")?;
    happens(node)?;
    let mut input = writer.0.stdin.take().context("no input")?;
    writeln!(input, "resumed?")?; // it answers when writes have gone on after the longest gap
    let report: Value = serde_json::from_str(&says.next().context("the writer ended")??)?;
    nodes::signal(node.agent, Signal::CONT)?;
    let _ = nodes::signal(node.server, Signal::CONT);
    let number = |key: &str| report[key].as_f64().with_context(|| format!("{key} is no number in {report}"));
    Ok(Interruption { gap_s: number("gap_s")?, acknowledged: number("acknowledged")?, lost: number("lost")? })
}

/// The nodes, once every replica has its copy: what the agents do by themselves is no difference, so no apply waits for it.
pub(super) fn at_rest(ours: &Side, apply: &[&str]) -> Result<Vec<Value>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        ours.run(apply)?;
        let nodes: Vec<Value> = ours.output("nodes")?.as_array().into_iter().flatten().cloned().collect();
        let copied = |node: &Value| node["role"] == "primary" || node["replication_lag_bytes"].is_number();
        if nodes.iter().all(|node| node["state"] == "running" && copied(node)) {
            return Ok(nodes);
        }
        ensure!(Instant::now() < deadline, "the cluster does not come to rest: {nodes:?}");
    }
}

fn die(node: &Node) -> Result<()> {
    nodes::signal(node.server, Signal::KILL)
}

fn freeze(node: &Node) -> Result<()> {
    nodes::signal(node.server, Signal::STOP)?;
    nodes::signal(node.agent, Signal::STOP)
}

fn gap(what: [&'static str; 2], target: Option<f64>, measured: &[Interruption]) -> [Row; 2] {
    let all = |of: fn(&Interruption) -> f64| measured.iter().map(of).collect::<Vec<_>>();
    let (gaps, lost) = (all(|one| one.gap_s), all(|one| one.lost));
    let worst = gaps.iter().copied().fold(0.0, f64::max);
    let row = |what, target, measured, peer, unit| Row { what, target, measured, peer: Some(peer), unit, pace: None };
    [
        row(what[0], target, median(gaps), ("the longest of them", worst), Unit::Milliseconds),
        row(what[1], None, lost.iter().sum(), ("of", all(|one| one.acknowledged).iter().sum()), Unit::Count),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_wait_takes_as_long_everywhere() {
        let there = |measured: f64, pace: f64| measured / pace_beside_wait(measured, pace);
        assert!((there(3.0, 2.0) - 2.5).abs() < 1e-9, "one second of work at half the pace");
        assert!((there(3.0, 1.0) - 3.0).abs() < 1e-9);
        assert!((there(1.0, 2.0) - 1.0).abs() < 1e-9, "nothing but waiting");
    }
}
