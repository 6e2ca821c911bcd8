//! `cargo xtask bench`: the project's numbers, each beside a peer that was measured in the same run.
//!
//! Numbers of one machine mean little; the ratio to a peer on the same machine, interleaved in time, means more.

mod acceptance;
mod bare;
mod clients;
mod cluster;
mod framework;
mod handover;
mod kills;
mod many;
mod node;
mod raft;
mod refresh;
mod resharding;
mod rolling;
mod scaling;
mod servers;
mod start;
mod table;
mod writer;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::terraform::{AGENT, PROVIDER};
use crate::{house, shell, terraform};
use table::{Row, Unit};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often each thing is measured; the median is shown
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// Measure only this: start, framework, node, cluster, rolling, handover, resharding, scaling, many, refresh, raft,
    /// clients, servers or kills; may be given several times. Servers need root and kills take half an hour: both are left out unless they
    /// are named, and so are clients, which need redis-py and ioredis
    #[arg(long)]
    only: Vec<String>,
    /// Fail when a number is over its target
    #[arg(long)]
    strict: bool,
}

/// Builds with the release profile, measures, prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.runs == 0 {
        bail!("--runs must be at least 1");
    }
    terraform::program()?; // before minutes of building
    shell::stream(house::cargo()?.args([
        "build",
        "--locked",
        "--release",
        "-p",
        PROVIDER,
        "-p",
        AGENT,
        "-p",
        "acceptance-tests",
    ]))?;
    let binaries = house::target()?.join("release");
    if let Some(name) = options.only.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
        bail!("there is no {name:?} to measure; there are {}", SECTIONS.join(", "));
    }
    let mut rows = Vec::new();
    let wanted = |name: &&str| match options.only.as_slice() {
        [] => ![clients::SECTION, servers::SECTION, kills::SECTION].contains(name),
        only => only.iter().any(|one| one == name),
    };
    for section in SECTIONS.into_iter().filter(wanted) {
        rows.extend(measure(section, &binaries, options.runs)?);
    }
    println!("{}", table::render(&rows));
    let over = rows.iter().filter(|row| row.is_over()).count();
    if options.strict && over > 0 { bail!("{over} numbers are over their targets") } else { Ok(()) }
}

/// What is measured, in this order.
const SECTIONS: [&str; 14] = [
    "start",
    "framework",
    "node",
    "cluster",
    "rolling",
    "handover",
    "resharding",
    "scaling",
    "many",
    "refresh",
    "raft",
    clients::SECTION,
    servers::SECTION,
    kills::SECTION,
];

fn measure(section: &str, binaries: &Path, runs: usize) -> Result<Vec<Row>> {
    match section {
        "start" => {
            eprintln!("provider start, {runs} runs");
            let mut rows = start::measure(&binaries.join(PROVIDER), runs)?;
            rows.extend(sizes(binaries)?);
            Ok(rows)
        }
        "framework" => framework::measure(binaries, runs),
        "node" => node::measure(binaries, runs),
        "cluster" => cluster::measure(binaries),
        "rolling" => rolling::measure(binaries, runs),
        "handover" => handover::measure(binaries, runs),
        "resharding" => resharding::measure(runs),
        "scaling" => scaling::measure(binaries, runs),
        clients::SECTION => clients::measure(),
        servers::SECTION => servers::measure(),
        kills::SECTION => kills::measure(),
        "many" => Ok(vec![many::measure(binaries, runs)?]),
        "refresh" => Ok(vec![refresh::measure(binaries)?]),
        _ => Ok(vec![raft::measure()?]),
    }
}

/// The release profile strips, so the files are what users download. Peer: the provider beside Terraform itself.
fn sizes(binaries: &Path) -> Result<Vec<Row>> {
    let size = |path: &Path| -> Result<f64> {
        Ok(fs::metadata(path).with_context(|| format!("{} is not built", path.display()))?.len() as f64)
    };
    let terraform = terraform::program()?;
    let peer = Some(("terraform", size(&terraform)?));
    Ok(vec![
        Row {
            what: "provider, stripped",
            target: Some(12e6),
            measured: size(&binaries.join(PROVIDER))?,
            peer,
            unit: Unit::Megabytes,
            pace: None,
        },
        Row {
            what: "agent, stripped",
            target: None,
            measured: size(&binaries.join(AGENT))?,
            peer,
            unit: Unit::Megabytes,
            pace: None,
        },
    ])
}

/// The middle value; of an even number, the mean of the middle two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (count, middle) = (values.len(), values.len() / 2);
    if count % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// The least value that so many percent of all do not exceed; of 100, the largest.
fn percentile(mut values: Vec<f64>, percent: usize) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(place).copied().context("nothing was measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let values = || (1..=200).rev().map(f64::from).collect::<Vec<_>>();
        assert_eq!([1, 50, 99, 100].map(|percent| percentile(values(), percent).unwrap()), [2.0, 100.0, 198.0, 200.0]);
        assert_eq!(percentile(vec![7.0], 99).unwrap(), 7.0);
        assert!(percentile(Vec::new(), 99).is_err());
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
