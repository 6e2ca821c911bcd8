//! Planned handovers under load, ours and those of the same servers without any agent: `CLUSTER FAILOVER` by a script, one shard after
//! the other, under the same clients.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::cluster::{CLUSTER, PASSWORD, at_rest};
use super::node::{APPLY, DESTROY, Side};
use super::table::{Row, Unit};
use super::writer::{Seen, Writer};
use super::{median, percentile};
use crate::demo::Cleaner;
use crate::servers::{self, Need};
use crate::{nodes, procfs, shell};

/// Shards of the cluster.
const SHARDS: u64 = 3;
/// Longest wait for a server that is to be a replica in sync.
const LIMIT: Duration = Duration::from_secs(60);

/// Measures with the release binaries in `binaries`: by turns, `runs` times three handovers of each.
pub(super) fn measure(binaries: &Path, runs: usize) -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("jm-bench-").tempdir()?.keep();
    let cleaner = Cleaner::watch(&folder)?;
    // A setting that needs a restart, so each primary hands over first; and a user who may do the same by hand.
    let setting = "local               = {}\n  config              = { \"io-threads\" = var.threads }";
    let text = CLUSTER.replace("local               = {}", setting).replace(" -@dangerous", "");
    let text = format!("variable \"threads\" {{ default = \"1\" }}\n{text}");
    ensure!(text.contains("io-threads"), "the cluster has no place for the setting");
    let ours = Side::new(&folder.join("cluster"), binaries, &text)?.with("TF_VAR_app_password", PASSWORD);
    let cli = servers::ensure(Need::Usual)?.into_iter().rfind(|server| server.engine == "redis").context("no Redis")?;
    let script = Script { cli: cli.bin().join("redis-cli"), ca: folder.join("ca.pem") };
    ours.run(&APPLY)?;
    let (mut handed, mut by_hand) = (Vec::new(), Vec::new());
    eprintln!("{runs} times three handovers, ours and by hand");
    for run in 0..runs {
        let [before, after] = [run, run + 1].map(|run| format!("-var=threads={}", 1 + run % 2));
        let nodes = at_rest(&ours, &[&APPLY[..], &[&before]].concat())?;
        handed.extend(paused(&ours, &folder, binaries, &nodes, || {
            ours.run(&[&APPLY[..], &[&after]].concat()).map(drop)
        })?);
        let nodes = at_rest(&ours, &[&APPLY[..], &[&after]].concat())?;
        for node in nodes::below(&folder)? {
            nodes::signal(node.agent, Signal::KILL)?;
        }
        by_hand.extend(paused(&ours, &folder, binaries, &nodes, || {
            (0..SHARDS).try_for_each(|shard| script.hand_over(&nodes, shard))
        })?);
    }
    ours.run(&APPLY)?;
    ours.run(&DESTROY)?;
    let left = procfs::inside(&folder);
    ensure!(left.is_empty(), "destroy left {left:?}");
    cleaner.finish()?;
    rows(handed, by_hand)
}

/// How long the clients of each shard had to wait while this happens.
fn paused(
    ours: &Side,
    folder: &Path,
    binaries: &Path,
    nodes: &[Value],
    happens: impl FnOnce() -> Result<()>,
) -> Result<Vec<Seen>> {
    let writers = (0..SHARDS).map(|shard| Writer::begin(ours, folder, binaries, nodes, shard));
    let writers = writers.collect::<Result<Vec<_>>>()?;
    happens()?;
    writers.into_iter().map(Writer::end).collect()
}

/// What somebody without agents does.
struct Script {
    cli: PathBuf,
    ca: PathBuf,
}

impl Script {
    /// Tells the replica of a shard to take over, and waits until the two have changed places.
    fn hand_over(&self, nodes: &[Value], shard: u64) -> Result<()> {
        let endpoint = |role: &str| {
            let node = nodes.iter().find(|node| node["shard"] == shard && node["role"] == role);
            node.and_then(|node| node["endpoint"].as_str()).with_context(|| format!("shard {shard} has no {role}"))
        };
        let (primary, replica) = (endpoint("primary")?, endpoint("replica")?);
        let said = self.says(replica, &["CLUSTER", "FAILOVER"])?;
        ensure!(said.trim() == "OK", "CLUSTER FAILOVER: {said}");
        let begun = Instant::now();
        let role =
            |at: &str| Ok::<_, anyhow::Error>(self.says(at, &["ROLE"])?.lines().map(str::to_owned).collect::<Vec<_>>());
        // `slave`, address, port, `connected`, offset.
        while !(role(replica)?.first().is_some_and(|role| role == "master")
            && role(primary)?.get(3).is_some_and(|link| link == "connected"))
        {
            ensure!(begun.elapsed() < LIMIT, "shard {shard} was not handed over by hand");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn says(&self, endpoint: &str, words: &[&str]) -> Result<String> {
        let (host, port) =
            endpoint.trim_start_matches("rediss://").rsplit_once(':').context("an endpoint has a port")?;
        let mut cli = Command::new(&self.cli);
        cli.args(["--tls", "--cacert"]).arg(&self.ca).args([
            "-h",
            host,
            "-p",
            port,
            "--user",
            "app",
            "--no-auth-warning",
        ]);
        shell::output(cli.args(words).env("REDISCLI_AUTH", PASSWORD))
    }
}

fn rows(ours: Vec<Seen>, by_hand: Vec<Seen>) -> Result<Vec<Row>> {
    let lost: f64 = ours.iter().map(|seen| seen.lost).sum();
    let acknowledged: f64 = ours.iter().map(|seen| seen.acknowledged).sum();
    let gaps = |seen: &[Seen]| seen.iter().map(|seen| seen.gap_s).collect::<Vec<f64>>();
    let of = |seen: &[Seen], percent: usize| percentile(gaps(seen), percent);
    let row = |what, target, measured, peer| Row {
        what,
        target: Some(target),
        measured,
        peer: Some(("CLUSTER FAILOVER by hand", peer)),
        unit: Unit::Milliseconds,
        pace: None,
    };
    Ok(vec![
        row("planned handover: write pause, median", 0.06, median(gaps(&ours)), median(gaps(&by_hand))),
        row("  p99", 0.25, of(&ours, 99)?, of(&by_hand, 99)?),
        row("  the longest", 0.5, of(&ours, 100)?, of(&by_hand, 100)?),
        Row {
            what: "  acknowledged writes lost",
            target: Some(0.0),
            measured: lost,
            peer: Some(("of", acknowledged)),
            unit: Unit::Count,
            pace: None,
        },
    ])
}
