//! Six servers with nothing but their distribution become a cluster over SSH, with the program of a mirror: the acceptance test's own
//! way, by release binaries. The peer is whoever knows how, by hand: no TLS, no users, no agents, nothing that looks after it.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::acceptance::Build;
use super::table::{Row, Unit};
use super::{acceptance, median};

/// The name of this section, which is measured only when it is asked for: it needs root.
pub(super) const SECTION: &str = "servers";
/// How often.
const RUNS: &str = "5";
/// The test that does it.
const TEST: &str = "test(/^on_servers::bare::/)";

/// Measures with release binaries.
pub(super) fn measure() -> Result<Vec<Row>> {
    let (passed, lines) =
        acceptance::run(TEST, Build::Release, "JUSTMANAGE_SERVERS_TABLE", &[("JUSTMANAGE_SERVERS_RUNS", RUNS)])?;
    ensure!(passed, "the test failed");
    let all = |key: &str| lines.iter().filter_map(|line| line[key].as_f64()).collect::<Vec<_>>();
    let (ours, by_hand) = (all("applied_s"), all("by_hand_s"));
    ensure!(!ours.is_empty() && ours.len() == by_hand.len(), "the table is not whole: {}", Value::from(lines));
    let longest = ours.iter().copied().fold(0.0, f64::max);
    let row = |what, target, measured, peer| Row { what, target, measured, peer, unit: Unit::Milliseconds, pace: None };
    Ok(vec![
        row("six bare servers to a cluster with a user", Some(10.0), median(ours), Some(("by hand", median(by_hand)))),
        row("  the longest of them", None, longest, None),
    ])
}
