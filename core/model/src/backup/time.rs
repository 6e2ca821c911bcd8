//! When backups are made: "daily 03:30 Asia/Kolkata", "Sun 02:00 UTC", "every 6h".

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use crate::Timestamp;
use crate::calendar::{Cursor, Days, TimeOfDay, Token, Zone};
use crate::failure::Invalid;
use crate::text::serde_as_text;
use crate::window::{HORIZON_YEARS, refuse_cron};

/// One line of a backup's schedule.
///
/// Either on some days, at a time by a zone's clocks: where they are put forward over it, as much later; where they are put back,
/// the first time. Or again and again, counted from midnight in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupTime(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    At { days: Days, time: TimeOfDay, zone: Zone },
    Every(Every),
}

/// A part of a day that divides it, or of an hour that divides that, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Every(u16);

/// What divides a day, in minutes, from a quarter of an hour to half a day. A backup that is made more often than it takes to
/// make is none; who cannot lose a quarter of an hour needs another kind.
const INTERVALS: [u16; 10] = [15, 20, 30, 60, 120, 180, 240, 360, 480, 720];

const SUMMARY: &str = "Schedule not valid";
const SHAPE: &str = "Write days, a time and a time zone (\"daily 03:30 Asia/Kolkata\"), or an interval (\"every 6h\").";

impl Every {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Invalid> {
        let all = INTERVALS.map(|minutes| Self(minutes).to_string()).join(", ");
        let hint = format!("Intervals that divide the day evenly are {all}.");
        let token = cursor.remainder();
        if token.text.is_empty() {
            return Err(cursor.missing("the interval is missing", hint));
        }
        let seconds = token.text.parse().ok().map(|every: crate::Interval| every.duration().as_secs());
        let minutes =
            seconds.filter(|seconds| seconds.is_multiple_of(60)).and_then(|seconds| u16::try_from(seconds / 60).ok());
        match minutes {
            Some(minutes) if INTERVALS.contains(&minutes) => Ok(Self(minutes)),
            Some(1440) => Err(cursor.fault(token, "is a day", "Say at what time: \"daily 03:30 Asia/Kolkata\".")),
            _ => Err(cursor.fault(token, "is not an interval that is possible", hint)),
        }
    }
}

impl BackupTime {
    /// Reads a line before which `before` characters stand in what the user wrote.
    pub(super) fn read(text: &str, before: usize) -> Result<Self, Invalid> {
        let mut cursor = Cursor::new(SUMMARY, text, before);
        refuse_cron(&cursor, SHAPE)?;
        if cursor.peek().text.eq_ignore_ascii_case("every") {
            cursor.until_blank();
            return Ok(Self(Kind::Every(Every::read(&mut cursor)?)));
        }
        let days = Days::read(&mut cursor)?;
        let time = TimeOfDay::read(&mut cursor, false)?;
        let next: Token<'_> = cursor.peek();
        if next.text.starts_with('-') {
            return Err(cursor.fault(next, "is not for a backup, which has a time and no end", SHAPE));
        }
        Ok(Self(Kind::At { days, time, zone: Zone::read(&mut cursor, SHAPE)? }))
    }
}

/// The next times of several lines, each once.
pub(super) fn next(schedule: &[BackupTime], after: Timestamp, count: usize) -> Vec<Timestamp> {
    let mut found: BTreeSet<Timestamp> = BTreeSet::new();
    for line in schedule {
        found.extend(line.after(after).take(count));
    }
    found.into_iter().take(count).collect()
}

impl BackupTime {
    /// The times of this line from `after` on, soonest first.
    fn after(&self, after: Timestamp) -> Box<dyn Iterator<Item = Timestamp> + '_> {
        match &self.0 {
            Kind::Every(interval) => Box::new(interval.after(after)),
            Kind::At { days, time, zone } => {
                let today = TimeZone::UTC.to_datetime(after).date();
                let first = today.saturating_sub(2.days());
                let last = today.saturating_add(i32::from(HORIZON_YEARS).years());
                let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok());
                let wanted = dates.take_while(move |date| *date <= last).filter(|date| days.contains(*date));
                let times = wanted.filter_map(|date| Some(time.on(date, zone)?.at));
                Box::new(times.filter(move |at| *at >= after))
            }
        }
    }
}

impl Every {
    fn after(self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        let step = i64::from(self.0) * 60;
        // Days of UTC have 86,400 seconds, so what divides them divides the seconds since 1970.
        let whole = after.as_second().div_euclid(step) * step;
        let begin = Timestamp::from_second(whole).ok();
        let step = SignedDuration::from_secs(step);
        let times = std::iter::successors(begin, move |time| time.checked_add(step).ok());
        times.skip_while(move |time| *time < after)
    }
}

impl FromStr for BackupTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::read(text, 0)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Interval::seconds(u64::from(self.0) * 60).fmt(f)
    }
}

impl fmt::Display for BackupTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::At { days, time, zone } => write!(f, "{days} {time} {zone}"),
            Kind::Every(interval) => write!(f, "every {interval}"),
        }
    }
}

serde_as_text!(BackupTime);
