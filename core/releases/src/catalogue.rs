//! Lines and releases: which there are, until when they are kept up, and what each fixes.
//!
//! The data is `data/catalogue.json`; `data/README.md` says what stands in it and how it is made.

use std::sync::LazyLock;

use jiff::civil::Date;
use justmanage_model::nearest::nearest;
use justmanage_model::{Engine, Failure, FieldPath, Line, ReleaseTarget, Version};
use serde::Deserialize;

/// The layout of the data that this code reads.
pub const SCHEMA: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    schema: u32,
    as_of: Date,
    engines: Engines,
    package_fixes: Vec<PackageSeries>,
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
pub(crate) struct ReleaseEntry {
    pub(crate) version: Version,
    pub(crate) date: Date,
    pub(crate) urgency: Option<Urgency>,
    pub(crate) cves: Vec<String>,
}

/// Packages of one version that differ in their last number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackageSeries {
    pub(crate) engine: Engine,
    pub(crate) version: Version,
    pub(crate) prefix: String,
    /// For whoever reads the data; a hole without a source is a rumour.
    #[cfg_attr(not(test), expect(dead_code))]
    source: String,
    pub(crate) revisions: Vec<Vec<String>>,
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

impl Urgency {
    /// Its name, as in release notes: `SECURITY`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Moderate => "MODERATE",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
            Self::Security => "SECURITY",
        }
    }
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

/// Every release of every offered line of an engine, in ascending order.
pub(crate) fn releases(engine: Engine) -> impl Iterator<Item = &'static ReleaseEntry> {
    entries(engine).iter().flat_map(|line| &line.releases)
}

/// The packages of an engine whose fixes are known.
pub(crate) fn package_series(engine: Engine) -> impl Iterator<Item = &'static PackageSeries> {
    CATALOGUE.package_fixes.iter().filter(move |series| series.engine == engine)
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

/// An engine by its name.
///
/// # Errors
/// There is none of that name: the fault of the field `engine`, with the nearest that there is.
pub fn check_engine(name: &str) -> Result<Engine, Failure> {
    name.parse::<Engine>().map_err(|invalid| {
        let mut failure = invalid.at(FieldPath::of("engine"));
        if let Some(near) = nearest(&name.to_lowercase(), Engine::ALL.map(Engine::as_str)) {
            let offered = failure.hint.unwrap_or_default();
            failure.hint = Some(format!("{offered} Did you mean \"{near}\"?"));
        }
        failure
    })
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
