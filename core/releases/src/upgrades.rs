//! What stands between a version and the newest patch of its line.

use std::fmt;

use jiff::civil::Date;
use justmanage_model::{Engine, Version};

use crate::catalogue::{self, ReleaseEntry, Urgency};

/// A patch of the same line that is newer than some version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The patch.
    pub version: Version,
    /// The day of its release.
    pub date: Date,
    /// How urgent its makers call it, where they say so.
    pub urgency: Option<Urgency>,
    /// The CVE ids of the holes that it closes, as far as they have one.
    pub cves: &'static [String],
}

impl fmt::Display for Upgrade {
    /// What it is for, in a sentence: `Security release; closes CVE-2025-49844.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.urgency {
            Some(Urgency::Low) => "Of low urgency",
            Some(Urgency::Moderate) => "Of moderate urgency",
            Some(Urgency::High) => "Of high urgency",
            Some(Urgency::Critical) => "Critical",
            Some(Urgency::Security) => "Security release",
            None => "Urgency not known",
        })?;
        match (self.cves, self.urgency) {
            ([], Some(Urgency::Security)) => f.write_str("; what it closes has no CVE id."),
            ([], _) => f.write_str("; closes no hole that is known."),
            (cves, _) => write!(f, "; closes {}.", cves.join(", ")),
        }
    }
}

/// The patches above a version up to the newest of its line, in ascending order; none when the line is not in the catalogue.
#[must_use]
pub fn upgrades(engine: Engine, from: Version) -> Vec<Upgrade> {
    let newer = |release: &&ReleaseEntry| release.version.line() == from.line() && release.version > from;
    let upgrade = |release: &'static ReleaseEntry| Upgrade {
        version: release.version,
        date: release.date,
        urgency: release.urgency,
        cves: &release.cves,
    };
    catalogue::releases(engine).filter(newer).map(upgrade).collect()
}

#[cfg(test)]
mod tests {
    use justmanage_model::Engine::{Redis, Valkey};

    use super::*;

    fn said(engine: Engine, from: &str) -> Vec<String> {
        let upgrades = upgrades(engine, from.parse().expect("a version"));
        upgrades.iter().map(|upgrade| format!("{} of {}: {upgrade}", upgrade.version, upgrade.date)).collect()
    }

    #[test]
    fn every_patch_up_to_the_newest_says_what_it_is_for() {
        assert_eq!(
            said(Redis, "7.4.6"),
            [
                "7.4.7 of 2025-11-02: Of high urgency; closes no hole that is known.",
                "7.4.8 of 2026-02-22: Security release; closes CVE-2025-67733.",
                "7.4.9 of 2026-05-05: Security release; closes CVE-2026-23479, CVE-2026-23631, CVE-2026-25243.",
                "7.4.10 of 2026-07-24: Security release; closes CVE-2026-66373.",
                "7.4.11 of 2026-08-17: Security release; closes CVE-2026-81934.",
            ]
        );
        let [first, ..] = &said(Redis, "8.4.0")[..] else { panic!("8.4.1 is newer") };
        assert_eq!(first, "8.4.1 of 2026-02-08: Security release; what it closes has no CVE id.");
        let [last] = &said(Valkey, "9.0.5")[..] else { panic!("one is newer") };
        assert_eq!(last, "9.0.6 of 2026-09-01: Urgency not known; closes no hole that is known.");
    }

    #[test]
    fn the_newest_and_what_is_newer_than_the_catalogue_have_nothing_above_them() {
        for (engine, version) in [(Redis, "7.2.16"), (Redis, "7.2.99"), (Valkey, "9.1.2"), (Redis, "6.2.0")] {
            assert_eq!(said(engine, version), [""; 0], "{engine} {version}");
        }
    }
}
