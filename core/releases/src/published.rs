//! Catalogs that somebody publishes: which releases there are, what they close, and where their server programs are.
//!
//! A cluster that takes upgrades by itself knows of them from such a list, and of nothing else. It is signed; who reads it has checked
//! the signature before. `docs/catalog.md` says what stands in it and how one is made.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use justmanage_model::window::Upgrade;
use justmanage_model::{Engine, MaintenanceWindow, Release, Timestamp, Version};
use serde::Deserialize;

use crate::catalogue::Urgency;

/// The layout of a catalog that this code reads.
pub const PUBLISHED_SCHEMA: u32 = 1;

/// Largest catalog, in bytes: a hundred years of both engines.
pub const PUBLISHED_BYTES_MAX: usize = 1 << 20;

/// A catalog.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Published {
    schema: u32,
    /// Rises with every new catalog.
    pub serial: u64,
    /// Until when it may be believed.
    pub expires: Timestamp,
    releases: Vec<PublishedRelease>,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PublishedRelease {
    /// Of which engine.
    pub engine: Engine,
    /// Which.
    pub version: Version,
    /// When it came out.
    pub date: Date,
    /// How urgent its makers call it.
    #[serde(default)]
    pub urgency: Option<Urgency>,
    /// The CVE ids of what it closes.
    #[serde(default)]
    pub cves: Vec<String>,
    /// Its server programs.
    #[serde(default)]
    pub programs: Vec<PublishedProgram>,
}

/// A server program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PublishedProgram {
    /// For which processors: as `uname -m` says it.
    pub arch: String,
    /// Where it is: an address, or a path beside the catalog.
    pub url: String,
    /// SHA-256 of it: 64 lowercase hexadecimal digits.
    pub sha256: String,
}

/// The release that a window wants taken next, out of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The release.
    pub release: &'a PublishedRelease,
    /// Its program.
    pub program: &'a PublishedProgram,
    /// Something between it and what runs closes a hole.
    pub security: bool,
    /// The CVE ids of all that is closed on the way there.
    pub closes: Vec<String>,
}

/// Why a catalog is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotBelieved {
    /// It cannot be read.
    Unreadable(String),
    /// Its layout is not known.
    OtherSchema(u32),
    /// Its time is over.
    Expired(Timestamp),
    /// A newer one was seen before.
    Older {
        /// Its number.
        serial: u64,
        /// That of the newer one.
        seen: u64,
    },
}

impl std::fmt::Display for NotBelieved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "the catalog cannot be read: {why}"),
            Self::OtherSchema(schema) => {
                write!(f, "the catalog has the layout {schema}, and this agent reads {PUBLISHED_SCHEMA}")
            }
            Self::Expired(at) => write!(f, "the catalog is valid until {at}, and that is over: sign a new one"),
            Self::Older { serial, seen } => {
                write!(f, "the catalog has the number {serial}, and one with the number {seen} was seen before")
            }
        }
    }
}

impl Published {
    /// Reads a catalog whose signature was found right.
    ///
    /// # Errors
    /// [`NotBelieved`].
    pub fn read(bytes: &[u8], seen: u64, now: Timestamp) -> Result<Self, NotBelieved> {
        /// All that may be read before it is known that the rest is understood.
        #[derive(Deserialize)]
        struct Outline {
            schema: u32,
        }
        let unreadable = |error: serde_json::Error| NotBelieved::Unreadable(error.to_string());
        let outline: Outline = serde_json::from_slice(bytes).map_err(unreadable)?;
        if outline.schema != PUBLISHED_SCHEMA {
            return Err(NotBelieved::OtherSchema(outline.schema));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        read.believed(seen, now)?;
        Ok(read)
    }

    /// Whether it may be believed at a moment, by somebody who has seen this number.
    ///
    /// # Errors
    /// [`NotBelieved`].
    pub fn believed(&self, seen: u64, now: Timestamp) -> Result<(), NotBelieved> {
        match () {
            () if self.expires <= now => Err(NotBelieved::Expired(self.expires)),
            () if self.serial < seen => Err(NotBelieved::Older { serial: self.serial, seen }),
            () => Ok(()),
        }
    }

    /// The newest release of the line of what runs that a window wants: old enough, not blocked, of the kind that is taken, and with a
    /// program for these processors.
    #[must_use]
    pub fn candidate(
        &self,
        window: &MaintenanceWindow,
        runs: &Release,
        arch: &str,
        now: Timestamp,
    ) -> Option<Candidate<'_>> {
        let line = runs.version.line();
        let newer = || {
            let of_line = |one: &&PublishedRelease| one.engine == runs.engine && one.version.line() == line;
            self.releases.iter().filter(of_line).filter(|one| one.version > runs.version)
        };
        let today = TimeZone::UTC.to_datetime(now).date();
        let old_enough = |one: &PublishedRelease| {
            let age = today.since(one.date).map(|span| i64::from(span.get_days())).unwrap_or(-1);
            age >= i64::from(window.min_age.days())
        };
        let fits = |one: &&PublishedRelease| old_enough(one) && !window.blocked.contains(&one.version);
        let with_program = newer().filter(fits).filter_map(|one| Some((one, one.program_for(arch)?)));
        let (release, program) = with_program.max_by_key(|(one, _)| one.version)?;
        let passed: Vec<&PublishedRelease> = newer().filter(|one| one.version <= release.version).collect();
        let security = passed.iter().any(|one| one.closes_something());
        let mut closes: Vec<String> = passed.iter().flat_map(|one| one.cves.iter().cloned()).collect();
        closes.sort_unstable();
        closes.dedup();
        let wanted = match window.upgrade {
            Upgrade::None => false,
            Upgrade::Patch => true,
            Upgrade::Security => security,
        };
        wanted.then_some(Candidate { release, program, security, closes })
    }
}

impl PublishedRelease {
    fn program_for(&self, arch: &str) -> Option<&PublishedProgram> {
        self.programs.iter().find(|program| program.arch == arch)
    }

    fn closes_something(&self) -> bool {
        !self.cves.is_empty() || self.urgency == Some(Urgency::Security)
    }
}

#[cfg(test)]
mod tests;
