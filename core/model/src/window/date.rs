//! Dates, and ranges of them: "2026-12-24", "2026-11-20..2026-12-02".

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::calendar::shown;
use crate::failure::Invalid;

/// One date or several in a row, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateRange {
    first: Date,
    last: Date,
}

const SUMMARY: &str = "Date not valid";

impl DateRange {
    /// From one date to another; `None` if they are the wrong way round.
    #[must_use]
    pub fn new(first: Date, last: Date) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Whether a date is in it.
    #[must_use]
    pub fn contains(&self, date: Date) -> bool {
        self.first <= date && date <= self.last
    }
}

impl FromStr for DateRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some((first, last)) = text.split_once("..") else {
            let date = date(text.trim(), text)?;
            return Ok(Self { first: date, last: date });
        };
        let (first, last) = (date(first.trim(), text)?, date(last.trim(), text)?);
        Self::new(first, last).ok_or_else(|| {
            let detail = format!("{} ends before it begins.", shown(text));
            Invalid::new(SUMMARY, detail, format!("Write \"{last}..{first}\"."))
        })
    }
}

fn date(text: &str, whole: &str) -> Result<Date, Invalid> {
    let parts: Vec<&str> = text.split('-').collect();
    let shape = parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(|part| plain(part));
    let number = |index: usize| parts[index].parse::<i16>().unwrap_or_default();
    let small = |index: usize| i8::try_from(number(index)).unwrap_or_default();
    if shape {
        return Date::new(number(0), small(1), small(2)).map_err(|_| {
            Invalid::new(SUMMARY, format!("{text:?} is not in the calendar."), "Write a date that there is.")
        });
    }
    let hint = "Write year, month and day: \"2026-12-24\", or a range of dates: \"2026-11-20..2026-12-02\".";
    let what = if text == whole { String::new() } else { format!(" in {}", shown(whole)) };
    Err(Invalid::new(SUMMARY, format!("{}{what} is not a date.", shown(text)), hint))
}

fn plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}..{}", self.first, self.last)
    }
}
