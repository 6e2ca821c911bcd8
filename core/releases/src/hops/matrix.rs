//! The tables of what was measured between releases, as `data/hops.json` has them.

use std::sync::LazyLock;

use jiff::civil::Date;
use justmanage_model::{Engine, Line, Release, Version};
use serde::Deserialize;

/// The layout of the data that this code reads.
const SCHEMA: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    measured: Date,
    releases: Vec<String>,
    copies: Vec<String>,
    field_ttls: Vec<String>,
    files: Vec<String>,
    nodes_conf: Vec<String>,
    votes: Vec<String>,
}

/// What was asked of each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// Whether an empty replica of the second copies from a primary of the first, and goes on doing so.
    Copies,
    /// The same with fields of hashes that expire, where the first knows them.
    FieldTtls,
    /// Whether the second starts on the data directory of the first, snapshot and append-only file, and has all that was in it.
    Files,
    /// Whether the second keeps its place in the cluster by the file that the first wrote of it.
    NodesConf,
    /// Whether replicas of the second get their votes in a cluster that goes from the first to the second.
    Votes,
}

impl Table {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [Self::Copies, Self::FieldTtls, Self::Files, Self::NodesConf, Self::Votes];
}

/// Everything that was measured.
pub(super) struct Matrix {
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the data"))]
    pub(super) measured: Date,
    pub(super) releases: Vec<Release>,
    tables: [Vec<Vec<Option<bool>>>; 5],
}

/// Two releases that were measured, by their places in [`Matrix::releases`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) from: usize,
    pub(super) to: usize,
}

pub(super) static MATRIX: LazyLock<Matrix> = LazyLock::new(|| {
    Matrix::read(include_str!("../../data/hops.json"))
        .expect("the embedded tables parse: the test `the_tables_are_whole` reads every cell")
});

impl Matrix {
    /// From the text of the data file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.schema != SCHEMA {
            return Err(format!("schema {} is not {SCHEMA}", file.schema));
        }
        let releases: Vec<Release> = file.releases.iter().map(|text| release(text)).collect::<Result<_, _>>()?;
        let cells = |rows: Vec<String>| {
            let rows: Vec<Vec<_>> = rows.iter().map(|row| row.chars().map(cell).collect()).collect::<Result<_, _>>()?;
            let square = rows.len() == releases.len() && rows.iter().all(|row| row.len() == releases.len());
            if square { Ok(rows) } else { Err("a table has not one cell for each pair of releases".to_owned()) }
        };
        let tables = [
            cells(file.copies)?,
            cells(file.field_ttls)?,
            cells(file.files)?,
            cells(file.nodes_conf)?,
            cells(file.votes)?,
        ];
        Ok(Self { measured: file.measured, releases, tables })
    }

    /// What was found; `None`: there was nothing to try.
    pub(super) fn cell(&self, table: Table, pair: Pair) -> Option<bool> {
        self.tables[table as usize][pair.from][pair.to]
    }

    /// The pairs that stand for going from one release to another: those of exactly these versions, or of the patches of their
    /// lines that were measured in their place. None when a line was not measured.
    pub(super) fn evidence(&self, from: &Release, to: &Release) -> Vec<Pair> {
        let to = self.standing_for(to);
        let from = self.standing_for(from).into_iter();
        from.flat_map(|from| to.iter().map(move |to| Pair { from, to: *to })).collect()
    }

    /// The pairs of exactly these versions.
    pub(super) fn exactly(&self, from: &Release, to: &Release) -> Vec<Pair> {
        let is = |at: usize, release: &Release| self.releases[at].version == release.version;
        self.evidence(from, to).into_iter().filter(|pair| is(pair.from, from) && is(pair.to, to)).collect()
    }

    fn standing_for(&self, release: &Release) -> Vec<usize> {
        let places = |wanted: &dyn Fn(Version) -> bool| -> Vec<usize> {
            let fits = |one: &Release| one.engine == release.engine && wanted(one.version);
            (0..self.releases.len()).filter(|at| fits(&self.releases[*at])).collect()
        };
        let exact = places(&|version| version == release.version);
        if exact.is_empty() { places(&|version| version.line() == release.version.line()) } else { exact }
    }

    /// Whether any patch of a line was measured.
    pub(super) fn has_line(&self, engine: Engine, line: Line) -> bool {
        self.releases.iter().any(|one| one.engine == engine && one.version.line() == line)
    }
}

fn cell(letter: char) -> Result<Option<bool>, String> {
    match letter {
        '+' => Ok(Some(true)),
        '-' => Ok(Some(false)),
        '.' => Ok(None),
        other => Err(format!("{other:?} is no cell")),
    }
}

/// As a release is displayed: `redis 7.0.15 (5:7.0.15-1~deb12u10)`.
fn release(text: &str) -> Result<Release, String> {
    let wrong = || format!("{text:?} is no release");
    let (engine, rest) = text.split_once(' ').ok_or_else(wrong)?;
    let (version, package) = match rest.split_once(" (") {
        Some((version, package)) => (version, Some(package.strip_suffix(')').ok_or_else(wrong)?)),
        None => (rest, None),
    };
    let package = package.map(|package| package.parse().map_err(|_| wrong())).transpose()?;
    Ok(Release {
        engine: engine.parse().map_err(|_| wrong())?,
        version: version.parse().map_err(|_| wrong())?,
        package,
    })
}
