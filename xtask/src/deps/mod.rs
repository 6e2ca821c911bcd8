//! `cargo xtask deps`: the house of ARCHITECTURE holds, as `cargo metadata` shows it.
//!
//! May import what `rules` lists, everything else never, for normal, build and dev dependencies alike.

mod graph;
mod rules;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::house;

/// Runs the task: prints every violation, or one line that says what was checked.
pub(crate) fn run() -> Result<()> {
    let graph = graph::Graph::of_workspace(&house::workspace())?;
    let mut found = rules::violations(&graph);
    for (krate, folder) in rules::PURE_FOLDERS {
        found.extend(clock_is_forbidden(krate, &house::workspace().join(folder))?);
    }
    if found.is_empty() {
        println!("{} crates of ours keep to their imports; {} crates in all", graph.own().count(), graph.len());
        return Ok(());
    }
    for line in &found {
        println!("{line}");
    }
    bail!("{} of the rules in ARCHITECTURE (\"May import, everything else never\") broken", found.len());
}

/// Crates cannot show a call to a clock, clippy can: the crate's own `clippy.toml` must list every clock.
fn clock_is_forbidden(krate: &str, folder: &Path) -> Result<Vec<String>> {
    let file = folder.join("clippy.toml");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("{krate} must forbid clocks to itself in {}", file.display()))?;
    let forbidden = text.split("disallowed-methods").nth(1).unwrap_or_default();
    let missing = rules::CLOCKS.iter().filter(|clock| !forbidden.contains(&format!("\"{clock}\"")));
    Ok(missing.map(|clock| format!("{krate}: {} does not forbid {clock}", file.display())).collect())
}
