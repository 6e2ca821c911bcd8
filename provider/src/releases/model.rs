//! The attributes of the data source `justmanage_releases`.

use tfkit::{Attr, Model};

/// What is known about releases of Redis and Valkey: which lines there are and until when they are kept up, what stands between
/// a version and the newest patch of its line, and which known holes (CVEs) a version has.
///
/// The answer comes from a catalogue that is part of the provider: it asks nobody and reads no clock, so the same provider always
/// gives the same answer. What was released after `catalogue_date` is not in it, and every "newest" and "past" is meant as of that
/// day; a newer provider knows more.
#[derive(Clone, Debug, Model)]
pub(crate) struct ReleasesData {
    /// `redis` or `valkey`.
    #[tf(required, validate = super::engine, says = "`redis` or `valkey`")]
    pub(super) engine: String,
    /// The version that is asked about: an exact one such as `7.2.5`, or a line such as `7.2`, which stands for its newest patch.
    /// Without it, the newest line.
    #[tf(optional, validate = super::version, says = "a line such as `7.2` or a version such as `7.2.5`")]
    pub(super) version: Option<String>,
    /// The revision of the package that the version is of, as the package manager writes it, such as `5:7.0.15-1~deb12u9` (Debian,
    /// Ubuntu: `dpkg-query -W redis-server`). Distributions close holes under an unchanged version, so only this tells which ones are
    /// closed. It takes an exact `version`.
    #[tf(optional, validate = super::package, says = "the version of a package such as `5:7.0.15-1~deb12u9`")]
    pub(super) package: Option<String>,
    /// The day of the newest source of the catalogue, as `YYYY-MM-DD`.
    #[tf(computed)]
    pub(super) catalogue_date: Attr<String>,
    /// The lines of the engine that are offered, oldest first.
    #[tf(computed)]
    pub(super) lines: Attr<Vec<LineData>>,
    /// The newest known patch of the line of `version`.
    #[tf(computed)]
    pub(super) latest_patch: Attr<String>,
    /// The patches above `version` up to `latest_patch`, oldest first. Empty for a line, which stands for its newest patch.
    #[tf(computed)]
    pub(super) upgrades: Attr<Vec<UpgradeData>>,
    /// Known holes of `version`, or of its package. Null when that is not known (`vulnerabilities_not_known` says why): it is not
    /// empty then, since that would say that there are none.
    #[tf(computed)]
    pub(super) known_vulnerabilities: Attr<Vec<HoleData>>,
    /// Why the holes are not known, in a sentence; null when they are.
    #[tf(computed)]
    pub(super) vulnerabilities_not_known: Attr<String>,
    /// Where the holes of the package are not known: those that the version has without its distribution's changes. The package may
    /// have closed some or all of them. Empty otherwise.
    #[tf(computed)]
    pub(super) possible_vulnerabilities: Attr<Vec<HoleData>>,
}

/// A line of releases that differ only in patches.
#[derive(Clone, Debug, Model)]
pub(crate) struct LineData {
    /// Such as `7.2`.
    #[tf(computed)]
    pub(super) line: Attr<String>,
    /// Its newest known patch.
    #[tf(computed)]
    pub(super) latest_patch: Attr<String>,
    /// When that was released, as `YYYY-MM-DD`.
    #[tf(computed)]
    pub(super) date: Attr<String>,
    /// The day after which the line gets no security fixes from its makers, as `YYYY-MM-DD`; null when none is announced.
    /// Distributions keep up some lines for longer, in their packages.
    #[tf(computed)]
    pub(super) end_of_life: Attr<String>,
    /// Whether that day was past on `catalogue_date`; `false` also when none is announced.
    #[tf(computed)]
    pub(super) end_of_life_passed: Attr<bool>,
}

/// A patch.
#[derive(Clone, Debug, Model)]
pub(crate) struct UpgradeData {
    /// Such as `7.2.6`.
    #[tf(computed)]
    pub(super) version: Attr<String>,
    /// When it was released, as `YYYY-MM-DD`.
    #[tf(computed)]
    pub(super) date: Attr<String>,
    /// `LOW`, `MODERATE`, `HIGH`, `CRITICAL` or `SECURITY`, as its makers call it; null when that is not known.
    #[tf(computed)]
    pub(super) urgency: Attr<String>,
    /// CVE ids of the holes that it closes. Some are closed that have no id.
    #[tf(computed)]
    pub(super) cves: Attr<Vec<String>>,
    /// What it is for, in a sentence.
    #[tf(computed)]
    pub(super) summary: Attr<String>,
}

/// A known hole.
#[derive(Clone, Debug, Model)]
pub(crate) struct HoleData {
    /// Its CVE id.
    #[tf(computed)]
    pub(super) cve: Attr<String>,
    /// The first release that closes it: a patch of the same line if there is one, otherwise of the nearest newer line; null if no
    /// release is known to close it.
    #[tf(computed)]
    pub(super) fixed_in: Attr<String>,
    /// The first revision of the same package that closes it; null if none is known to, or no `package` is given.
    #[tf(computed)]
    pub(super) fixed_in_package: Attr<String>,
    /// How urgent its makers call the release that closes it; null when that is not known.
    #[tf(computed)]
    pub(super) urgency: Attr<String>,
}
