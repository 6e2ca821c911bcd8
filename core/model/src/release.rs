//! Releases: engines, versions, what runs and what is asked for, and where its binary is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::serde_as_text;

mod artefact;
mod program;

pub use artefact::Artefact;
pub use program::Program;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
}

impl Engine {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Redis, Self::Valkey];

    /// Its name as the user writes it: `redis` or `valkey`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }

    /// The name of its server's executable: `redis-server` or `valkey-server`.
    #[must_use]
    pub const fn server_binary(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Valkey => "valkey-server",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Engine {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == text).ok_or_else(|| {
            Invalid::new(
                "Engine not known",
                format!("{text:?} is not an engine."),
                "Engines are \"redis\" and \"valkey\".",
            )
        })
    }
}

serde_as_text!(Engine);

/// A line of releases that differ only in patches: `7.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
}

/// One release of a line: `7.2.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl Line {
    /// The line `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The version of this line with that patch number.
    #[must_use]
    pub const fn patch(self, patch: u16) -> Version {
        Version::new(self.major, self.minor, patch)
    }
}

impl Version {
    /// The version `major.minor.patch`.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The line that it belongs to.
    #[must_use]
    pub const fn line(self) -> Line {
        Line::new(self.major, self.minor)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The numbers of a dotted text; digits only and no leading zeros, so that every version has one spelling.
fn numbers<const N: usize>(text: &str) -> Option<[u16; N]> {
    let mut found = [0; N];
    let mut parts = text.split('.');
    for number in &mut found {
        let part = parts.next()?;
        let plain = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        *number = plain.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

impl FromStr for Line {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        numbers(text).map(|[major, minor]| Self { major, minor }).ok_or_else(|| not_a_version(text))
    }
}

impl FromStr for Version {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        numbers(text).map(|[major, minor, patch]| Self { major, minor, patch }).ok_or_else(|| not_a_version(text))
    }
}

fn not_a_version(text: &str) -> Invalid {
    let hint = match numbers(text) {
        Some([major]) => format!("Name the line too, such as \"{major}.0\"."),
        None => "Write a line, such as \"7.2\" (its newest patch), or an exact version, such as \"7.2.5\".".to_owned(),
    };
    Invalid::new("Version not valid", format!("{text:?} is not a version."), hint)
}

serde_as_text!(Line);
serde_as_text!(Version);

/// The full version of a distribution's package, such as `5:7.0.15-1~deb12u10`.
///
/// Distributions fix holes under an unchanged upstream number; only this tells whether they did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageRevision(String);

impl PackageRevision {
    /// The revision as the package manager writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a package is made of this version: `5:7.0.15-1~deb12u10` is of 7.0.15. Whoever puts a program of their own where a
    /// package's was has a file that dpkg still takes for the package's; mostly it is another version.
    #[must_use]
    pub fn is_of(&self, version: Version) -> bool {
        let upstream = self.0.split_once(':').map_or(self.0.as_str(), |(_, rest)| rest);
        let rest = upstream.strip_prefix(&version.to_string());
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit() || next == '.'))
    }
}

impl fmt::Display for PackageRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PackageRevision {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The alphabet of https://www.debian.org/doc/debian-policy/ch-controlfields.html#version, and RPM's `^` and `_`.
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".+-~:^_".contains(c);
        if text.is_empty() || text.len() > 128 || !text.chars().all(allowed) {
            return Err(Invalid::new(
                "Package revision not valid",
                format!("{text:?} is not the version of a package."),
                "Write it as the package manager does, such as \"5:7.0.15-1~deb12u10\".",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

serde_as_text!(PackageRevision);

/// A release that runs or is to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Release {
    /// Which server.
    pub engine: Engine,
    /// Which version.
    pub version: Version,
    /// Which package of it, where a package manager knows.
    pub package: Option<PackageRevision>,
}

impl Release {
    /// A release that no package manager knows of.
    #[must_use]
    pub const fn new(engine: Engine, version: Version) -> Self {
        Self { engine, version, package: None }
    }

    /// Servers that, asked to take over within four node timeouts after an election that they won, hold no new one but count
    /// the old votes, and lose to the old primary's higher epoch (all of Redis; Valkey until 8.1, see valkey-io/valkey pull
    /// requests 1274 and 1711).
    #[must_use]
    pub fn votes_go_stale(&self) -> bool {
        self.engine == Engine::Redis || self.version < Version::new(8, 1, 0)
    }

    /// Whether a server that says of itself that it is `other` may be this release.
    ///
    /// A running server does not know its package, so a revision decides only where both sides have one.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let same_package = match (&self.package, &other.package) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        self.engine == other.engine && self.version == other.version && same_package
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.engine, self.version)?;
        self.package.as_ref().map_or(Ok(()), |package| write!(f, " ({package})"))
    }
}

/// What the user asks for: "7.2.5" or "7.2". The engine stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseTarget {
    /// This version and no other.
    Exactly(Version),
    /// The newest patch of this line that can be had.
    LatestPatch(Line),
}

impl ReleaseTarget {
    /// The line of whatever satisfies it.
    #[must_use]
    pub const fn line(self) -> Line {
        match self {
            Self::Exactly(version) => version.line(),
            Self::LatestPatch(line) => line,
        }
    }

    /// Whether a version satisfies it.
    #[must_use]
    pub fn admits(self, version: Version) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == version,
            Self::LatestPatch(line) => line == version.line(),
        }
    }
}

impl fmt::Display for ReleaseTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(version) => version.fmt(f),
            Self::LatestPatch(line) => line.fmt(f),
        }
    }
}

impl FromStr for ReleaseTarget {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self::LatestPatch).or_else(|_| text.parse().map(Self::Exactly))
    }
}

serde_as_text!(ReleaseTarget);
