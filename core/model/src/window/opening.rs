//! When a window is open: from the lines of its schedule to moments, in their order.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use super::{DateRange, OpeningRule};
use crate::Timestamp;
use crate::calendar::Zone;

/// One opening of a window: from `start`, until just before `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The day that it belongs to, in its zone: that of its beginning.
    pub day: Date,
    /// When it opens.
    pub start: Timestamp,
    /// When it shuts.
    pub end: Timestamp,
    /// By whose clocks.
    pub zone: Zone,
}

impl Opening {
    /// A moment as clocks in the opening's zone show it, in RFC 3339: `2026-11-29T02:00:00+05:30`.
    #[must_use]
    pub fn local(&self, moment: Timestamp) -> String {
        moment.display_with_offset(self.zone.as_time_zone().to_offset(moment)).to_string()
    }
}

impl Opening {
    /// The same to the minute, as people write it: `2026-11-29T02:00+05:30`.
    #[must_use]
    pub fn to_the_minute(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone.as_time_zone().clone()).strftime("%Y-%m-%dT%H:%M%:z").to_string()
    }
}

/// How far ahead is looked for an opening. A window that is excluded for longer than this is not worth waiting for.
pub const HORIZON_YEARS: i16 = 20;

/// How far before a moment an opening can begin that still covers it, in days: a day, an hour that is skipped, and the
/// difference between a zone's date and that of UTC (at most a day to either side).
const REACH_DAYS: i32 = 4;

/// No zone's day begins longer before that of UTC: the one that is furthest ahead is at UTC+14.
const FURTHEST_AHEAD: SignedDuration = SignedDuration::from_hours(14);

/// How far the end is looked for of a window that does not shut.
const ENDLESS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The openings of a window, soonest first. They never overlap: where two lines would, the later one begins when the earlier
/// one ends.
#[derive(Debug)]
pub struct Openings<'a> {
    schedule: &'a [OpeningRule],
    exclude: &'a BTreeSet<DateRange>,
    after: Timestamp,
    /// The next day whose openings were not looked at yet; `None` behind the last.
    day: Option<Date>,
    last: Date,
    /// Openings that were looked at, and are not known to be the next one yet.
    ahead: BinaryHeap<Reverse<Ahead>>,
    /// The latest end of all that came before.
    reached: Timestamp,
}

/// An opening in the order of beginnings; with the same beginning, the longer one is the earlier.
#[derive(Debug, PartialEq, Eq)]
struct Ahead(Opening);

impl Ord for Ahead {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.start, Reverse(self.0.end)).cmp(&(other.0.start, Reverse(other.0.end)))
    }
}

impl PartialOrd for Ahead {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Openings<'a> {
    pub(super) fn new(schedule: &'a [OpeningRule], exclude: &'a BTreeSet<DateRange>, after: Timestamp) -> Self {
        let today = TimeZone::UTC.to_datetime(after).date();
        Self {
            schedule,
            exclude,
            after,
            day: Some(today.saturating_sub(REACH_DAYS.days())),
            last: today.saturating_add(i32::from(HORIZON_YEARS).years()),
            ahead: BinaryHeap::new(),
            reached: Timestamp::MIN,
        }
    }

    /// Every opening from a few days before `after` on, also those that began before it.
    fn next_of_all(&mut self) -> Option<Opening> {
        loop {
            while let Some(Reverse(Ahead(first))) = self.ahead.peek() {
                let next_day = self.day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
                if next_day.is_some_and(|next| next.duration_since(first.start) <= FURTHEST_AHEAD) {
                    break;
                }
                let Some(Reverse(Ahead(mut opening))) = self.ahead.pop() else { break };
                opening.start = opening.start.max(self.reached);
                self.reached = self.reached.max(opening.end);
                if opening.start < opening.end {
                    return Some(opening);
                }
            }
            let day = self.day?;
            let found =
                self.schedule.iter().filter_map(|rule| self.on(rule, day)).map(|opening| Reverse(Ahead(opening)));
            self.ahead.extend(found.collect::<Vec<_>>());
            self.day = day.tomorrow().ok().filter(|next| *next <= self.last);
        }
    }

    /// The opening of a line that belongs to a day, without what is excluded: not at all on an excluded date, and until midnight
    /// before one.
    fn on(&self, rule: &OpeningRule, day: Date) -> Option<Opening> {
        let shut = |date: Date| self.exclude.iter().any(|range| range.contains(date));
        if shut(day) {
            return None;
        }
        let mut opening = rule.on(day)?;
        let zone = rule.zone().as_time_zone();
        let mut date = day;
        while let Ok(next) = date.tomorrow() {
            let Ok(midnight) = zone.to_timestamp(next.at(0, 0, 0, 0)) else { break };
            if midnight >= opening.end {
                break;
            }
            if shut(next) {
                opening.end = midnight;
                break;
            }
            date = next;
        }
        (opening.start < opening.end).then_some(opening)
    }
}

impl Iterator for Openings<'_> {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        loop {
            let opening = self.next_of_all()?;
            if opening.start >= self.after {
                return Some(opening);
            }
        }
    }
}

/// When the window shuts that is open now.
pub(super) fn ends_at(schedule: &[OpeningRule], exclude: &BTreeSet<DateRange>, now: Timestamp) -> Option<Timestamp> {
    let mut all = Openings::new(schedule, exclude, now);
    let mut end = loop {
        let opening = all.next_of_all()?;
        if opening.start > now {
            return None;
        }
        if now < opening.end {
            break opening.end;
        }
    };
    let far = now.checked_add(ENDLESS).unwrap_or(Timestamp::MAX);
    while let Some(next) = all.next_of_all() {
        if next.start != end || end >= far {
            break;
        }
        end = next.end;
    }
    Some(end.min(far))
}
