//! What acceptance tests measure on their way: each adds lines of JSON to a table that a section reads.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{house, shell, tools};

/// With what tests are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// As CI builds them: only debug builds name the steps at which they can be killed.
    Debug,
    /// As users have provider and agent, which were built by now.
    Release,
}

/// Runs the acceptance tests that an expression of nextest names, and returns whether they passed and what they added to the table, whose
/// file the variable names.
pub(super) fn run(tests: &str, build: Build, table: &str, variables: &[(&str, &str)]) -> Result<(bool, Vec<Value>)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("table");
    let with: &[&str] = match build {
        Build::Debug => {
            shell::stream(house::cargo()?.args(["build", "--locked", "--workspace", "--bins", "--tests"]))?;
            &["--workspace"]
        }
        Build::Release => &["--release", "-p", "acceptance-tests"],
    };
    let mut nextest = house::cargo()?;
    nextest.args(["nextest", "run", "--locked", "--profile", "bench", "--no-capture", "-E", tests]).args(with);
    nextest.env("PATH", tools::path_with(&tools::NEXTEST.ensure()?)?);
    nextest.env(table, &file).envs(variables.iter().copied());
    let done = shell::stream_all(&mut nextest)?;
    let lines = fs::read_to_string(&file).context("no test added anything")?;
    Ok((done.success, read(&lines)?))
}

/// A line each.
pub(super) fn read(lines: &str) -> Result<Vec<Value>> {
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
