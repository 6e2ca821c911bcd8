//! What the framework needs itself: the plan of a resource of 1 MiB, and the memory that ten thousand plans leave behind.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::table::{Row, Unit};
use crate::{house, shell};

/// Bytes of the resource per second that decoding its configuration, planning and encoding the plan are to reach together.
/// What is counted is time of the processor, so that the machine's other work plays no part.
const RATE: f64 = 100e6;

/// KiB by which a process may have grown between its 1,000th and its 10,000th plan. What is left of a plan would be more
/// than 100 bytes otherwise; the allocator alone moves by some hundred KiB.
const GROWTH: f64 = 1024.0;

/// Measures with an example of the framework's, which is host and provider in one.
pub(super) fn measure(binaries: &Path, runs: usize) -> Result<Vec<Row>> {
    eprintln!("plans of 1 MiB, {runs} runs, and ten thousand plans");
    shell::stream(house::cargo()?.args(["build", "--locked", "--release", "-p", "tfkit", "--example", "bench"]))?;
    let program = binaries.join("examples/bench");
    let [bytes, pieces, call, json] = numbers(Command::new(&program).args(["rate", &runs.to_string()]))?;
    let pace = super::start::pace(runs)?;
    let [early, late] = numbers(Command::new(&program).arg("memory"))?;
    ensure!(bytes >= 1024.0 * 1024.0, "the resource has only {bytes} bytes");
    let peer = Some(("serde_json reads and writes it", json));
    Ok(vec![
        Row {
            what: "decode, plan, encode 1 MiB",
            target: Some(bytes / RATE),
            measured: pieces,
            peer,
            unit: Unit::Milliseconds,
            pace: Some(pace),
        },
        Row {
            what: "whole call of that plan, with all checks",
            target: None,
            measured: call,
            peer,
            unit: Unit::Milliseconds,
            pace: None,
        },
        Row {
            what: "growth from 1,000 to 10,000 plans",
            target: Some(GROWTH),
            measured: (late - early).max(0.0),
            peer: Some(("resident after 1,000", early)),
            unit: Unit::Mebibytes,
            pace: None,
        },
    ])
}

/// The numbers that a program prints.
fn numbers<const N: usize>(command: &mut Command) -> Result<[f64; N]> {
    let said = shell::output(command)?;
    let numbers: Result<Vec<f64>, _> = said.split_whitespace().map(str::parse).collect();
    let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    numbers.with_context(|| format!("{said:?} is not {N} numbers"))
}
