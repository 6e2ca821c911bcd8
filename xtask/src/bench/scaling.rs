//! From three shards to four by an apply: agents plan which 4,096 slots move, give the grant and move them, under a client that writes, on
//! a cluster with a replica of each shard. Beside it `redis-cli` moves as many between bare servers with replicas, by turns.
//!
//! [`super::resharding`] has the mover alone. What is measured here is all that lies between a grant and its end: settings that hold while
//! slots move, probes, both agents of each move, and what the leader has to hear of.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::bare::Bare;
use super::cluster::{self, CLUSTER, PASSWORD, at_rest};
use super::median;
use super::node::{APPLY, DESTROY, Side};
use super::table::{Row, Unit};
use crate::demo::Cleaner;
use crate::procfs;
use crate::servers::{self, Need, Server};

/// The client's program, of the package `acceptance-tests`.
const WRITER: &str = "cluster-writer";
/// How often: half a minute each, so fewer than the rest.
const TIMES: usize = 3;
/// Keys that lie there, of which a quarter moves.
const KEYS: u64 = 250_000;
/// Slots that move, and how many a second those are to be that move whole.
const SLOTS: u16 = 4096;
const WHOLE_A_SECOND: f64 = 5000.0;
/// How much faster than `redis-cli` with its defaults.
const FASTER: f64 = 1.3;
/// Longest time that a client may be without a write, in seconds.
const PAUSE: f64 = 0.1;

/// Who moves slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Agents,
    /// So many keys at once.
    Cli(&'static str),
}

const CLI: By = By::Cli("10");
const CLI_100: By = By::Cli("100");

/// What is measured of a server that moves key by key, and of one that can give a slot away whole.
const LINES: [(&str, &str, &[By]); 2] =
    [("redis", "7.2", &[By::Agents, CLI, CLI_100]), ("valkey", "9.1", &[By::Agents, CLI])];

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
struct Move {
    engine: &'static str,
    by: By,
    seconds: f64,
    /// The whole apply, with machines and all; as long as the move, where `redis-cli` did it.
    apply_s: f64,
    seen: Seen,
}

/// What the client saw.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    gap_s: f64,
    acknowledged: f64,
    /// Of these, and of the keys that lay there.
    lost: f64,
}

/// Measures with the release binaries in `binaries`.
pub(super) fn measure(binaries: &Path, runs: usize) -> Result<Vec<Row>> {
    let times = runs.min(TIMES);
    let folder = tempfile::Builder::new().prefix("jm-bench-").tempdir()?.keep();
    let cleaner = Cleaner::watch(&folder)?;
    let servers = servers::ensure(Need::Every)?;
    let of = |engine: &str, line: &str| -> Result<&Server> {
        let newest = servers.iter().rfind(|one| one.engine == engine && one.version.starts_with(&format!("{line}.")));
        newest.with_context(|| format!("no {engine} {line}"))
    };
    let cli = of("redis", "7.0")?.bin().join("redis-cli");
    eprintln!("{SLOTS} slots of clusters with {KEYS} keys move, {times} times, by agents and by redis-cli");
    let mut moves = Vec::new();
    for run in 0..times {
        for (engine, line, all) in LINES {
            for by in all {
                let place = folder.join(format!("{engine}-{run}-{}", moves.len()));
                let field = Field { binaries, cli: &cli, server: of(engine, line)?, engine, folder: &place };
                let moved = match by {
                    By::Agents => field.by_agents()?,
                    By::Cli(pipeline) => field.by_cli(pipeline)?,
                };
                eprintln!(
                    "  {engine} {line}, {by:?}: {:.2} s ({:.2} s in all), longest pause {:.0} ms, {:.0} acknowledged, {:.0} lost",
                    moved.seconds,
                    moved.apply_s,
                    moved.seen.gap_s * 1e3,
                    moved.seen.acknowledged,
                    moved.seen.lost
                );
                moves.push(moved);
            }
        }
    }
    let left = procfs::inside(&folder);
    ensure!(left.is_empty(), "something still runs: {left:?}");
    cleaner.finish()?;
    rows(&moves)
}

/// Where one of them takes place.
struct Field<'a> {
    binaries: &'a Path,
    cli: &'a Path,
    server: &'a Server,
    engine: &'static str,
    folder: &'a Path,
}

impl Field<'_> {
    fn by_agents(&self) -> Result<Move> {
        let text = CLUSTER.replace("\"LINE\"", &format!("\"{}\"", self.server.version));
        let text = text.replace("\"redis\"", &format!("\"{}\"", self.engine));
        let text = text.replace("shards              = 3", "shards              = var.shards");
        let text = text.replace("64MiB", "128MiB").replace("-@dangerous", "-@dangerous +cluster +info");
        let text = format!(
            "variable \"shards\" {{ default = 3 }}\n{text}\
             output \"report\" {{ value = justmanage_redis_cluster.bench.last_operation }}\n"
        );
        ensure!(text.contains("= var.shards"), "the cluster has no place for the number of shards");
        let ours = Side::of(self.folder, self.binaries, &text, &[self.server])?.with("TF_VAR_app_password", PASSWORD);
        let nodes = at_rest(&ours, &APPLY)?;
        let endpoints: Vec<String> =
            nodes.iter().filter_map(|node| Some(node["endpoint"].as_str()?.to_owned())).collect();
        let ca = self.folder.join("ca.pem");
        std::fs::write(&ca, ours.output("ca")?.as_str().context("a certificate is text")?)?;
        let mut client = self.client(&ca.display().to_string(), "app", &endpoints)?;
        at_rest(&ours, &APPLY)?;
        client.writes()?;
        let apply_s = ours.run(&[&APPLY[..], &["-var=shards=4"]].concat())?;
        let seen = client.end()?;
        let seconds = took(&ours.output("report")?)?;
        ours.run(&[&DESTROY[..], &["-var=shards=4"]].concat())?;
        Ok(Move { engine: self.engine, by: By::Agents, seconds, apply_s, seen })
    }

    fn by_cli(&self, pipeline: &'static str) -> Result<Move> {
        let program: PathBuf = self.server.bin().join(format!("{}-server", self.engine));
        let bare = Bare::formed(self.folder, &program, self.cli)?;
        let mut client = self.client("-", "-", &bare.endpoints())?;
        bare.rests()?;
        client.writes()?;
        let seconds = bare.reshard(SLOTS, pipeline)?;
        let seen = client.end()?;
        Ok(Move { engine: self.engine, by: By::Cli(pipeline), seconds, apply_s: seconds, seen })
    }

    fn client(&self, ca: &str, user: &str, endpoints: &[String]) -> Result<Client> {
        let mut program = Command::new(self.binaries.join(WRITER));
        program.args([ca, user, &KEYS.to_string()]).args(endpoints).env("WRITER_PASSWORD", PASSWORD);
        let mut process =
            cluster::Server(program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(WRITER)?);
        let lines = BufReader::new(process.0.stdout.take().context("no output")?).lines();
        let input = process.0.stdin.take().context("no input")?;
        let mut client = Client { _process: process, input, lines };
        client.says("filled")?;
        Ok(client)
    }
}

/// The client at work.
struct Client {
    _process: cluster::Server,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn line(&mut self) -> Result<String> {
        Ok(self.lines.next().context("the client ended")??)
    }

    fn says(&mut self, what: &str) -> Result<()> {
        let said = self.line()?;
        ensure!(said == what, "the client says {said:?} instead of {what:?}");
        Ok(())
    }

    fn writes(&mut self) -> Result<()> {
        writeln!(self.input, "write")?;
        self.says("writing")
    }

    fn end(mut self) -> Result<Seen> {
        writeln!(self.input, "end")?;
        let line = self.line()?;
        let report: Value = serde_json::from_str(&line)?;
        let number = |key: &str| report[key].as_f64().with_context(|| format!("{key} is no number in {line}"));
        Ok(Seen {
            gap_s: number("gap_s")?,
            acknowledged: number("acknowledged")?,
            lost: number("lost")? + number("missing")?,
        })
    }
}

/// Seconds from the first grant to move slots to the end of the last one, by the report of the operation; it must have been all of them.
fn took(report: &Value) -> Result<f64> {
    let steps = report["steps"].as_array().context("the operation has no steps")?;
    let moves: Vec<&Value> = steps.iter().filter(|step| step["what"] == "move of slots").collect();
    let sum = |key: &str| moves.iter().filter_map(|step| step[key].as_f64()).sum::<f64>();
    ensure!(sum("moved_slots") == f64::from(SLOTS), "not {SLOTS} slots have moved: {report}");
    ensure!(report["proven"] == true && report["lost_writes"] == 0, "the agents cannot prove it: {report}");
    Ok(sum("took_ms") / 1e3)
}

fn rows(moves: &[Move]) -> Result<Vec<Row>> {
    let all = |engine: &str, by: By, what: fn(&Move) -> f64| -> Result<Vec<f64>> {
        let all: Vec<f64> = moves.iter().filter(|one| one.engine == engine && one.by == by).map(what).collect();
        ensure!(!all.is_empty(), "nothing was measured of {engine} by {by:?}");
        Ok(all)
    };
    let of = |engine: &str, by: By, what: fn(&Move) -> f64| Ok::<_, anyhow::Error>(median(all(engine, by, what)?));
    let most = |engine: &str, by: By| {
        let gaps = all(engine, by, |one| one.seen.gap_s)?;
        Ok::<_, anyhow::Error>(gaps.into_iter().fold(0.0, f64::max))
    };
    let row = |what, target, measured, peer| Row {
        what,
        target,
        measured,
        peer: Some(peer),
        unit: Unit::Milliseconds,
        pace: None,
    };
    let seconds = |one: &Move| one.seconds;
    let mut rows = Vec::new();
    for (engine, _, bys) in LINES {
        let (ours, cli) = (of(engine, By::Agents, seconds)?, of(engine, CLI, seconds)?);
        if bys.contains(&CLI_100) {
            let cli_100 = of(engine, CLI_100, seconds)?;
            rows.push(row(
                "scale out, 4,096 slots, key by key",
                Some(cli / FASTER),
                ours,
                ("redis-cli, its default", cli),
            ));
            rows.push(row(
                "  not slower than its longer pipeline",
                Some(cli_100),
                ours,
                ("--cluster-pipeline 100", cli_100),
            ));
        } else {
            let target = f64::from(SLOTS) / WHOLE_A_SECOND;
            rows.push(row("scale out, 4,096 slots moved whole", Some(target), ours, ("redis-cli, its default", cli)));
        }
        rows.push(row(
            "  the whole apply, with two machines",
            None,
            of(engine, By::Agents, |one| one.apply_s)?,
            ("the move", ours),
        ));
        let gap = ("redis-cli", most(engine, CLI)?);
        rows.push(row("  a writer's longest pause, of all", Some(PAUSE), most(engine, By::Agents)?, gap));
        let sum = |what| Ok::<_, anyhow::Error>(all(engine, By::Agents, what)?.into_iter().sum::<f64>());
        rows.push(Row {
            what: "  writes and keys lost",
            target: Some(0.0),
            measured: sum(|one| one.seen.lost)?,
            peer: Some(("acknowledged", sum(|one| one.seen.acknowledged)?)),
            unit: Unit::Count,
            pace: None,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moved(engine: &'static str, by: By, seconds: f64, gap_s: f64, lost: f64) -> Move {
        Move { engine, by, seconds, apply_s: seconds, seen: Seen { gap_s, acknowledged: 100.0, lost } }
    }

    #[test]
    fn what_is_slow_or_lost_is_over() {
        let mut moves = vec![
            moved("redis", By::Agents, 5.0, 0.05, 0.0),
            moved("redis", By::Agents, 5.0, 0.2, 1.0),
            moved("redis", CLI, 6.6, 0.1, 0.0),
            moved("redis", CLI_100, 4.0, 0.1, 0.0),
            moved("valkey", By::Agents, 0.8, 0.01, 0.0),
        ];
        assert!(rows(&moves).is_err(), "what was not measured is no row");
        moves.push(moved("valkey", CLI, 6.0, 0.1, 0.0));
        let over: Vec<bool> = rows(&moves).unwrap().iter().map(Row::is_over).collect();
        assert_eq!(over, [false, true, false, true, true, false, false, false, false]);
    }

    #[test]
    fn a_move_is_all_the_slots_and_proven() {
        let report = |slots: u16, proven: bool| {
            let step = |slots: u16| json!({ "what": "move of slots", "took_ms": 1500, "moved_slots": slots });
            json!({ "proven": proven, "lost_writes": 0, "steps": [step(slots), step(96), { "what": "restart", "took_ms": 9 }] })
        };
        assert!((took(&report(4000, true)).unwrap() - 3.0).abs() < 1e-9);
        assert!(took(&report(3999, true)).is_err());
        assert!(took(&report(4000, false)).is_err());
    }
}
