//! A quarter of the slots with 250,000 keys goes to a fourth primary, under a client that writes: by our mover and by `redis-cli`, one
//! after the other. The measuring is an example of the engine (`core/engine/examples/moving`).

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::median;
use super::table::{Row, Unit};
use crate::servers::{self, Need};
use crate::{house, shell};

/// The crate that moves slots, and its example that measures.
const ENGINE: &str = "justmanage-engine";
const EXAMPLE: &str = "moving";
/// How often: most of a minute each, so fewer than the rest.
const TIMES: usize = 3;
/// A server that moves key by key, and one that can give a slot away whole.
const LINES: [(&str, &str); 2] = [("redis", "7.2"), ("valkey", "9.1")];
/// Slots that move, and how many a second those are to be that move whole.
const SLOTS: f64 = 4096.0;
const WHOLE_A_SECOND: f64 = 5000.0;
/// How much faster than `redis-cli` with its defaults.
const FASTER: f64 = 1.3;

/// Measures with the release profile.
pub(super) fn measure(runs: usize) -> Result<Vec<Row>> {
    let times = runs.min(TIMES);
    eprintln!("4,096 slots and 250,000 keys move, {times} times, each way");
    shell::stream(house::cargo()?.args(["build", "--locked", "--release", "-p", ENGINE, "--example", EXAMPLE]))?;
    let servers = servers::ensure(Need::Every)?;
    let folder = |(engine, line): (&str, &str)| -> Result<String> {
        let of = servers.iter().rfind(|one| one.engine == engine && one.version.starts_with(&format!("{line}.")));
        Ok(of.with_context(|| format!("no {engine} {line}"))?.folder.display().to_string())
    };
    let both = LINES.into_iter().map(folder).collect::<Result<Vec<_>>>()?.join(",");
    let program = house::target()?.join("release/examples").join(EXAMPLE);
    let mut moves = Vec::new();
    for _ in 0..times {
        let said = shell::output(Command::new(&program).arg(&both))?;
        moves.extend(said.lines().filter_map(Move::read));
    }
    rows(&moves)
}

/// What a line of the example's table says.
#[derive(Debug, PartialEq)]
struct Move {
    engine: String,
    by: String,
    seconds: f64,
    gap_s: f64,
}

impl Move {
    /// `| server | by | slots | keys | seconds | slots/s | keys/s | longest gap of a writer |`.
    fn read(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [server, by, _, _, seconds, _, _, gap] = cells.as_slice() else { return None };
        Some(Self {
            engine: server.split_once('-')?.0.to_owned(),
            by: (*by).to_owned(),
            seconds: seconds.parse().ok()?,
            gap_s: gap.strip_suffix(" ms")?.parse::<f64>().ok()? / 1e3,
        })
    }
}

const OURS: &str = "ours";
const CLI: &str = "redis-cli, pipeline 10";
const CLI_100: &str = "redis-cli, pipeline 100";

fn rows(moves: &[Move]) -> Result<Vec<Row>> {
    let of = |engine: &str, by: &str, what: fn(&Move) -> f64| -> Result<f64> {
        let all: Vec<f64> = moves.iter().filter(|one| one.engine == engine && one.by == by).map(what).collect();
        if all.is_empty() { bail!("the example says nothing of {engine} by {by}") } else { Ok(median(all)) }
    };
    let [(one, _), (whole, _)] = LINES;
    let seconds = |one: &Move| one.seconds;
    let gap = |one: &Move| one.gap_s;
    let row = |what, target, measured, peer| Row {
        what,
        target: Some(target),
        measured,
        peer: Some(peer),
        unit: Unit::Milliseconds,
        pace: None,
    };
    let (ours, cli, cli_100) = (of(one, OURS, seconds)?, of(one, CLI, seconds)?, of(one, CLI_100, seconds)?);
    Ok(vec![
        row("4,096 slots, 250,000 keys, key by key", cli / FASTER, ours, ("redis-cli, its default", cli)),
        row("  not slower than its longer pipeline", cli_100, ours, ("--cluster-pipeline 100", cli_100)),
        row("  a writer's longest pause", 0.1, of(one, OURS, gap)?, ("redis-cli", of(one, CLI, gap)?)),
        row(
            "the same, slots moved whole",
            SLOTS / WHOLE_A_SECOND,
            of(whole, OURS, seconds)?,
            ("redis-cli", of(whole, CLI, seconds)?),
        ),
        row("  a writer's longest pause", 0.1, of(whole, OURS, gap)?, ("redis-cli", of(whole, CLI, gap)?)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_table_is_read() {
        let line = |server: &str, by: &str, seconds: &str, gap: &str| {
            format!("| {server} | {by} | 4096 | 250000 | {seconds} | 1 | 1 | {gap} ms |")
        };
        assert_eq!(
            Move::read("| server | by | slots | keys | seconds | slots/s | keys/s | longest gap of a writer |"),
            None
        );
        assert_eq!(Move::read("|---|---|---|---|---|---|---|---|"), None);
        let moves: Vec<Move> = [("redis-7.2.4", OURS, "5.00", "12"), ("redis-7.2.4", CLI, "13.00", "20")]
            .into_iter()
            .chain([("redis-7.2.4", CLI_100, "4.00", "90"), ("valkey-9.1.2", OURS, "0.50", "3")])
            .chain([("valkey-9.1.2", CLI, "20.00", "4")])
            .filter_map(|(server, by, seconds, gap)| Move::read(&line(server, by, seconds, gap)))
            .collect();
        let over: Vec<bool> = rows(&moves).unwrap().iter().map(Row::is_over).collect();
        assert_eq!(over, [false, true, false, false, false], "only the longer pipeline was faster");
        assert!(rows(&moves[..4]).is_err(), "what was not measured is no row");
    }
}
