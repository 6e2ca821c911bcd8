//! What would close the holes of a release: the distribution's newer package, a newer patch, a newer line.

use std::fmt;

use justmanage_model::{Release, Version};

use crate::catalogue;
use crate::vulnerabilities::{Vulnerability, vulnerabilities};

/// Something that closes holes of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What it is.
    pub what: Cure,
    /// How many of the holes it closes.
    pub closes: usize,
}

/// What closes holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cure {
    /// A newer revision of the same package.
    Package(String),
    /// A newer patch of the same line.
    Patch(Version),
    /// The newest patch of a newer line, because the release's own line does not close them.
    Line(Version),
}

impl Remedy {
    /// Whether the line that runs stays what it is.
    #[must_use]
    pub fn in_line(&self) -> bool {
        !matches!(self.what, Cure::Line(_))
    }
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(revision) => f.write_str(revision),
            Self::Patch(version) | Self::Line(version) => version.fmt(f),
        }
    }
}

/// What closes these holes of a release, the least disturbing first; each closes more than those before it.
///
/// A newer line stands in the answer only for holes that nothing in the release's own line closes.
#[must_use]
pub fn remedies(release: &Release, holes: &[Vulnerability]) -> Vec<Remedy> {
    let mut found: Vec<Remedy> = Vec::new();
    for remedy in [package(holes), patch(release, holes), line(release, holes)].into_iter().flatten() {
        if found.last().is_none_or(|before| before.closes < remedy.closes) {
            found.push(remedy);
        }
    }
    found
}

/// The newest of the packages that the holes name: it has what the older ones have.
fn package(holes: &[Vulnerability]) -> Option<Remedy> {
    let named: Vec<&String> = holes.iter().filter_map(|hole| hole.fixed_in_package.as_ref()).collect();
    // Revisions of one series: what differs is the number at the end.
    let newest = named.iter().max_by_key(|name| (name.len(), **name))?;
    Some(Remedy { what: Cure::Package((*newest).clone()), closes: named.len() })
}

/// The first patch of the line that closes all that the line closes.
fn patch(release: &Release, holes: &[Vulnerability]) -> Option<Remedy> {
    let of_line = |version: &Version| version.line() == release.version.line();
    let fixes: Vec<Version> = holes.iter().filter_map(|hole| hole.fixed_in).filter(of_line).collect();
    fixes.iter().max().map(|version| Remedy { what: Cure::Patch(*version), closes: fixes.len() })
}

/// The nearest newer line whose newest patch closes the most.
fn line(release: &Release, holes: &[Vulnerability]) -> Option<Remedy> {
    let newer = catalogue::lines(release.engine).into_iter().filter(|line| *line > release.version.line());
    let newest = newer.filter_map(|line| catalogue::latest_patch(release.engine, line));
    let mut best: Option<Remedy> = None;
    for version in newest {
        let left = vulnerabilities(&Release::new(release.engine, version));
        let open = |hole: &&Vulnerability| left.certain().iter().any(|other| other.cve == hole.cve);
        // Of a hole that no release is known to close, nothing is claimed.
        let closes = holes.iter().filter(|hole| hole.fixed_in.is_some() && !open(hole)).count();
        if closes > best.as_ref().map_or(0, |best| best.closes) {
            best = Some(Remedy { what: Cure::Line(version), closes });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use justmanage_model::Engine::{self, Redis, Valkey};

    use super::*;

    fn said(engine: Engine, version: &str, package: Option<&str>) -> String {
        let package = package.map(|package| package.parse().expect("a revision"));
        let release = Release { package, ..Release::new(engine, version.parse().expect("a version")) };
        let known = vulnerabilities(&release);
        let holes = known.certain();
        let remedies: Vec<String> =
            remedies(&release, holes).iter().map(|remedy| format!("{:?} {}", remedy.what, remedy.closes)).collect();
        format!("{}: {}", holes.len(), remedies.join(", ")).replace("Version ", "")
    }

    fn number(version: &str) -> String {
        format!("{:?}", version.parse::<Version>().expect("a version")).replace("Version ", "")
    }

    #[test]
    fn the_least_disturbing_remedy_comes_first_and_a_greater_one_only_for_more() {
        let newest = number("7.2.16");
        for (engine, version, package, expected) in [
            (Redis, "7.2.14", None, format!("2: Patch({newest}) 2")),
            (Redis, "7.2.16", None, "0: ".to_owned()),
            // Debian's next package closes both; one has no other release that does.
            (Redis, "7.0.15", Some("5:7.0.15-1~deb12u9"), "2: Package(\"5:7.0.15-1~deb12u10\") 2".to_owned()),
            // Nothing of the line does, without the distribution: a line that is kept up.
            (Redis, "8.0.6", None, format!("5: Line({}) 5", number("8.2.9"))),
            // Debian's newest package leaves what it does not call a hole; the line's next patches close it.
            (Redis, "8.0.2", Some("5:8.0.2-3+deb13u3"), format!("1: Patch({}) 1", number("8.0.4"))),
        ] {
            assert_eq!(said(engine, version, package), expected, "{engine} {version} {package:?}");
        }
        // The package first, the patch because it closes more.
        let both = said(Valkey, "8.1.1", Some("8.1.1+dfsg1-3+deb13u1"));
        assert!(both.contains("Package(\"8.1.1+dfsg1-3+deb13u2\")") && both.contains("Patch("), "{both}");
        assert!(!both.contains("Line"), "{both}");
    }

    #[test]
    fn a_hole_that_no_release_is_known_to_close_is_not_promised() {
        let release = Release::new(Redis, Version::new(7, 0, 15));
        let known = vulnerabilities(&release);
        let holes = known.certain();
        let never: Vec<&str> = holes.iter().filter(|hole| hole.fixed_in.is_none()).map(|hole| hole.cve).collect();
        assert_eq!(never, ["CVE-2026-21863", "CVE-2026-92925"]);
        let closes = holes.len() - never.len();
        assert_eq!(remedies(&release, holes), [Remedy { what: Cure::Line(Version::new(7, 2, 16)), closes }]);
    }

    #[test]
    fn the_tenth_revision_is_newer_than_the_ninth() {
        let hole = |package: &str| Vulnerability {
            cve: "CVE-2026-1",
            fixed_in: None,
            fixed_in_package: Some(package.to_owned()),
            urgency: None,
        };
        let found = package(&[hole("5:7.0.15-1~deb12u10"), hole("5:7.0.15-1~deb12u9")]).expect("a package");
        assert_eq!(found, Remedy { what: Cure::Package("5:7.0.15-1~deb12u10".into()), closes: 2 });
    }
}
