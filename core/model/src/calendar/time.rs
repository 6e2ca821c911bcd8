//! Times of day, and the moments at which a zone's clocks show them.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::AmbiguousOffset;

use super::{Cursor, Token, Zone};
use crate::Timestamp;
use crate::failure::Invalid;

/// A time of day in minutes, 00:00 to 24:00; the last is the end of a day, never a beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(u16);

/// Minutes of a day whose clocks are left alone.
pub(crate) const DAY: u16 = 24 * 60;

/// When a zone's clocks first show a local time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    /// They never show it, because they are put forward over it: `at` is as much later as they are put forward.
    pub(crate) skipped: bool,
}

impl TimeOfDay {
    /// The beginning of a day, and as an end the end of the day before.
    pub const MIDNIGHT: Self = Self(0);
    /// The end of a day.
    pub const END: Self = Self(DAY);

    /// Minutes since the day began, by clocks that nobody puts forward or back.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }

    /// Reads "02:00"; "24:00" only where something ends.
    pub(crate) fn read(cursor: &mut Cursor<'_>, ends: bool) -> Result<Self, Invalid> {
        let mut token = cursor.word(|c| c.is_alphanumeric() || c == ':');
        if !token.text.is_empty() && cursor.rest().starts_with('.') && !cursor.rest().starts_with("..") {
            let hint = "Write hours and minutes with a colon, such as \"02:30\".";
            return Err(cursor.fault(token, "is followed by a full stop", hint));
        }
        if token.text.is_empty() {
            token = cursor.peek();
            if token.text.is_empty() {
                return Err(cursor.missing("a time is missing", "Write hours and minutes, such as \"02:00\"."));
            }
        }
        match parse(token.text) {
            Some(time) if time.0 < DAY || ends => Ok(time),
            Some(_) => Err(cursor.fault(token, "is the end of a day", "Write \"00:00\" for its beginning.")),
            None => Err(cursor.fault(token, "is not a time of day", hint(token))),
        }
    }

    /// When clocks in this zone first show this time on that date; `None` beyond the calendar.
    pub(crate) fn on(self, date: Date, zone: &Zone) -> Option<Moment> {
        let (date, minutes) = if self.0 == DAY { (date.tomorrow().ok()?, 0) } else { (date, self.0) };
        let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
        let ambiguous = zone.as_time_zone().to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        Some(Moment { at: ambiguous.compatible().ok()?, skipped })
    }
}

/// "02:00" or "2:00", up to "24:00".
fn parse(text: &str) -> Option<TimeOfDay> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(hours, 1..=2) || !digits(minutes, 2..=2) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY).then_some(TimeOfDay(total))
}

fn hint(token: Token<'_>) -> String {
    let lower = token.text.to_ascii_lowercase();
    let half =
        lower.strip_suffix("am").map(|rest| (rest, 0)).or_else(|| lower.strip_suffix("pm").map(|rest| (rest, 12)));
    if let Some((rest, add)) = half {
        let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
        if let (Ok(hours @ 1..=12), Ok(minutes @ 0..=59)) = (hours.parse::<u16>(), minutes.parse::<u16>()) {
            return format!("Hours go from 00 to 23: write \"{:02}:{minutes:02}\".", hours % 12 + add);
        }
    }
    let numbers: Vec<&str> = lower.split(':').collect();
    let number = |part: &str| part.parse::<u16>().ok();
    match numbers.as_slice() {
        [hours] if hours.len() <= 2 && number(hours).is_some_and(|h| h < 24) => format!("Write \"{hours:0>2}:00\"."),
        [both] if both.len() == 4 && number(both).is_some() => format!("Write \"{}:{}\".", &both[..2], &both[2..]),
        [hours, minutes, _] if parse(&format!("{hours}:{minutes}")).is_some() => {
            format!("Write \"{hours:0>2}:{minutes}\", without seconds.")
        }
        [hours, _] if number(hours).is_some_and(|h| h > 23) => "Hours go from 00 to 23.".to_owned(),
        [_, minutes] if number(minutes).is_some_and(|m| m > 59) => "Minutes go from 00 to 59.".to_owned(),
        _ => "Write hours and minutes, such as \"02:00\".".to_owned(),
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}
