//! Which known holes a release has, and where they are closed.
//!
//! A release has a hole if the data proves it, in one of three ways:
//!
//! - a later patch of its own line closes it;
//! - its own line never does, an older **and** a newer line do, and the release is older than all of these: what came into
//!   the code before, and was still there after, was there in between;
//! - a distribution closes it in its package of this release, or of a later one of the line.
//!
//! What is closed in newer lines only may have come with them, and is not said. Redis closes holes to which it gives no id;
//! they are not here either.
//!
//! Distributions close holes under an unchanged number, so of a package only its revision tells. Where that is not known,
//! the answer is that it is not known: an alarm on every Debian machine is one that nobody hears.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use justmanage_model::{Engine, PackageRevision, Release, Version};

use crate::catalogue::{self, PackageSeries, ReleaseEntry, Urgency};

/// A known hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vulnerability {
    /// Its CVE id.
    pub cve: &'static str,
    /// The first release that closes it: a patch of the same line if there is one, otherwise of the nearest newer line;
    /// `None` if no release is known to close it yet.
    pub fixed_in: Option<Version>,
    /// The first revision of the same distribution's package that closes it, if one does.
    pub fixed_in_package: Option<String>,
    /// How urgent its makers call the release that closes it, where they say so.
    pub urgency: Option<Urgency>,
}

impl fmt::Display for Vulnerability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cve)?;
        match (&self.fixed_in_package, self.fixed_in) {
            (Some(package), _) => write!(f, " (fixed in {package})"),
            (None, Some(version)) => write!(f, " (fixed in {version})"),
            (None, None) => f.write_str(" (no release is known to fix it)"),
        }
    }
}

/// What is known of a release's holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vulnerabilities {
    /// It has these and, as far as is known on [`crate::as_of`], no others; in the order of their ids.
    Known(Vec<Vulnerability>),
    /// Whether it has any is not known.
    NotKnown {
        /// Why: a sentence without a full stop.
        why: String,
        /// Those that the release without its distribution's changes has: perhaps they are open, perhaps closed.
        perhaps: Vec<Vulnerability>,
    },
}

impl Vulnerabilities {
    /// The holes that it certainly has; empty when that is not known.
    #[must_use]
    pub fn certain(&self) -> &[Vulnerability] {
        match self {
            Self::Known(holes) => holes,
            Self::NotKnown { .. } => &[],
        }
    }
}

/// The known holes of a release.
#[must_use]
pub fn vulnerabilities(release: &Release) -> Vulnerabilities {
    let (engine, version) = (release.engine, release.version);
    if catalogue::latest_patch(engine, version.line()).is_none() {
        let why = format!("{engine} {} is not in this release's catalogue", version.line());
        return Vulnerabilities::NotKnown { why, perhaps: Vec::new() };
    }
    let holes = as_released(engine, version);
    match &release.package {
        Some(package) if !holes.is_empty() => in_package(engine, version, package, holes),
        _ => Vulnerabilities::Known(holes),
    }
}

/// Those of a version as its makers released it.
fn as_released(engine: Engine, version: Version) -> Vec<Vulnerability> {
    let mut fixes: BTreeMap<&str, Vec<&ReleaseEntry>> = BTreeMap::new();
    for release in catalogue::releases(engine) {
        release.cves.iter().for_each(|cve| fixes.entry(cve).or_default().push(release));
    }
    // What a package of this line had to close was open in all releases up to the one that it is made of.
    let patched = catalogue::package_series(engine)
        .filter(|series| series.version.line() == version.line() && version <= series.version)
        .flat_map(|series| series.revisions.iter().flatten());
    let patched: BTreeSet<&str> = patched.map(String::as_str).collect();
    for cve in &patched {
        fixes.entry(cve).or_default();
    }
    let open = fixes.into_iter().filter_map(|(cve, fixes)| {
        let fix = open(engine, version, &fixes, patched.contains(cve))?;
        let (fixed_in, urgency) = (fix.map(|fix| fix.version), fix.and_then(|fix| fix.urgency));
        Some(Vulnerability { cve, fixed_in, fixed_in_package: None, urgency })
    });
    open.collect()
}

/// Whether a hole that these releases (in ascending order) close is open in a version: if so, the release that closes it, if
/// there is one.
#[allow(clippy::option_option, reason = "open or not, and if open, closed somewhere or not")]
fn open<'a>(
    engine: Engine,
    version: Version,
    fixes: &[&'a ReleaseEntry],
    patched: bool,
) -> Option<Option<&'a ReleaseEntry>> {
    let line = version.line();
    if let Some(fix) = fixes.iter().find(|fix| fix.version.line() == line) {
        return (fix.version > version).then_some(Some(*fix));
    }
    let older = fixes.iter().any(|fix| fix.version.line() < line);
    let newer = fixes.iter().find(|fix| fix.version.line() > line).copied();
    let released = catalogue::released(engine, version).map(|(date, _)| date);
    let before = released.is_some_and(|date| fixes.iter().all(|fix| date < fix.date));
    (patched || (older && newer.is_some() && before)).then_some(newer)
}

/// Those of a distribution's package, out of those of the version that it is made of.
fn in_package(
    engine: Engine,
    version: Version,
    package: &PackageRevision,
    holes: Vec<Vulnerability>,
) -> Vulnerabilities {
    let mut known = catalogue::package_series(engine).filter(|series| series.version == version);
    let Some((series, number)) = known.find_map(|series| Some((series, number(series, package)?))) else {
        let why = format!("which holes the package {package} closes under an unchanged version is not known");
        return Vulnerabilities::NotKnown { why, perhaps: holes };
    };
    let closed_by = |cve: &str| series.revisions.iter().position(|cves| cves.iter().any(|closed| closed == cve));
    let mut left = Vec::new();
    for mut hole in holes {
        // Positions count from 0, revisions from 1.
        let revision = closed_by(hole.cve).map(|position| position + 1);
        if revision.is_none_or(|revision| revision > number) {
            hole.fixed_in_package = revision.map(|revision| format!("{}{revision}", series.prefix));
            left.push(hole);
        }
    }
    if number > series.revisions.len() && !left.is_empty() {
        let newest = format!("{}{}", series.prefix, series.revisions.len());
        let why = format!("the package {package} is newer than {newest}, the newest whose fixes are known");
        return Vulnerabilities::NotKnown { why, perhaps: left };
    }
    Vulnerabilities::Known(left)
}

/// Which revision of a series a package is. A rebuild without changes (`+b1`) is the same revision.
fn number(series: &PackageSeries, package: &PackageRevision) -> Option<usize> {
    let rest = package.as_str().strip_prefix(series.prefix.as_str())?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, rebuild) = rest.split_once("+b").unwrap_or((rest, "1"));
    (digits(number) && digits(rebuild)).then(|| number.parse().ok()).flatten().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests;
