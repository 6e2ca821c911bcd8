//! Another patch for six nodes under load, there and back: how long it takes, how long writers wait, and what is lost.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::cluster::{CLUSTER, PASSWORD, at_rest};
use super::node::{APPLY, DESTROY, Side};
use super::table::{Row, Unit};
use super::writer::{Seen, Writer};
use super::{median, percentile};
use crate::demo::Cleaner;
use crate::procfs;
use crate::servers::{self, Need, Server};

/// The line of which two patches can be had.
const LINE: &str = "8.0";
/// How long a roll may take.
const LONGEST_S: f64 = 20.0;
/// Shards of the cluster.
const SHARDS: u64 = 3;
const FLOOR: &str = "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n}\n";

/// Measures with the release binaries in `binaries`: as often up as down, `runs` in all.
pub(super) fn measure(binaries: &Path, runs: usize) -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("jm-bench-").tempdir()?.keep();
    let cleaner = Cleaner::watch(&folder)?;
    let (old, new) = (patch(Need::Every)?, patch(Need::Patches)?);
    let configuration = CLUSTER.replace("\"LINE\"", "var.release");
    let configuration = format!("variable \"release\" {{ default = \"{}\" }}\n{configuration}", old.version);
    let ours = Side::of(&folder.join("cluster"), binaries, &configuration, &[&old, &new])?;
    let ours = ours.with("TF_VAR_app_password", PASSWORD);
    let floor = Side::new(&folder.join("floor"), binaries, FLOOR)?;
    ours.run(&APPLY)?;
    let (mut up, mut down, mut floors, mut seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    eprintln!("{runs} rolls of six nodes between redis {} and {}", old.version, new.version);
    for run in 0..runs {
        let (from, to) = if run % 2 == 0 { (&old, &new) } else { (&new, &old) };
        let [before, variable] = [from, to].map(|server| format!("-var=release={}", server.version));
        let nodes = at_rest(&ours, &[&APPLY[..], &[&before]].concat())?;
        let writers = (0..SHARDS).map(|shard| Writer::begin(&ours, &folder, binaries, &nodes, shard));
        let writers = writers.collect::<Result<Vec<_>>>()?;
        floors.push(floor.run(&APPLY)?);
        let took = ours.run(&[&APPLY[..], &[&variable]].concat())?;
        if run % 2 == 0 {
            up.push(took)
        } else {
            down.push(took)
        }
        for writer in writers {
            seen.push(writer.end()?);
        }
    }
    ours.run(&DESTROY)?;
    let left = procfs::inside(&folder);
    ensure!(left.is_empty(), "destroy left {left:?}");
    cleaner.finish()?;
    rows(up, down, floors, &seen)
}

/// The patch of the line that is among these servers.
fn patch(need: Need) -> Result<Server> {
    let servers = servers::ensure(need)?.into_iter();
    let mut of_line =
        servers.filter(|server| server.engine == "redis" && server.version.starts_with(&format!("{LINE}.")));
    of_line.next_back().with_context(|| format!("no redis {LINE} among these"))
}

fn rows(up: Vec<f64>, down: Vec<f64>, floors: Vec<f64>, seen: &[Seen]) -> Result<Vec<Row>> {
    let gaps: Vec<f64> = seen.iter().map(|seen| seen.gap_s).collect();
    let (nearly_all, longest) = (percentile(gaps.clone(), 99)?, percentile(gaps.clone(), 100)?);
    let peer = Some(("an apply of nothing", median(floors)));
    let row = |what, target, measured, peer, unit| Row { what, target, measured, peer, unit, pace: None };
    let sum = |of: fn(&Seen) -> f64| seen.iter().map(of).sum::<f64>();
    let rolls = [&up[..], &down[..]].concat();
    let slow = rolls.iter().filter(|took| **took > LONGEST_S).count() as f64;
    let mut rows =
        vec![row("patch upgrade of 3 + 3 under load", Some(LONGEST_S), median(up), peer, Unit::Milliseconds)];
    if !down.is_empty() {
        rows.push(row("  and down again, each node emptied", Some(LONGEST_S), median(down), peer, Unit::Milliseconds));
    }
    rows.push(row(
        "  rolls that took longer than 20 s",
        Some(0.0),
        slow,
        Some(("of", rolls.len() as f64)),
        Unit::Count,
    ));
    let of = Some(("of writers", gaps.len() as f64));
    rows.push(row("  a writer's longest pause, median", Some(0.06), median(gaps), None, Unit::Milliseconds));
    rows.push(row("  p99", Some(0.25), nearly_all, None, Unit::Milliseconds));
    rows.push(row("  the longest", Some(0.5), longest, None, Unit::Milliseconds));
    rows.push(row("  writers that paused", None, seen.len() as f64, of, Unit::Count));
    let acknowledged = Some(("of", sum(|seen| seen.acknowledged)));
    rows.push(row("  acknowledged writes lost", Some(0.0), sum(|seen| seen.lost), acknowledged, Unit::Count));
    Ok(rows)
}
