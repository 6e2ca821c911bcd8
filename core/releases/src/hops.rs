//! What going from one release to another takes, and which ways there are at all.
//!
//! A version changes node by node, under load: a replica of the new release copies from a primary of the old one, then takes
//! over with the votes of primaries of which some run the one release and some the other. Whether a pair of releases does that
//! was **measured** with real servers, `cargo xtask matrix`; `data/hops.json` has the tables and `data/README.md` says what each
//! cell was asked. Only a pair that passed every question is a way. What failed is none, and neither is what nobody tried: that
//! a neighbour works is not a measurement.
//!
//! # Patches that could not be measured
//!
//! Not every patch can be had ready-made, so most answers are about patches that stand for others:
//!
//! - **From one patch of a line to another** there is a way, unless exactly this pair was measured to fail. The format of the
//!   data changes with lines and not with patches, and a fix that could only be had by a second cluster would be put off. Each
//!   such pair that was measured works.
//! - **Between lines**, a patch that was measured speaks for itself only; any other is taken for one of its line, and every pair
//!   that was measured between the two lines must have worked. A line none of whose patches was measured has no ways.
//! - An older patch can have a bug that none of those measured has. The steps ask again before each handover (every link of the
//!   cluster's bus in both directions, every copy whole), and stop the roll where the answer is no: then nothing is lost, and
//!   the cluster runs both releases until somebody decides.

use std::collections::VecDeque;

use justmanage_model::{Engine, Line, Release};

use crate::catalogue;

mod matrix;

use matrix::{MATRIX, Pair, Table};

/// What going from one release to another takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Each node is emptied and copies everything anew from its primary: the new release cannot be relied on to read what the
    /// old one wrote on disk. So it is for every lower version, for every change of engine but that from Redis up to 7.2 to
    /// Valkey, and for whatever was measured not to start on the files.
    pub empties: bool,
    /// The data may not hold fields of hashes that expire: the other release cannot receive them.
    pub refuses_field_ttls: bool,
}

/// Why there is no way from one release to another, in sentences for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoHop {
    /// What fails, or that nobody tried.
    pub why: String,
    /// What can be done: the next step of a longer way, or the move to a second cluster.
    pub instead: String,
}

/// What going from one release to another takes.
///
/// Another package of the same version takes nothing but restarts. For everything else, see the [module](self).
///
/// # Errors
/// There is no way that was measured.
pub fn hop(from: &Release, to: &Release) -> Result<Hop, NoHop> {
    direct(from, to).map_err(|why| NoHop { why, instead: instead(from, to) })
}

/// The hop itself, or why there is none.
fn direct(from: &Release, to: &Release) -> Result<Hop, String> {
    let same_line = from.engine == to.engine && from.version.line() == to.version.line();
    if same_line && from.version == to.version {
        return Ok(Hop { empties: false, refuses_field_ttls: false });
    }
    let pairs = if same_line { MATRIX.exactly(from, to) } else { MATRIX.evidence(from, to) };
    if pairs.is_empty() && !same_line {
        return Err(not_measured(from, to));
    }
    for table in NEEDED {
        if let Some(pair) = pairs.iter().find(|pair| MATRIX.cell(table, **pair) != Some(true)) {
            return Err(format!("{} {}", fault(table, from, to), measured(*pair, from, to)));
        }
    }
    let fails = |table| pairs.iter().any(|pair| MATRIX.cell(table, *pair) == Some(false));
    let empties = is_lower(from, to) || leaves_its_files(from, to) || fails(Table::Files);
    Ok(Hop { empties, refuses_field_ttls: fails(Table::FieldTtls) })
}

/// What a pair must have passed.
const NEEDED: [Table; 3] = [Table::Copies, Table::NodesConf, Table::Votes];

/// What it means that a pair did not pass.
fn fault(table: Table, from: &Release, to: &Release) -> String {
    match table {
        Table::Copies | Table::FieldTtls => format!("A node of {to} cannot copy the data of a node of {from}."),
        Table::Files => format!("A node of {to} cannot read the data that a node of {from} left."),
        Table::NodesConf => format!("A node of {to} cannot read what a node of {from} wrote down about its cluster."),
        Table::Votes => format!(
            "In a cluster that goes from {from} to {to}, replicas do not get the votes to take over, or nodes do not start \
             again."
        ),
    }
}

/// A lower version of the same engine.
fn is_lower(from: &Release, to: &Release) -> bool {
    from.engine == to.engine && to.version < from.version
}

/// A change of engine, but for that which Valkey was made for: it began as Redis 7.2.
fn leaves_its_files(from: &Release, to: &Release) -> bool {
    let made_for_it = from.engine == Engine::Redis && from.version.line() <= Line::new(7, 2);
    from.engine != to.engine && !made_for_it
}

fn not_measured(from: &Release, to: &Release) -> String {
    let line = |release: &Release| format!("{} {}", release.engine, release.version.line());
    let unknown: Vec<String> =
        [from, to].into_iter().filter(|one| !MATRIX.has_line(one.engine, one.version.line())).map(line).collect();
    format!(
        "Nobody measured whether a cluster can go from {from} to {to}: there was no {} to measure with. Just Manage goes only \
         where the way was measured.",
        unknown.join(" and no ")
    )
}

/// With what it was measured, where that is not what was asked about.
fn measured(pair: Pair, from: &Release, to: &Release) -> String {
    let (first, second) = (&MATRIX.releases[pair.from], &MATRIX.releases[pair.to]);
    if first.version == from.version && second.version == to.version {
        return "This was measured.".to_owned();
    }
    format!("This was measured with {} and {}.", bare(first), bare(second))
}

/// Without its package.
fn bare(release: &Release) -> Release {
    Release::new(release.engine, release.version)
}

/// What a user can do who wants to get there nevertheless.
fn instead(from: &Release, to: &Release) -> String {
    let stops = way(from, to).iter().map(|stop| format!("{} {}", stop.engine, stop.version.line())).collect::<Vec<_>>();
    if !stops.is_empty() {
        return format!("Go to {} first.", stops.join(", then to "));
    }
    let second = format!(
        "make a second cluster of {} {} and write the data into it with a client that reads this one.",
        to.engine,
        to.version.line()
    );
    let above = |one: &Release| one.version.line() > from.version.line() || one.engine != from.engine;
    let lines: Vec<String> = offered()
        .filter(|one| one.engine == to.engine && above(one) && direct(from, one).is_ok())
        .map(|one| one.version.line().to_string())
        .collect();
    match &lines[..] {
        [] => format!("There is no way over other releases either: {second}"),
        [one] => format!("From here, a cluster can go to {} {one}. Or {second}", to.engine),
        [others @ .., last] => {
            format!("From here, a cluster can go to {} {} or {last}. Or {second}", to.engine, others.join(", "))
        }
    }
}

/// The newest patch of every line that is offered.
fn offered() -> impl Iterator<Item = Release> {
    let newest = |engine| {
        let patches =
            catalogue::lines(engine).into_iter().filter_map(move |line| catalogue::latest_patch(engine, line));
        patches.map(move |version| Release::new(engine, version))
    };
    Engine::ALL.into_iter().flat_map(newest)
}

/// The releases in between on the shortest way over lines that are offered; none when there is no way.
fn way(from: &Release, to: &Release) -> Vec<Release> {
    let mut seen = vec![bare(from)];
    let mut open = VecDeque::from([Vec::new()]);
    while let Some(way) = open.pop_front() {
        let here = way.last().unwrap_or(from);
        if !way.is_empty() && direct(here, to).is_ok() {
            return way;
        }
        for next in offered() {
            if !seen.contains(&next) && direct(here, &next).is_ok() {
                seen.push(next.clone());
                open.push_back(way.iter().cloned().chain([next]).collect());
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
