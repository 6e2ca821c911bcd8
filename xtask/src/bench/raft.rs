//! How soon five agents agree on their first Record.

use std::process::Command;

use anyhow::{Context, Result};

use super::table::{Row, Unit};
use crate::{house, shell};

/// The crate of the Record, and its example that measures.
const RECORD: &str = "justmanage-record";
/// What the example says of the founding.
const FOUNDED: &str = "5 voters: founded, and the first Record agreed on, in ";

/// Measures with the release profile.
pub(super) fn measure() -> Result<Row> {
    eprintln!("five voters agree for the first time");
    shell::stream(house::cargo()?.args(["build", "--locked", "--release", "-p", RECORD, "--example", "figures"]))?;
    let said = shell::output(&mut Command::new(house::target()?.join("release/examples/figures")))?;
    let time = said.lines().find_map(|line| line.strip_prefix(FOUNDED)).context("the example says nothing of it")?;
    Ok(Row {
        what: "first Record agreed on by 5 voters",
        target: Some(0.1),
        measured: seconds(time).with_context(|| format!("{time:?} is no time"))?,
        peer: None,
        unit: Unit::Milliseconds,
        pace: None,
    })
}

/// From a time as Rust prints it: "1.5s", "31.2ms", "900µs".
fn seconds(text: &str) -> Option<f64> {
    let (number, factor) = [("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0)]
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_printed() {
        for (text, expected) in [("1.5s", 1.5), ("31.25ms", 0.03125), ("900µs", 0.0009)] {
            let time: std::time::Duration = std::time::Duration::from_secs_f64(expected);
            assert_eq!(format!("{time:?}"), text);
            assert!(seconds(text).is_some_and(|read| (read - expected).abs() < 1e-9));
        }
        assert_eq!(seconds("soon"), None);
    }
}
