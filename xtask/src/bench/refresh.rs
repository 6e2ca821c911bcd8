//! A refresh of a hundred clusters, whose agents are played: what the provider and its platform need themselves.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::table::{Row, Unit};
use crate::terraform::{AGENT, PROVIDER};
use crate::{house, shell};

/// How many clusters, of six nodes each.
const CLUSTERS: usize = 100;
/// How often they are all refreshed; each time by a new process.
const RUNS: usize = 5;

/// Measures with the release binaries in `binaries`; the program that plays the agents is an example of the provider's.
pub(super) fn measure(binaries: &Path) -> Result<Row> {
    eprintln!("a refresh of {CLUSTERS} clusters, {RUNS} times");
    let example = ["build", "--locked", "--release", "-p", PROVIDER, "--example", "refresh"];
    shell::stream(house::cargo()?.args(example))?;
    let mut command = Command::new(binaries.join("examples/refresh"));
    command.args([binaries.join(PROVIDER), binaries.join(AGENT)]).args([CLUSTERS.to_string(), RUNS.to_string()]);
    let said = shell::output(&mut command)?;
    Ok(Row {
        what: "refresh of 100 clusters, ten at a time",
        target: Some(1.0),
        measured: said.trim().parse().with_context(|| format!("{said:?} is no number of seconds"))?,
        peer: None,
        unit: Unit::Milliseconds,
        pace: None,
    })
}
