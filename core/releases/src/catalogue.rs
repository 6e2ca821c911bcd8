//! Lines and releases: which there are, until when they are kept up, and what later patches fix.
//!
//! The data is `data/catalogue.json`: `schema` (1), `as_of` (the day of the newest source), and per engine the lines that
//! are offered, in ascending order: `line`, `end_of_life` (the day after which no security fixes come, or null: not
//! announced), and `releases`, in ascending order: `version`, `date` (of the git tag), `urgency` (as the release notes say,
//! or null: not known), `cves` (fixed in it).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::Date;
use justmanage_model::{Engine, Failure, FieldPath, Line, Release, ReleaseTarget, Version};
use serde::Deserialize;

use crate::nearest::nearest;

/// The layout of the data that this code reads.
pub const SCHEMA: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    schema: u32,
    as_of: Date,
    engines: Engines,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Engines {
    redis: Vec<LineEntry>,
    valkey: Vec<LineEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineEntry {
    line: Line,
    end_of_life: Option<Date>,
    releases: Vec<ReleaseEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseEntry {
    version: Version,
    date: Date,
    urgency: Option<Urgency>,
    cves: Vec<String>,
}

/// How urgent its makers call a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Urgency {
    /// No need to upgrade unless a feature is wanted.
    Low,
    /// Upgrade if affected.
    Moderate,
    /// Upgrade soon.
    High,
    /// Upgrade now.
    Critical,
    /// Holes are closed.
    Security,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let catalogue: Catalogue = serde_json::from_str(include_str!("../data/catalogue.json"))
        .expect("the embedded catalogue parses: the test `catalogue_is_well_formed` reads every entry");
    assert_eq!(catalogue.schema, SCHEMA, "the embedded catalogue has the layout that this code reads");
    catalogue
});

fn entries(engine: Engine) -> &'static [LineEntry] {
    match engine {
        Engine::Redis => &CATALOGUE.engines.redis,
        Engine::Valkey => &CATALOGUE.engines.valkey,
    }
}

fn entry(engine: Engine, line: Line) -> Option<&'static LineEntry> {
    entries(engine).iter().find(|entry| entry.line == line)
}

/// The day of the newest source of the data. Releases after it are not known.
#[must_use]
pub fn as_of() -> Date {
    CATALOGUE.as_of
}

/// The lines that are offered, in ascending order: Redis 7.0 to 8.10, Valkey 8.0 to 9.1.
#[must_use]
pub fn lines(engine: Engine) -> Vec<Line> {
    entries(engine).iter().map(|entry| entry.line).collect()
}

/// The newest line that is offered.
#[must_use]
pub fn newest_line(engine: Engine) -> Line {
    // Proof that there is one: the test `catalogue_is_well_formed`.
    entries(engine).last().expect("the embedded catalogue has lines of each engine").line
}

/// The newest known patch of a line, if the line is offered.
#[must_use]
pub fn latest_patch(engine: Engine, line: Line) -> Option<Version> {
    entry(engine, line)?.releases.last().map(|release| release.version)
}

/// Whether this version is in the catalogue. One that is not may be newer than the catalogue.
#[must_use]
pub fn is_known(engine: Engine, version: Version) -> bool {
    entry(engine, version.line()).is_some_and(|line| line.releases.iter().any(|release| release.version == version))
}

/// When and how urgently a version was released, if it is known.
#[must_use]
pub fn released(engine: Engine, version: Version) -> Option<(Date, Option<Urgency>)> {
    let releases = &entry(engine, version.line())?.releases;
    releases.iter().find(|release| release.version == version).map(|release| (release.date, release.urgency))
}

/// The day after which a line gets no security fixes any more, if it was announced.
#[must_use]
pub fn end_of_life(engine: Engine, line: Line) -> Option<Date> {
    entry(engine, line)?.end_of_life
}

/// Holes that later patches of the same line close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedLater {
    /// Their CVE ids. Redis also closes holes that it gives no id; they are not here.
    pub cves: BTreeSet<&'static str>,
    /// The first patch that closes all of them.
    pub by: Option<Version>,
    /// The release is a distribution's package, which may close them under the old number: "may be open", not "are".
    pub perhaps_by_package: bool,
}

/// What later patches of the same line fix that this release does not have.
#[must_use]
pub fn fixed_later(release: &Release) -> FixedLater {
    let mut fixed = FixedLater::default();
    let Some(line) = entry(release.engine, release.version.line()) else { return fixed };
    // A fix that is listed for an earlier patch too is already in this one.
    let (now, later): (Vec<_>, Vec<_>) = line.releases.iter().partition(|entry| entry.version <= release.version);
    let had: BTreeSet<&str> = now.iter().flat_map(|entry| &entry.cves).map(String::as_str).collect();
    for entry in later {
        for cve in entry.cves.iter().map(String::as_str).filter(|cve| !had.contains(cve)) {
            if fixed.cves.insert(cve) {
                fixed.by = Some(entry.version);
            }
        }
    }
    fixed.perhaps_by_package = release.package.is_some() && !fixed.cves.is_empty();
    fixed
}

/// Whether what a user asks for is offered: the fault of the field `version`, if there is one.
///
/// An exact patch above the newest known one passes: the catalogue is not newer than [`as_of`].
#[must_use]
pub fn check_target(engine: Engine, target: ReleaseTarget) -> Option<Failure> {
    let at = || FieldPath::of("version");
    let Some(entry) = entry(engine, target.line()) else {
        let offered: Vec<String> = lines(engine).iter().map(Line::to_string).collect();
        let other = match engine {
            Engine::Redis => Engine::Valkey,
            Engine::Valkey => Engine::Redis,
        };
        let mut hint = format!("Lines of {engine} are {}.", offered.join(", "));
        if lines(other).contains(&target.line()) {
            hint.push_str(&format!(" ({} is a line of {other}: is that the engine you mean?)", target.line()));
        } else if let Some(near) = nearest(&target.line().to_string(), offered.iter().map(String::as_str)) {
            hint.push_str(&format!(" Did you mean \"{near}\"?"));
        }
        let detail = format!("There is no {engine} {} to be had from this release of Just Manage.", target.line());
        return Some(Failure::at(at(), "Version line not offered", detail).hint(hint));
    };
    match target {
        ReleaseTarget::Exactly(version) => {
            let newest = entry.releases.last().map(|release| release.version);
            let exists = is_known(engine, version) || newest.is_none_or(|newest| version > newest);
            (!exists).then(|| {
                let newest = newest.map(|v| format!(" Its newest known patch is {v}.")).unwrap_or_default();
                let hint = format!("Write \"{}\" for the newest patch of the line.{newest}", target.line());
                Failure::at(at(), "Version does not exist", format!("There is no {engine} {version}.")).hint(hint)
            })
        }
        ReleaseTarget::LatestPatch(_) => None,
    }
}

#[cfg(test)]
mod tests;
