//! Maintenance windows: when a cluster's agents may disturb it, and which upgrades they take by themselves.
//!
//! A window is a value: the same text means the same everywhere, and `now` is always an argument. What it is made of is
//! written in [`docs/decisions/0015`](https://github.com/justmanage/terraform-provider-justmanage/tree/main/docs/decisions).

use std::collections::BTreeSet;

use crate::failure::Invalid;
use crate::text::serde_as_text;
use crate::{Timestamp, Upcoming, Version};

mod catalog;
mod date;
mod definition;
mod opening;
mod policy;
mod rule;

pub use catalog::CatalogSource;
pub use date::DateRange;
pub use opening::{HORIZON_YEARS, Opening, Openings};
pub(crate) use policy::words;
pub use policy::{AGE_MAX, Age, Approve, LEAD_MAX, Lead, Upgrade, Urgent};
pub use rule::OpeningRule;
pub(crate) use rule::refuse_cron;

/// When a cluster may be disturbed, and what is to be done then without asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// When it opens; never empty.
    pub schedule: Vec<OpeningRule>,
    /// Dates on which it stays shut, in the zone of each opening.
    pub exclude: BTreeSet<DateRange>,
    /// Which releases are taken by themselves.
    pub upgrade: Upgrade,
    /// How old a release must be before it is taken.
    pub min_age: Age,
    /// Versions that are never taken by themselves.
    pub blocked: BTreeSet<Version>,
    /// What a security release waits for.
    pub urgent: Urgent,
    /// How long before an opening with work in it that is announced.
    pub notify_before: Option<Lead>,
    /// Whose word an upgrade needs.
    pub approve: Approve,
    /// Where newer releases are learnt of; without it there are none to take.
    pub catalog: Option<CatalogSource>,
}

/// Most lines of a schedule. Seven days with another time each, twice.
pub const SCHEDULE_MAX: usize = 14;

pub(crate) const SUMMARY: &str = "Maintenance window not valid";

impl MaintenanceWindow {
    /// A window that opens so, and does nothing by itself.
    #[must_use]
    pub const fn new(schedule: Vec<OpeningRule>) -> Self {
        Self {
            schedule,
            exclude: BTreeSet::new(),
            upgrade: Upgrade::None,
            min_age: Age::ZERO,
            blocked: BTreeSet::new(),
            urgent: Urgent::Wait,
            notify_before: None,
            approve: Approve::Automatic,
            catalog: None,
        }
    }

    /// Whether it can be kept: it opens at all, and its definition is not too long.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.schedule.is_empty() {
            let hint = "Say when it opens, such as \"Sun 02:00-03:00 Asia/Kolkata\".";
            return Err(Invalid::new(SUMMARY, "It never opens: there is no line of a schedule.", hint));
        }
        if self.schedule.len() > SCHEDULE_MAX {
            let detail = format!("The schedule has {} lines.", self.schedule.len());
            return Err(Invalid::new(SUMMARY, detail, format!("At most {SCHEDULE_MAX} are possible.")));
        }
        crate::clauses::bounded(SUMMARY, self.to_string().len())
    }

    /// Where agents learn of releases that they are to take by themselves, if they are to take any.
    #[must_use]
    pub fn source(&self) -> Option<&CatalogSource> {
        self.catalog.as_ref().filter(|_| self.upgrade != Upgrade::None)
    }

    /// Whether it says what agents before layout 10 of the Record cannot read.
    pub(crate) fn needs_newer_agents(&self) -> bool {
        self.catalog.is_some() || self.approve != Approve::Automatic
    }

    /// Whether a release is one that is to be taken.
    #[must_use]
    pub fn wants(&self, upcoming: &Upcoming) -> bool {
        let kind = match self.upgrade {
            Upgrade::None => false,
            Upgrade::Patch => true,
            Upgrade::Security => upcoming.security,
        };
        kind && self.source().is_some() && !self.blocked.contains(&upcoming.program.release.version)
    }

    /// Whether a release that is to be taken waits for nothing.
    #[must_use]
    pub fn is_urgent(&self, upcoming: &Upcoming) -> bool {
        upcoming.security && self.urgent == Urgent::Now
    }

    /// The openings that begin at `after` or later, soonest first, for as far as [`HORIZON_YEARS`].
    #[must_use]
    pub fn openings(&self, after: Timestamp) -> Openings<'_> {
        Openings::new(&self.schedule, &self.exclude, after)
    }

    /// The next openings, at most `count`: fewer when there are no more within [`HORIZON_YEARS`].
    #[must_use]
    pub fn next_openings(&self, after: Timestamp, count: usize) -> Vec<Opening> {
        self.openings(after).take(count).collect()
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ends_at(now).is_some()
    }

    /// When it shuts, if it is open; where one opening begins as another ends, when the last of them does (at most a week
    /// ahead).
    #[must_use]
    pub fn ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        opening::ends_at(&self.schedule, &self.exclude, now)
    }
}

serde_as_text!(MaintenanceWindow);
