//! One line of a window's schedule: "Sun 02:00-03:00 Asia/Kolkata".

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::Opening;
use crate::calendar::{Cursor, Days, TimeOfDay, Zone};
use crate::failure::Invalid;
use crate::text::serde_as_text;

/// On which days, from when, until when, by whose clocks.
///
/// The end is on the next day when it is not later than the beginning; the opening belongs to the day of its beginning. Both
/// are what clocks in the zone show. Where they are put forward over the beginning, the opening begins as much later and keeps
/// its length; where they are put back, the first of both times counts, so it opens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningRule {
    days: Days,
    from: TimeOfDay,
    to: TimeOfDay,
    zone: Zone,
}

const SUMMARY: &str = "Schedule not valid";
const SHAPE: &str = "Write days, from and to, and a time zone: \"Sun 02:00-03:00 Asia/Kolkata\".";

impl OpeningRule {
    /// On which days.
    #[must_use]
    pub const fn days(&self) -> &Days {
        &self.days
    }

    /// By whose clocks.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// How long it is by the clock, on a day on which nobody puts it forward or back.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        let day = TimeOfDay::END.minutes();
        let to = if self.to <= self.from { self.to.minutes() + day } else { self.to.minutes() };
        SignedDuration::from_mins((to - self.from.minutes()).into())
    }

    /// The opening that belongs to a day, if there is one.
    #[must_use]
    pub fn on(&self, day: Date) -> Option<Opening> {
        if !self.days.contains(day) {
            return None;
        }
        let start = self.from.on(day, &self.zone)?;
        let end = if start.skipped {
            start.at.checked_add(self.length()).ok()?
        } else if self.to <= self.from {
            self.to.on(day.tomorrow().ok()?, &self.zone)?.at
        } else {
            self.to.on(day, &self.zone)?.at
        };
        (start.at < end).then(|| Opening { day, start: start.at, end, zone: self.zone.clone() })
    }

    /// Reads a line before which `before` characters stand in what the user wrote.
    pub(super) fn read(text: &str, before: usize) -> Result<Self, Invalid> {
        let mut cursor = Cursor::new(SUMMARY, text, before);
        refuse_cron(&cursor, SHAPE)?;
        let days = Days::read(&mut cursor)?;
        let from = TimeOfDay::read(&mut cursor, false)?;
        if !cursor.eat("-") {
            let next = cursor.peek();
            let hint = format!("Write from and to with a hyphen: \"{from}-{}\".", later(from));
            return Err(match next.text {
                "" => cursor.missing("it is not said until when", hint),
                _ => cursor.fault(next, "is where \"-\" and the end belong", hint),
            });
        }
        let at_end = cursor.peek();
        let to = TimeOfDay::read(&mut cursor, true)?;
        if from == to {
            let hint = "Write \"00:00-24:00\" for a whole day, or another time.";
            return Err(cursor.fault(at_end, "is when it begins, too", hint));
        }
        let zone = Zone::read(&mut cursor, SHAPE)?;
        // The end of a day has one spelling.
        let to = if to == TimeOfDay::MIDNIGHT { TimeOfDay::END } else { to };
        Ok(Self { days, from, to, zone })
    }
}

/// An hour later, as an example.
fn later(from: TimeOfDay) -> String {
    let minutes = (from.minutes() + 60) % TimeOfDay::END.minutes();
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Refuses "0 2 * * 0", which says when something begins, in no zone and not for how long; `shape` is what is to be written instead.
pub(crate) fn refuse_cron(cursor: &Cursor<'_>, shape: &'static str) -> Result<(), Invalid> {
    let text = cursor.rest();
    let fields = text
        .split_whitespace()
        .take(5)
        .filter(|field| field.chars().all(|c| c.is_ascii_digit() || "*/,-?LW#".contains(c)) && !field.contains("--"));
    if fields.count() < 5 {
        return Ok(());
    }
    let token = cursor.clone().remainder();
    Err(cursor.fault(token, "is a cron expression", shape))
}

impl FromStr for OpeningRule {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::read(text, 0)
    }
}

impl fmt::Display for OpeningRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-{} {}", self.days, self.from, self.to, self.zone)
    }
}

serde_as_text!(OpeningRule);
